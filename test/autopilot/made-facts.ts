/** Facts, states and settings as tests of the machine use them. Never part of the program. */
import type { Situation } from "../../src/autopilot/decide.ts";
import { emptyState, fold } from "../../src/autopilot/machine.ts";
import type {
  AttemptVerdict,
  Budgets,
  Deployed,
  Entry,
  Fact,
  RunOutcome,
  ScopeState,
  Sighting,
  Trigger,
} from "../../src/autopilot/model.ts";

export const hourMs = 3_600_000;
export const budgets: Budgets = {
  mutationsPerDay: 4,
  rollbacksPerDay: 2,
  rollbacksPerDayBeforeEscalation: 3,
  concurrentRollouts: 1,
  consecutiveFailures: 2,
  cooldownAfterFailureMs: 60_000,
  cooldownAfterPolicyDenyMs: 120_000,
};

export const config = (more: Partial<Situation["config"]> = {}): Situation["config"] => ({
  scope: { tenantId: "acme", repoId: "shop" },
  mode: "enforce",
  budgets,
  triggers: { runtimeEvents: true, drift: true, validity: true, sources: [], intent: true },
  rollout: { bakeMs: 300_000, bakeLookMs: 15_000, bindings: [] },
  gates: {
    promotion: { require: "when_mutating", publicKeys: [] },
    slo: {
      enabled: false,
      minRollouts: 5,
      minPolicyComplianceRate: 1,
      minRollbackSuccessRate: 1,
      maxChangeInstability: 1,
      insufficientHistory: "hold",
    },
    windows: [],
    freezes: [],
    approval: "never",
  },
  ...more,
});

export const run = (more: Partial<RunOutcome> = {}): RunOutcome => ({
  healthy: true,
  outcome: "succeeded",
  exitCode: 0,
  rollbacks: 0,
  rollbacksSucceeded: 0,
  convergenceMs: 1,
  startedAtMs: 0,
  finishedAtMs: 1,
  ...more,
});

export const deployed = (sha: string): Deployed => ({
  bundleSha256: sha,
  bundlePath: `/${sha}`,
  runtimeRunId: `run-${sha}`,
  atMs: 0,
});
export const offer = (sha: string) => ({
  bundlePath: `/${sha}`,
  bundleSha256: sha,
  runId: "r",
  source: "manifest" as const,
});
export const trigger = (id: string, kind: Trigger["kind"] = "webhook", atMs = 0): Trigger => ({
  id,
  kind,
  severity: "med",
  key: `${kind}:${id}`,
  reason: "because",
  atMs,
  details: {},
});
export const drifted: Sighting = {
  kind: "drifted",
  resources: [{ resourceId: "svc", what: "missing", message: "" }],
};
export const unseen: Sighting = { kind: "unseen", code: "TOOL_TIMEOUT", message: "" };

/** The state after these facts, each a minute after the one before. */
export function after(...facts: readonly Fact[]): ScopeState {
  return facts.reduce(
    (state, fact, index) => fold(state, entry(index + 1, (index + 1) * 60_000, fact)),
    emptyState(),
  );
}

export function entry(seq: number, atMs: number, fact: Fact): Entry {
  return { seq, atMs, writer: "w", token: 1, fact, sha256: "" };
}

export const started = (sha: string, kind: "rollout" | "repair" = "rollout", id = `a-${sha}`): Fact => ({
  type: "attempt_started",
  attempt: {
    attemptId: id,
    kind,
    bundlePath: `/${sha}`,
    bundleSha256: sha,
    runtimeRunId: `run-${id}`,
    triggerIds: [],
  },
  answers: [],
});
export const ended = (sha: string, verdict: AttemptVerdict, more: Partial<RunOutcome> = {}): Fact => ({
  type: "attempt_ended",
  attemptId: `a-${sha}`,
  verdict,
  run: run(more),
});
export const ack: Fact = { type: "word", word: "ack", by: "me", reason: "" };
