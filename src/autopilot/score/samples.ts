/**
 * What objectives are measured by: how often something went well and how often it did not, in buckets of time. Pure. Nothing finer is
 * asked for, so a month of anything is at most so many buckets, however much happened in it.
 */
import { limits } from "../../limits.ts";
import type { SloDefinition } from "../config/model.ts";
import type { Tally } from "../contract.ts";
import type { Entry } from "../model.ts";
import { endedAttempts } from "./history-row.ts";

/** Of the bucket that begins at `fromMs`. */
export interface Sample {
  readonly fromMs: number;
  readonly good: number;
  readonly bad: number;
}

/** Of one scope; each bucket stands in a list at most once. */
export type Measured = Readonly<Record<SloDefinition["indicator"], readonly Sample[]>>;

/** Start of the bucket that a moment is in. */
export function bucketOf(atMs: number): number {
  return Math.floor(atMs / limits.autopilotTallyBucketMs) * limits.autopilotTallyBucketMs;
}

/** @param entries of one scope in their order; an attempt whose beginning is not among them is not counted */
export function measuredOf(entries: readonly Entry[], tallies: readonly Tally[]): Measured {
  return {
    rollouts: rolloutSamples(entries),
    recompiles: recompileSamples(entries),
    standing: tallies.map(({ fromMs, standing, drifted }) => ({ fromMs, good: standing, bad: drifted })),
  };
}

/** In the buckets of their ends. Repairs say nothing of an objective. */
export function rolloutSamples(entries: readonly Entry[]): readonly Sample[] {
  return inBuckets(
    endedAttempts(entries).flatMap(({ started, ended, endedAtMs }) =>
      started.attempt.kind === "rollout" && ended.verdict !== "stopped" && ended.verdict !== "not_started"
        ? [sample(endedAtMs, ended.verdict === "kept")]
        : [],
    ),
  );
}

export function recompileSamples(entries: readonly Entry[]): readonly Sample[] {
  return inBuckets(
    entries.flatMap(({ fact, atMs }) =>
      fact.type === "recompile_ended" && fact.result !== "cut_off"
        ? [sample(atMs, fact.result !== "failed")]
        : [],
    ),
  );
}

/** One for each bucket, which counts all that is in it. */
export function inBuckets(samples: readonly Sample[]): readonly Sample[] {
  const buckets = new Map<number, Sample>();
  for (const { fromMs, good, bad } of samples) {
    const known = buckets.get(fromMs) ?? { fromMs, good: 0, bad: 0 };
    buckets.set(fromMs, { fromMs, good: known.good + good, bad: known.bad + bad });
  }
  return [...buckets.values()];
}

function sample(atMs: number, good: boolean): Sample {
  return { fromMs: bucketOf(atMs), good: good ? 1 : 0, bad: good ? 0 : 1 };
}
