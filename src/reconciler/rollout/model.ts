/**
 * A rollout as data: how a changed set of resources gets from what stands to what should stand, and where it is on that way.
 * Kept in the store as JSON after every step, so that another process can go on with it.
 *
 * Source: spec reconcile §1.9, §1.10, §16.
 */
import type { JsonValue } from "../../json/value.ts";
import type { Health } from "../../providers/contract.ts";

/** 0 < share ≤ 1 (of the copies or of the list), or a count. */
export type Amount = { readonly share: number } | { readonly count: number };

/** How fast, in which steps. Times are milliseconds. */
export interface Strategy {
  readonly kind: "all_at_once" | "rolling" | "canary" | "blue_green";
  /**
   * What is new after each step, growing; the last is all. Of `of: "resources"` a share is of the list of changed resources
   * (the documented canary); of `of: "copies"` it is of the copies of each resource.
   */
  readonly steps: readonly RolloutStep[];
  readonly of: "resources" | "copies";
  /** Copies beyond the wanted number while changing; a share of them is rounded up. Not for `all_at_once`. */
  readonly maxSurge: Amount;
  /** Copies that may be missing while changing; a share is rounded down. Not for `all_at_once`. */
  readonly maxUnavailable: Amount;
  /** Resources changed at the same time. */
  readonly parallel: number;
  /** Whether the last step waits for `promote`. */
  readonly approval: boolean;
  readonly health: HealthRule;
  /** Healths that end the rollout and bring everything back. */
  readonly abortOn: readonly Health[];
  /** Healths in which it neither goes on nor back. */
  readonly inconclusiveOn: readonly Health[];
  readonly rollbackOnFailure: boolean;
  /** A pause, approval or inconclusive analysis waits at most so long, then the rollout aborts. */
  readonly pauseDeadlineMs: number;
}

export interface RolloutStep {
  readonly amount: Amount;
  /** How long what is new has to stand healthy before the step counts. */
  readonly bakeMs: number;
  /** Stop here until `resume` or `promote`. */
  readonly pause: boolean;
  readonly analysis?: Analysis;
}

export interface HealthRule {
  readonly gate: "permissive" | "strict";
  /** How long it has to be healthy without a break. */
  readonly minHealthyMs: number;
  /** By when a changed resource has to be healthy. */
  readonly healthyDeadlineMs: number;
  /** By when some resource has to make progress; counts anew with each one that turns healthy. */
  readonly progressDeadlineMs: number;
  /** `unknown` passes a strict gate for so long. */
  readonly unknownGraceMs: number;
}

export interface Analysis {
  readonly name: string;
  /** What is measured: read by whoever measures (`reconciler/analysis.ts`). */
  readonly checks: readonly { readonly [key: string]: JsonValue }[];
  readonly initialDelayMs: number;
  readonly intervalMs: number;
  /** So many measurements in all. */
  readonly count: number;
  /** More failures than this fail the analysis at once. */
  readonly failureLimit: number;
  /** More of these than this leave it inconclusive: the rollout pauses for a person. */
  readonly inconclusiveLimit: number;
  /** More errors in a row than this fail it. */
  readonly errorLimit: number;
  /** Measured, told, and not counted. */
  readonly dryRun: boolean;
}

export const rolloutPhases = [
  "progressing",
  "baking",
  "analysing",
  /** Waits for a person, or for its deadline. */
  "paused",
  "rolling_back",
  "completed",
  "rolled_back",
  /** Ended without bringing everything back: not wanted, not possible, or that failed too. */
  "failed",
  /** A newer bundle took its place. */
  "superseded",
] as const;
export type RolloutPhase = (typeof rolloutPhases)[number];

export const endedPhases: ReadonlySet<RolloutPhase> = new Set([
  "completed",
  "rolled_back",
  "failed",
  "superseded",
]);

/** One resource of a rollout. */
export interface Unit {
  readonly resourceId: string;
  /** Resources of a lower layer stand first; deletes go the other way round, after everything else. */
  readonly layer: number;
  readonly operation: "create" | "update" | "delete";
  readonly targetHash: string;
  /** Of the revision to go back to; null: there is none (a create goes back by being deleted). */
  readonly previousHash: string | null;
  /** Copies wanted; null where that means nothing. */
  readonly replicas: number | null;
  readonly state: UnitState;
  /** Milliseconds since the epoch at which this state began. */
  readonly sinceMs: number;
  /**
   * Copies asked for last of the revision that it is brought to, and of the other one; null before, and where it is changed
   * whole. While it rolls back the revision that it is brought to is the previous one.
   */
  readonly updated: number | null;
  readonly previous: number | null;
  /** Whether something of it may be new: what a rollback has to bring back. */
  readonly touched: boolean;
  /** When the change under way was made; null while it is only asked for. */
  readonly changedMs: number | null;
  /** What was last seen of it, and when; null while nobody looked. */
  readonly health: Health | "absent" | "unobservable" | null;
  readonly lookedMs: number | null;
  /** Seen healthy at every look since; null while it is not. */
  readonly healthySinceMs: number | null;
  /** By when it has to be healthy. */
  readonly deadlineMs: number | null;
  /** Tries of the change under way that failed. */
  readonly failures: number;
  /** Not tried again before. */
  readonly notBeforeMs: number;
  /** A code of `rolloutReasons`, and words for people. */
  readonly reason?: RolloutReason;
  readonly message?: string;
}

export type UnitState =
  /** Not begun, or held back by the step. */
  | "waiting"
  /** The change was asked for; whether it was made is not known yet. */
  | "changing"
  /** Changed; has to become healthy. */
  | "verifying"
  /** Stands as far as the step wants it, healthy for long enough. */
  | "settled"
  | "failed"
  | "rolling_back"
  | "rolled_back"
  | "rollback_failed"
  | "rollback_unsupported";

const rolloutReasons = [
  "applied",
  "healthy",
  "unhealthy",
  "healthy_deadline_exceeded",
  "progress_deadline_exceeded",
  "pause_deadline_exceeded",
  "apply_failed",
  "not_owned",
  "world_moved",
  "unobservable",
  "dependency_failed",
  "analysis_failed",
  "analysis_inconclusive",
  "health_inconclusive",
  "policy_denied",
  "provider_refused",
  "correction_loop",
  "step_pause",
  "awaiting_approval",
  "paused_by_operator",
  "aborted_by_operator",
  "undone_by_operator",
  "superseded",
  "rollback_unsupported",
  "rollback_failed",
] as const;
export type RolloutReason = (typeof rolloutReasons)[number];

/** Measurements of the analysis under way. */
export interface AnalysisRun {
  readonly startedMs: number;
  readonly nextMs: number;
  readonly passed: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly errors: number;
  readonly errorsInRow: number;
  /** The last one's word. */
  readonly message?: string;
}

export interface Rollout {
  readonly rolloutId: string;
  readonly runtimeRunId: string;
  readonly planId: string;
  /** `manifest_hash` of the bundle. */
  readonly bundleSha256: string;
  readonly providerId: string;
  readonly strategy: Strategy;
  /** 1, and one more with each `retry`: the same change in another generation is another change. */
  readonly generation: number;
  readonly phase: RolloutPhase;
  /** In phase `paused`: what it was before, and goes on with. */
  readonly pausedFrom?: "progressing" | "baking" | "analysing";
  readonly reason?: RolloutReason;
  readonly message?: string;
  readonly phaseSinceMs: number;
  readonly startedMs: number;
  /** When something last made progress. */
  readonly progressMs: number;
  /** By when the phase under way must be over; null in a phase that ended. */
  readonly deadlineMs: number | null;
  /** Since when a deadline has passed that nobody has looked behind; null otherwise. */
  readonly overdueMs: number | null;
  /** Index into `strategy.steps`. */
  readonly step: number;
  /** Whether all waits of the last step are over: old copies may go, and what is not wanted any more is deleted. */
  readonly approved: boolean;
  /** Every later pause and analysis is skipped (`promote --full`). */
  readonly full: boolean;
  readonly analysis: AnalysisRun | null;
  readonly units: readonly Unit[];
}

/**
 * What the machine wants done now. The driver does it and folds what came of it. A change that was begun and of which nobody
 * said what came is wanted again (akc may have died in it): who has it under way passes over it.
 */
export type RolloutAction =
  | {
      readonly kind: "apply";
      readonly resourceId: string;
      readonly hash: string;
      readonly why: "rollout" | "rollback";
      /** Copies of the new and of the old revision; null: the whole resource. */
      readonly copies: { readonly updated: number; readonly previous: number } | null;
    }
  | { readonly kind: "delete"; readonly resourceId: string; readonly why: "rollout" | "rollback" }
  | { readonly kind: "measure"; readonly analysis: Analysis };

/** What the driver tells the machine. */
export type RolloutInput =
  /** What stands of one unit. `matches`: no difference to the target (for a rollback: to the previous) revision. */
  | {
      readonly kind: "observed";
      readonly resourceId: string;
      readonly present: boolean | "unobservable";
      readonly matches: boolean;
      /** Made from that revision, by its mark: what has died since differs, if only by that. */
      readonly marked?: boolean;
      /** `unknown` with a condition `ready` that is true is told as `healthy` (spec reconcile §1.7). */
      readonly health: Health;
      readonly message?: string;
      readonly copies?: { readonly updated: number; readonly updatedReady: number; readonly ready: number };
    }
  /** The change was begun: recorded before it is made. */
  | {
      readonly kind: "begun";
      readonly resourceId: string;
      readonly why: "rollout" | "rollback";
      /** `copies.updated` of the action. */
      readonly updated: number | null;
    }
  /** `why` is the action's: the answer to a change that was given up on in the meantime is not taken for that of the rollback. */
  | { readonly kind: "applied"; readonly resourceId: string; readonly why: "rollout" | "rollback" }
  | {
      readonly kind: "refused";
      readonly resourceId: string;
      readonly why: "rollout" | "rollback";
      readonly reason: RolloutReason;
      readonly message: string;
      /** Whether another try may help. */
      readonly retryable: boolean;
    }
  | {
      readonly kind: "measured";
      /** Index of the step that it was taken in: what comes late, when another one is analysed, is not counted. */
      readonly step?: number;
      readonly verdict: "pass" | "fail" | "inconclusive" | "error";
      readonly message: string;
    }
  | { readonly kind: "command"; readonly command: RolloutCommand; readonly by: string }
  | { readonly kind: "superseded"; readonly by: string }
  /** Nothing happened but time. */
  | { readonly kind: "tick" };

export const rolloutCommands = [
  "pause",
  "resume",
  "promote",
  "promote_full",
  "abort",
  "retry",
  "undo",
] as const;
export type RolloutCommand = (typeof rolloutCommands)[number];
