/**
 * The hands of the autopilot: begins, recovers, validates, brings back and proposes, each in a file of its own. It decides nothing and
 * remembers nothing; whatever it does stands in the store of the run that it does it for.
 *
 * Source: spec cli §14.7; docs/autopilot.md.
 */
import type { RunHost } from "../../run/ready.ts";
import type { Rollouts } from "../contract.ts";
import type { FenceHost } from "./found-run.ts";
import { propose } from "./propose.ts";
import { recover } from "./recover.ts";
import { repair } from "./repair.ts";
import { rollBack } from "./roll-back.ts";
import { startRollout } from "./start-rollout.ts";
import { timeMetrics } from "./time-metrics.ts";
import { validate } from "./validate.ts";
import { waitsFor } from "./waiting.ts";

export interface RolloutsDeps extends RunHost, FenceHost {
  /** In whose name a rollout is undone, for people: the controller's id. */
  readonly by: string;
}

export function createRollouts(deps: RolloutsDeps): Rollouts {
  return {
    begin: (scope, attempt, signal) =>
      attempt.kind === "repair"
        ? repair(scope, attempt, signal, deps)
        : startRollout(scope, attempt, signal, deps),
    recover: (scope, attempt, signal) => recover(scope, attempt, signal, deps),
    waits: (scope, attempt) => waitsFor(scope, attempt),
    validate: (scope, attempt, signal) => validate(scope, attempt, signal, deps),
    rollBack: (scope, attempt, signal) => rollBack(scope, attempt, signal, deps),
    propose: (scope, attempt, signal) => propose(scope, attempt, signal, deps),
    metrics: (_, { manifestPath }) => timeMetrics(manifestPath),
  };
}
