/**
 * What a picture of a run shows, as plain data: the report, the terminal's graph and the live page draw the same facts.
 * Nothing here looks at a store or a clock, and nothing here is truth: all of it is read from a run's events.
 */
import type { ActionPhase, Outcome } from "../store/contract.ts";

/** A run as it stood at its event `lastSeq`. Times are milliseconds since the epoch. */
export interface RunPicture {
  readonly run: PicturedRun;
  /** When it was looked at; where the run has not ended, bars end here. */
  readonly asOfMs: number;
  /** Number of the last event that is in the picture. */
  readonly lastSeq: number;
  /** In the order of the plan: by layer, then as the layer lists them. A step's place here is its number elsewhere. */
  readonly steps: readonly PicturedStep[];
  /** What had to be done before what. Numbers of steps. */
  readonly edges: readonly PicturedEdge[];
  /** Numbers of steps, in order: those that the run's length came from. */
  readonly criticalPath: readonly number[];
  /** The newest `limits.picturedDecisionsMax`, in order; every denial of a step is also on its step. */
  readonly decisions: readonly PicturedDecision[];
  /** How many there were. */
  readonly decisionCount: number;
  readonly rollouts: readonly PicturedRollout[];
  /** Absent where nobody judged the run. */
  readonly validity?: PicturedValidity;
  /** What `akc runtime verify` answers for this run; absent where nobody asked. */
  readonly verification?: PicturedVerification;
  readonly evidence: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly sizeBytes: number;
  }[];
}

export interface PicturedRun {
  readonly runtimeRunId: string;
  readonly tenantId: string;
  readonly repoId: string;
  readonly runId: string;
  readonly mode: string;
  readonly adapterId: string;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  /** One word: the outcome, or running, stopping, waiting, abandoned. */
  readonly standing: string;
  readonly outcome?: Outcome;
  readonly lastError?: string;
  readonly startedAtMs: number;
  readonly finishedAtMs?: number;
}

/** Phases as they are listed: those that need eyes come first. */
export const phaseOrder: readonly ActionPhase[] = [
  "failed",
  "denied",
  "suspended",
  "retrying",
  "running",
  "blocked",
  "cancelled",
  "waiting",
  "succeeded",
];

export interface PicturedStep {
  readonly actionId: string;
  /** The step's id; that of its node for actions that are no steps. */
  readonly name: string;
  /** For people; the node's name. */
  readonly label: string;
  readonly role?: string;
  /** `subprocess`, `http`, `wait`, `noop`, `delegate_adapter`, …; absent where the run's facts do not say. */
  readonly route?: string;
  /** From 0. */
  readonly layer: number;
  readonly phase: ActionPhase;
  readonly attempts: readonly PicturedAttempt[];
  /** Why it stands so: of a failure, a denial, what blocks it, what it waits for. Short, safe to show. */
  readonly reason?: string;
  /** Code of the failure or rule of the denial. */
  readonly code?: string;
  /** Of what it put out: the documented keys, cut to what is short; redacted as everywhere. */
  readonly outputs?: readonly { readonly key: string; readonly text: string; readonly isCut: boolean }[];
  readonly outputSha256?: string;
}

export interface PicturedAttempt {
  /** From 1. */
  readonly number: number;
  readonly startedAtMs: number;
  /** Since when it waited for a signal or a clock, holding no place; absent where it never did. */
  readonly waitedFromMs?: number;
  /** Absent while it runs or waits. */
  readonly endedAtMs?: number;
  readonly end?: "succeeded" | "failed" | "denied" | "cancelled" | "suspended" | "lost";
  readonly code?: string;
  readonly message?: string;
}

export interface PicturedEdge {
  readonly from: number;
  readonly to: number;
  /** `depends_on`, `handoff`, `barrier`, `parallel`, … */
  readonly kinds: readonly string[];
}

export interface PicturedDecision {
  readonly seq: number;
  readonly atMs: number;
  readonly action: string;
  readonly allowed: boolean;
  readonly reason: string;
  readonly rule: string;
  /** Number of the step that it was about. */
  readonly step?: number;
}

export interface PicturedRollout {
  readonly rolloutId: string;
  readonly phase: string;
  readonly strategy: string;
  readonly reason?: string;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  readonly units: readonly {
    readonly resourceId: string;
    readonly phase: string;
    readonly reason?: string;
  }[];
}

export interface PicturedValidity {
  readonly verdict: string;
  readonly criteria: readonly {
    readonly id: string;
    readonly verdict: string;
    readonly reason?: string;
    /** What was measured against what, for people. */
    readonly measured?: string;
  }[];
}

export interface PicturedVerification {
  /** Whether all that is kept of the run is what its events say. */
  readonly isWhole: boolean;
  readonly events: number;
  /** Hash of the last event: the head of the chain, 64 hexadecimal digits. */
  readonly headSha256?: string;
  readonly findings: readonly string[];
  readonly checkedAtMs: number;
}
