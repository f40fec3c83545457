/**
 * What follows from a scope's facts. Never looks at a clock, a disk or the configuration: the same facts always give the same
 * state, whoever folds them.
 *
 * Source: spec cli §14.5, §14.10.
 */
import { limits } from "../limits.ts";
import { inWindow } from "./budget.ts";
import type { Entry, Fact, Offer, ScopeState, Trigger } from "./model.ts";

export function emptyState(): ScopeState {
  return {
    seq: 0,
    atMs: 0,
    rejected: [],
    openTriggers: [],
    mutationsAtMs: [],
    rollbacksAtMs: [],
    consecutiveFailures: 0,
    consecutiveCompileFailures: 0,
  };
}

/** Total: every fact makes a state of every state. What does not belong to what is open is passed over. */
export function fold(state: ScopeState, entry: Entry): ScopeState {
  const atMs = Math.max(state.atMs, entry.atMs);
  const after = withFact(state, entry.fact, atMs);
  return {
    ...after,
    seq: entry.seq,
    atMs,
    mutationsAtMs: inWindow(after.mutationsAtMs, atMs),
    rollbacksAtMs: inWindow(after.rollbacksAtMs, atMs),
  };
}

function withFact(state: ScopeState, fact: Fact, atMs: number): ScopeState {
  switch (fact.type) {
    case "adopted":
      return withoutCandidate({ ...state, deployed: fact.deployed }, fact.deployed.bundleSha256);
    case "triggered":
      return withTrigger(state, fact.trigger);
    case "triggers_settled":
      return withSettled(state, fact);
    case "recompile_started":
      return {
        ...state,
        recompiling: { attemptId: fact.attemptId, sinceMs: atMs, triggerIds: fact.triggerIds },
      };
    case "recompile_ended":
      return withRecompiled(state, fact, atMs);
    case "offered":
      return withOffer(
        fact.offer.source === "recompile" ? state : { ...state, newestSha256: fact.offer.bundleSha256 },
        fact.offer,
        atMs,
      );
    case "held":
      return {
        ...state,
        held: { ...fact, atMs },
        lastPolicyDenyAtMs: deniedByPolicy(fact) ? atMs : state.lastPolicyDenyAtMs,
      };
    case "proposed": {
      const { attemptId, kind, bundleSha256 } = fact;
      return { ...state, held: undefined, proposal: { attemptId, kind, bundleSha256, atMs } };
    }
    case "attempt_started": {
      const { bundleSha256 } = fact.attempt;
      return {
        ...state,
        attempt: { ...fact.attempt, startedAtMs: atMs, phase: { kind: "running" } },
        mutationsAtMs: counted(state.mutationsAtMs, atMs, 1),
        held: undefined,
        proposal: state.proposal?.bundleSha256 === bundleSha256 ? undefined : state.proposal,
      };
    }
    case "attempt_deployed":
      if (state.attempt?.attemptId !== fact.attemptId) return state;
      return {
        ...state,
        attempt: { ...state.attempt, phase: { kind: "baking", run: fact.run, untilMs: fact.bakeUntilMs } },
      };
    case "attempt_ended":
      return withAttemptEnded(state, fact, atMs);
    case "escalated":
      return { ...state, escalated: { reason: fact.reason, message: fact.message, atMs } };
    case "word":
      return withWord(state, fact, atMs);
    case "visit_failed": {
      const { code, message } = fact;
      const before = state.fault?.code === code ? state.fault : undefined;
      const fault = { code, message, count: (before?.count ?? 0) + 1, sinceMs: before?.sinceMs ?? atMs };
      return { ...state, fault };
    }
    case "visit_recovered":
      return { ...state, fault: undefined };
    case "scored":
      return { ...state, scoredUntilMs: fact.windowEndMs };
  }
}

function withTrigger(state: ScopeState, trigger: Trigger): ScopeState {
  if (!takesTrigger(state, trigger)) return state;
  return { ...state, openTriggers: [...state.openTriggers, trigger] };
}

/** Whether there is room for it, and no open one is about the same. */
export function takesTrigger({ openTriggers }: ScopeState, trigger: Trigger): boolean {
  return (
    openTriggers.length < limits.autopilotTriggersOpenMax &&
    !openTriggers.some(({ key }) => key === trigger.key)
  );
}

function withSettled(
  state: ScopeState,
  { triggerIds, by }: Extract<Fact, { type: "triggers_settled" }>,
): ScopeState {
  const openTriggers = withoutIds(state.openTriggers, triggerIds);
  const settled = { ...state, openTriggers };
  // What was to be repaired is gone: nobody needs to approve it, and no gate holds it.
  if (by !== "gone" || openTriggers.some(({ kind }) => kind === "drift")) return settled;
  return {
    ...settled,
    ...(state.proposal?.kind === "repair" ? { proposal: undefined, approval: undefined } : {}),
    ...(state.held?.kind === "repair" ? { held: undefined } : {}),
  };
}

function withRecompiled(
  state: ScopeState,
  fact: Extract<Fact, { type: "recompile_ended" }>,
  atMs: number,
): ScopeState {
  if (state.recompiling?.attemptId !== fact.attemptId) return state;
  const ended = { ...state, recompiling: undefined };
  switch (fact.result) {
    case "cut_off":
      return ended;
    case "failed":
      return {
        ...ended,
        consecutiveCompileFailures: state.consecutiveCompileFailures + 1,
        lastCompileFailureAtMs: atMs,
      };
    case "offered":
    case "unchanged":
    case "refused": {
      const well = { ...ended, consecutiveCompileFailures: 0, lastCompileFailureAtMs: undefined };
      return fact.result === "offered" && fact.offer !== undefined ? withOffer(well, fact.offer, atMs) : well;
    }
  }
}

/** The newest offer is the only candidate; one that stands already, or must not be tried again, leaves none. */
function withOffer(state: ScopeState, offer: Offer, atMs: number): ScopeState {
  const sha256 = offer.bundleSha256;
  const wanted = state.deployed?.bundleSha256 !== sha256 && !state.rejected.includes(sha256);
  const isOfOther = (about: { readonly kind: string; readonly bundleSha256: string } | undefined) =>
    about?.kind === "rollout" && about.bundleSha256 !== sha256;
  const approved = state.approval?.bundleSha256;
  return {
    ...state,
    candidate: wanted ? { ...offer, atMs } : undefined,
    // Words and answers about another bundle do not speak of this one.
    proposal: isOfOther(state.proposal) ? undefined : state.proposal,
    held: isOfOther(state.held) ? undefined : state.held,
    approval: approved === sha256 || approved === state.deployed?.bundleSha256 ? state.approval : undefined,
  };
}

function withoutCandidate(state: ScopeState, sha256: string): ScopeState {
  return state.candidate?.bundleSha256 === sha256 ? { ...state, candidate: undefined } : state;
}

/** Cool-downs after a refusal count what rules refused, not what opens by itself (spec cli §14.7, gates 1 to 3). */
function deniedByPolicy({ answers }: Extract<Fact, { type: "held" }>): boolean {
  return answers.some(
    ({ gate, verdict }) => verdict === "closed" && (gate === "policy" || gate === "promotion"),
  );
}

function withAttemptEnded(
  state: ScopeState,
  fact: Extract<Fact, { type: "attempt_ended" }>,
  atMs: number,
): ScopeState {
  const { attempt } = state;
  if (attempt?.attemptId !== fact.attemptId) return state;
  const { bundleSha256, bundlePath, runtimeRunId, kind, startedAtMs } = attempt;
  const byVerdict = fact.verdict === "rolled_back" || fact.verdict === "rollback_failed" ? 1 : 0;
  const ended: ScopeState = {
    ...state,
    attempt: undefined,
    // One approval is for one attempt; one that never began has not used it.
    approval:
      fact.verdict !== "not_started" && state.approval?.bundleSha256 === bundleSha256
        ? undefined
        : state.approval,
    rollbacksAtMs: counted(state.rollbacksAtMs, atMs, fact.run?.rollbacks ?? byVerdict),
  };
  switch (fact.verdict) {
    case "kept":
      return withoutCandidate(
        {
          ...ended,
          deployed: { bundleSha256, bundlePath, runtimeRunId, atMs },
          consecutiveFailures: 0,
          lastFailureAtMs: undefined,
          lastRepairFailureAtMs: undefined,
        },
        bundleSha256,
      );
    case "not_started":
      // Nothing was changed: it does not count.
      return { ...ended, mutationsAtMs: withoutOne(ended.mutationsAtMs, startedAtMs) };
    case "stopped":
      return kind === "rollout" ? withRejected(ended, bundleSha256) : ended;
    case "failed":
    case "rolled_back":
    case "rollback_failed": {
      const failed = {
        ...ended,
        consecutiveFailures: state.consecutiveFailures + 1,
        lastFailureAtMs: atMs,
      };
      return kind === "rollout"
        ? withRejected(failed, bundleSha256)
        : { ...failed, lastRepairFailureAtMs: atMs };
    }
  }
}

function withRejected(state: ScopeState, sha256: string): ScopeState {
  const others = state.rejected.filter((one) => one !== sha256);
  const without = withoutCandidate(state, sha256);
  return {
    ...without,
    rejected: [...others, sha256].slice(-limits.autopilotRejectedMax),
    proposal: state.proposal?.bundleSha256 === sha256 ? undefined : state.proposal,
    approval: state.approval?.bundleSha256 === sha256 ? undefined : state.approval,
    held: state.held?.bundleSha256 === sha256 ? undefined : state.held,
  };
}

function withWord(
  state: ScopeState,
  { word, by, reason, bundleSha256 }: Extract<Fact, { type: "word" }>,
  atMs: number,
): ScopeState {
  switch (word) {
    case "pause":
      return { ...state, paused: { by, reason, atMs } };
    case "resume":
      return { ...state, paused: undefined };
    case "ack":
      return {
        ...state,
        escalated: undefined,
        consecutiveFailures: 0,
        lastFailureAtMs: undefined,
        lastRepairFailureAtMs: undefined,
        consecutiveCompileFailures: 0,
        lastCompileFailureAtMs: undefined,
        rejected: [],
        ackedAtMs: atMs,
        // What lies there and was not to be tried again counts as new.
        newestSha256: state.rejected.some((sha256) => sha256 === state.newestSha256)
          ? undefined
          : state.newestSha256,
      };
    // Both speak of one bundle, the one that was shown; without it they say nothing.
    case "approve":
      if (bundleSha256 === undefined || state.rejected.includes(bundleSha256)) return state;
      return { ...state, approval: { bundleSha256, by, atMs } };
    case "deny":
      return bundleSha256 === undefined ? state : withRejected(state, bundleSha256);
  }
}

/** Times stay in order and within what any budget may allow, which is enough to say that it is used up. */
function counted(timesMs: readonly number[], atMs: number, times: number): readonly number[] {
  const more = Math.max(0, Math.min(Math.trunc(times), limits.autopilotBudgetMax));
  if (more === 0) return timesMs;
  return [...timesMs, ...Array.from({ length: more }, () => atMs)].slice(-(limits.autopilotBudgetMax + 1));
}

function withoutOne(timesMs: readonly number[], timeMs: number): readonly number[] {
  const at = timesMs.lastIndexOf(timeMs);
  return at < 0 ? timesMs : timesMs.toSpliced(at, 1);
}

function withoutIds(triggers: readonly Trigger[], ids: readonly string[]): readonly Trigger[] {
  const gone = new Set(ids);
  return triggers.filter(({ id }) => !gone.has(id));
}
