/**
 * The words of the autopilot: what is remembered of a scope (facts, appended and never changed) and what follows from them (the
 * state, a fold). Types, plain lists and the name of a scope; nothing here touches the world.
 *
 * Source: spec cli §14–§15; controller-runtime and Flagger (design only).
 */
import type { JsonObject } from "../json/value.ts";
import type { Outcome } from "../store/contract.ts";
import type { GateAnswer } from "./gates/model.ts";
import type { CompileApply, TimeMetrics } from "./offer/model.ts";

/** `<tenant>/<repo>`; nothing crosses it. */
export interface ScopeId {
  readonly tenantId: string;
  readonly repoId: string;
}

/** `<tenant>/<repo>`: its key in maps and in the configuration, its folder below the outputs root, its name for people. */
export function scopeName({ tenantId, repoId }: ScopeId): string {
  return `${tenantId}/${repoId}`;
}

/**
 * What the autopilot may do in a scope. `observe`: look, record and say. `propose`: also recompile, and write the plan of a rollout or
 * a repair, which waits for a person's `approve`. `enforce`: do it, behind the gates.
 */
export const modes = ["observe", "propose", "enforce"] as const;
export type Mode = (typeof modes)[number];

export const profiles = ["off", "living_loop_v1", "living_loop_unattended_v1"] as const;
export type Profile = (typeof profiles)[number];

export const environments = ["dev", "staging", "prod"] as const;
export type EnvironmentProfile = (typeof environments)[number];

/** Why something is to be looked into. */
export const triggerKinds = [
  /** A runtime event that the living bridge maps to a signal (spec cli §15.2). */
  "runtime_event",
  /** What stands is not what should stand, or is not healthy. */
  "drift",
  "changed_sources",
  "changed_intent",
  /** An operational validity report that does not pass. */
  "validity_failed",
  "schedule",
  "webhook",
  /** `akc autopilot trigger`. */
  "person",
] as const;
export type TriggerKind = (typeof triggerKinds)[number];

/** Stored before it is acted on. Two with the same key are one for as long as the first is open. */
export interface Trigger {
  /** UUIDv7. */
  readonly id: string;
  readonly kind: TriggerKind;
  readonly severity: "low" | "med" | "high";
  /** For de-duplication: what it is about, e.g. `drift:<bundle hash>:<resources>`, `event:<run>:<seq>`, `webhook:<nonce>`. */
  readonly key: string;
  /** One line for people. */
  readonly reason: string;
  readonly atMs: number;
  /** What a hook is told beside; small (`limits.autopilotTriggerBytesMax`), free of secrets. */
  readonly details: JsonObject;
}

/** A bundle that could be rolled out, known by its hash and never by its path (cli:W-58). */
export interface Offer {
  /** Absolute. */
  readonly bundlePath: string;
  /** Fingerprint as `akc runtime start --bundle-sha256` takes it. */
  readonly bundleSha256: string;
  /** The compile run that it is of. */
  readonly runId: string;
  /** `.akc/run/<run_id>.manifest.json`, absolute, where there is one. */
  readonly manifestPath?: string | undefined;
  /** Who offered it. */
  readonly source: "configured" | "manifest" | "recompile";
}

/** What stands in the scope by the autopilot's or a person's last good run: the desired state that drift is measured by. */
export interface Deployed {
  readonly bundleSha256: string;
  readonly bundlePath: string;
  readonly runtimeRunId: string;
  readonly atMs: number;
}

/** What an attempt does: `rollout` brings out another bundle, `repair` applies the current one again. */
export type AttemptKind = "rollout" | "repair";

/** Written before anything is done (cli:W-19b). */
export interface Attempt {
  /** UUIDv7. */
  readonly attemptId: string;
  readonly kind: AttemptKind;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  /** The run that it starts (`rollout`) or reconciles on behalf of (`repair`). Chosen before, so that its outcome is never guessed (cli:W-28). */
  readonly runtimeRunId: string;
  readonly triggerIds: readonly string[];
  /** What stood before, to go back to; absent on a scope's first rollout. */
  readonly previous?: Deployed | undefined;
}

/** How the run of an attempt ended, measured and not guessed. */
export interface RunOutcome {
  /** Its exit code was 0, it converged where it deploys, and its validity did not fail. */
  readonly healthy: boolean;
  readonly outcome: Outcome | "unknown";
  readonly exitCode: number;
  readonly converged?: boolean | undefined;
  readonly validity?: "pass" | "fail" | "inconclusive" | "error" | undefined;
  readonly rollbacks: number;
  readonly rollbacksSucceeded: number;
  /** From the start of the deployment to the moment at which all stood; null where nothing converged or nothing is deployed. */
  readonly convergenceMs: number | null;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly errorCode?: string | undefined;
  readonly message?: string | undefined;
}

export type AttemptVerdict =
  /** It stood through its bake and stays. */
  | "kept"
  /** It did not come to stand, and nothing was left to bring back or what stood before stands again by the run's own rollback. */
  | "failed"
  /** It stood, did not hold through its bake, and what was before stands again. */
  | "rolled_back"
  /** What was before could not be brought back: a person is needed. */
  | "rollback_failed"
  /** The run never began: nothing was changed. */
  | "not_started"
  /** It was cut off by a stop or a lost lease, and is not gone on with. */
  | "stopped";

export const words = ["pause", "resume", "ack", "approve", "deny"] as const;
export type Word = (typeof words)[number];

/** Why a scope is held until a person says `ack`. */
export type EscalationReason =
  | "consecutive_failures"
  | "rollbacks_per_day"
  | "rollback_failed"
  | "compile_failures"
  | "history_damaged";

/** What happened in a scope. The only thing that is stored; every other row follows from it. */
export type Fact =
  /** First sight: what a run of before already had deployed. */
  | { readonly type: "adopted"; readonly deployed: Deployed }
  | { readonly type: "triggered"; readonly trigger: Trigger }
  | {
      readonly type: "triggers_settled";
      readonly triggerIds: readonly string[];
      /** `gone`: what it was about is not so any more. */
      readonly by: "repair" | "recompile" | "rollout" | "gone" | "person" | "observed";
    }
  | { readonly type: "recompile_started"; readonly attemptId: string; readonly triggerIds: readonly string[] }
  | {
      readonly type: "recompile_ended";
      readonly attemptId: string;
      /** `unchanged`: it answered with the bundle that is known already, or with none. `refused`: it did so on purpose. */
      readonly result: "offered" | "unchanged" | "refused" | "failed" | "cut_off";
      readonly offer?: Offer | undefined;
      readonly errorCode?: string | undefined;
      readonly message?: string | undefined;
      readonly durationMs: number;
    }
  | { readonly type: "offered"; readonly offer: Offer }
  /** Gates were asked and did not all open. Recorded when the answers differ from the last ones, not at every visit. */
  | {
      readonly type: "held";
      readonly attemptId: string;
      readonly kind: AttemptKind;
      readonly bundleSha256: string;
      readonly answers: readonly GateAnswer[];
      readonly compileApply?: CompileApply | undefined;
    }
  | {
      readonly type: "proposed";
      readonly attemptId: string;
      readonly kind: AttemptKind;
      readonly bundleSha256: string;
      /** File with the plan, below the scope's folder. */
      readonly planPath?: string | undefined;
      readonly summary: string;
    }
  | {
      readonly type: "attempt_started";
      readonly attempt: Attempt;
      readonly answers: readonly GateAnswer[];
      readonly compileApply?: CompileApply | undefined;
    }
  /** Its run has ended well; what it made is watched until `bakeUntilMs`. */
  | {
      readonly type: "attempt_deployed";
      readonly attemptId: string;
      readonly run: RunOutcome;
      readonly bakeUntilMs: number;
    }
  | {
      readonly type: "attempt_ended";
      readonly attemptId: string;
      readonly verdict: AttemptVerdict;
      readonly run?: RunOutcome | undefined;
      readonly metrics?: TimeMetrics | undefined;
      readonly message?: string | undefined;
    }
  | { readonly type: "escalated"; readonly reason: EscalationReason; readonly message: string }
  | {
      readonly type: "word";
      readonly word: Word;
      /** `user@host`. */
      readonly by: string;
      readonly reason: string;
      /** Of `approve` and `deny`: the bundle that was shown. */
      readonly bundleSha256?: string | undefined;
    }
  | { readonly type: "visit_failed"; readonly code: string; readonly message: string }
  | { readonly type: "visit_recovered" }
  /** A window's scoreboard was written. */
  | { readonly type: "scored"; readonly windowStartMs: number; readonly windowEndMs: number };

export type FactType = Fact["type"];

/** A stored fact. Its digest chains over the scope's facts before it. */
export interface Entry {
  readonly seq: number;
  /** Never before that of the entry before it, whatever the wall clock does. */
  readonly atMs: number;
  /** Who wrote it: a controller's identity, or `user@host` for a word. */
  readonly writer: string;
  /** The fencing token that it was written under; 0 for a person's word. */
  readonly token: number;
  readonly fact: Fact;
  readonly sha256: string;
}

/** An attempt that has not ended. */
export interface OpenAttempt extends Attempt {
  readonly startedAtMs: number;
  readonly phase:
    | { readonly kind: "running" }
    | { readonly kind: "baking"; readonly run: RunOutcome; readonly untilMs: number };
}

/** What follows from a scope's facts. Pure fold: `machine.ts`. */
export interface ScopeState {
  /** Of the last entry folded; 0 before any. */
  readonly seq: number;
  readonly atMs: number;
  readonly deployed?: Deployed | undefined;
  /** The newest bundle that was offered and is neither deployed nor rejected. */
  readonly candidate?: (Offer & { readonly atMs: number }) | undefined;
  /** What `Offers.newest` last answered with: told once, so that an old bundle that lies there still is not taken for a new one. */
  readonly newestSha256?: string | undefined;
  /** Hashes of bundles that failed or were denied; the newest `limits.autopilotRejectedMax`. A person's `ack` empties it. */
  readonly rejected: readonly string[];
  readonly openTriggers: readonly Trigger[];
  readonly recompiling?:
    | { readonly attemptId: string; readonly sinceMs: number; readonly triggerIds: readonly string[] }
    | undefined;
  readonly attempt?: OpenAttempt | undefined;
  readonly paused?: { readonly by: string; readonly reason: string; readonly atMs: number } | undefined;
  readonly escalated?:
    | { readonly reason: EscalationReason; readonly message: string; readonly atMs: number }
    | undefined;
  readonly proposal?:
    | {
        readonly attemptId: string;
        readonly kind: AttemptKind;
        readonly bundleSha256: string;
        readonly atMs: number;
      }
    | undefined;
  readonly approval?:
    | { readonly bundleSha256: string; readonly by: string; readonly atMs: number }
    | undefined;
  readonly held?: (Extract<Fact, { readonly type: "held" }> & { readonly atMs: number }) | undefined;
  /** Times of what counts against the budgets, of the last 24 hours before `atMs`, oldest first. */
  readonly mutationsAtMs: readonly number[];
  readonly rollbacksAtMs: readonly number[];
  readonly consecutiveFailures: number;
  /** When a repair failed after which nothing was kept: what it was for is left to the hook, where there is one. */
  readonly lastRepairFailureAtMs?: number | undefined;
  /** When the last attempt failed, and when gates last refused by policy; cool-downs count from them. */
  readonly lastFailureAtMs?: number | undefined;
  readonly lastPolicyDenyAtMs?: number | undefined;
  readonly consecutiveCompileFailures: number;
  readonly lastCompileFailureAtMs?: number | undefined;
  /** When a person last said `ack`: what went wrong before does not escalate again. */
  readonly ackedAtMs?: number | undefined;
  readonly fault?:
    | { readonly code: string; readonly message: string; readonly count: number; readonly sinceMs: number }
    | undefined;
  /** End of the last window that was scored. */
  readonly scoredUntilMs?: number | undefined;
}

/** Limits that a scope is held to; all windows slide. Times in milliseconds. */
export interface Budgets {
  readonly mutationsPerDay: number;
  readonly rollbacksPerDay: number;
  readonly rollbacksPerDayBeforeEscalation: number;
  readonly concurrentRollouts: number;
  readonly consecutiveFailures: number;
  readonly cooldownAfterFailureMs: number;
  readonly cooldownAfterPolicyDenyMs: number;
}

/** What a look at the deployed state found. */
export type Sighting =
  /** All stands as it should and is healthy. */
  | { readonly kind: "standing" }
  | {
      readonly kind: "drifted";
      /** Sorted ids of the resources, with what is wrong: `missing`, `changed`, `unhealthy`, `unmanaged`. */
      readonly resources: readonly {
        readonly resourceId: string;
        readonly what: string;
        readonly message: string;
      }[];
    }
  /** Nobody could tell: the provider did not answer. Never taken for drift and never for health. */
  | { readonly kind: "unseen"; readonly code: string; readonly message: string }
  /** The bundle wants nothing to stand. */
  | { readonly kind: "nothing" };
