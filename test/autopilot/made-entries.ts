/** Entries for tests, from a short account of what happened. Never part of the program. */

import type { GateAnswer } from "../../src/autopilot/gates/model.ts";
import type {
  Attempt,
  AttemptKind,
  AttemptVerdict,
  Entry,
  Fact,
  RunOutcome,
} from "../../src/autopilot/model.ts";
import type { CompileApply, TimeMetrics } from "../../src/autopilot/offer/model.ts";

export const scope = { tenantId: "acme", repoId: "shop" };
export const holder = "ctl-1@host:7:abc";

/** Entries of one scope, numbered, with digests that differ. */
export function entriesOf(
  facts: readonly (readonly [atMs: number, fact: Fact, writer?: string])[],
  options: { readonly salt?: string; readonly afterSeq?: number } = {},
): Entry[] {
  return facts.map(([atMs, fact, writer = holder], index) => {
    const seq = (options.afterSeq ?? 0) + index + 1;
    return {
      seq,
      atMs,
      writer,
      token: fact.type === "word" ? 0 : 1,
      fact,
      sha256: new Bun.CryptoHasher("sha256").update(`${options.salt ?? ""}${seq}`).digest("hex"),
    };
  });
}

export function outcome(more: Partial<RunOutcome> = {}): RunOutcome {
  return {
    healthy: true,
    outcome: "succeeded",
    exitCode: 0,
    converged: true,
    rollbacks: 0,
    rollbacksSucceeded: 0,
    convergenceMs: 100,
    startedAtMs: 0,
    finishedAtMs: 1,
    ...more,
  };
}

export interface Tale {
  readonly id: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly kind?: AttemptKind;
  readonly verdict?: AttemptVerdict;
  readonly run?: RunOutcome;
  readonly metrics?: TimeMetrics;
  readonly triggerIds?: readonly string[];
  readonly compileApply?: CompileApply;
}

export function attempt(tale: Tale): readonly (readonly [number, Fact])[] {
  const { id, startMs, endMs, kind = "rollout", verdict = "kept", run = outcome(), metrics } = tale;
  const begun: Attempt = {
    attemptId: id,
    kind,
    bundlePath: `/bundles/${id}.json`,
    bundleSha256: `sha-${id}`,
    runtimeRunId: `run-${id}`,
    triggerIds: tale.triggerIds ?? [],
  };
  return [
    [startMs, { type: "attempt_started", attempt: begun, answers: [], compileApply: tale.compileApply }],
    [endMs, { type: "attempt_ended", attemptId: id, verdict, run, metrics }],
  ];
}

export function held(
  id: string,
  answers: readonly GateAnswer[],
  more: { readonly kind?: AttemptKind; readonly compileApply?: CompileApply } = {},
): Fact {
  return {
    type: "held",
    attemptId: id,
    kind: more.kind ?? "rollout",
    bundleSha256: `sha-${id}`,
    answers,
    compileApply: more.compileApply,
  };
}

export function shut(gate: GateAnswer["gate"], reason: string, details?: GateAnswer["details"]): GateAnswer {
  return { gate, verdict: "closed", reason, message: `${gate} says no`, ...(details ? { details } : {}) };
}
