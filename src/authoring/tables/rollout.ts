/**
 * How changes of services are rolled out, as a table: the members of `runtime_rollout` with lengths of time that people
 * write. What they mean together is judged where rollouts are carried out.
 *
 * Source: docs/rollouts.md.
 */
import { limits } from "../../limits.ts";
import { list, map, may, must } from "../form/composed.ts";
import { count, flag, lengthOfTime, number, oneOf, text } from "../form/plain.ts";
import { either, type ReadBy, verbatimMap } from "../form/reader.ts";

const time = lengthOfTime(0, limits.rolloutWaitMsMax);
const copies = either(
  count(0, 1_000_000),
  text({ pattern: /^\d{1,3}%$/, wants: 'a number of copies, or a share such as "25%"' }),
);
const healths = list(oneOf(["unknown", "degraded", "failed"]));

const analysis = map("a map about an analysis", {
  name: must(text(), "For people and for the evidence."),
  checks: must(
    list(verbatimMap, { least: 1 }),
    "What is measured: probes of kind `http` or `tcp`, and `{kind: validator, binding: ID}`.",
  ),
  initial_delay: may(time, "Before the first measurement."),
  interval: may(time, "Between two measurements. 1 min."),
  count: may(count(1, 1_000_000), "Measurements in all. 1."),
  failure_limit: may(count(0, 1_000_000), "More failures than this fail it at once."),
  inconclusive_limit: may(
    count(0, 1_000_000),
    "More measurements without an answer than this pause the rollout.",
  ),
  error_limit: may(count(0, 1_000_000), "More errors in a row than this fail it."),
  dry_run: may(flag, "Measured and recorded; decides nothing."),
});

const rolloutStep = map("a map with count, percent or share", {
  count: may(count(1, 1_000_000), "So many are new after this step."),
  percent: may(number, "So many of a hundred, more than 0."),
  share: may(number, "Such a part, more than 0, up to 1."),
  bake: may(time, "In place of the rollout's own."),
  analysis: may(analysis, "In place of the rollout's own."),
  pause: may(flag, "Stop after this step until somebody says `akc rollout resume` or `promote`."),
});

export const rollout = map("a map with strategy", {
  strategy: must(oneOf(["all_at_once", "rolling", "canary", "blue_green"]), "How the change gets there."),
  of: may(oneOf(["resources", "copies"]), "Of what a canary's steps are a part."),
  steps: may(list(rolloutStep, { least: 1, most: limits.rolloutStepsMax }), "Of a canary."),
  bake: may(time, "How long what is new has to be healthy before a step counts."),
  analysis: may(analysis, "What is measured after the bake."),
  max_surge: may(copies, "Copies beyond the wanted number while they are replaced."),
  max_unavailable: may(copies, "Copies that may be missing while they are replaced."),
  parallel: may(count(1, 64), "Services that are changed at the same time."),
  approval: may(flag, "Whether the last step waits for `akc rollout promote`."),
  health: may(
    map("a map of deadlines", {
      min_healthy: may(time, "How long it has to be seen healthy before it counts."),
      healthy_deadline: may(time, "By when it has to be healthy."),
      progress_deadline: may(
        time,
        "By when something has to become healthy; counts anew with each that does.",
      ),
    }),
    "What counts as healthy, and by when.",
  ),
  abort_on: may(healths, "Healths that end the rollout."),
  inconclusive_on: may(healths, "Healths in which it pauses."),
  rollback_on_failure: may(flag, "Whether a failure brings everything back. Yes unless said."),
  pause_deadline: may(time, "How long it waits for a person before it gives up. 24 h."),
});

export type RolloutForm = ReadBy<typeof rollout>;
export type AnalysisForm = ReadBy<typeof analysis>;
