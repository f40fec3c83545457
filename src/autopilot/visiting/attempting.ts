/**
 * Carries out what was decided to be done to a scope: asks the gates, writes what it is about to do before it does it, and records how
 * it ended from the run that it started. It never begins an attempt twice, and leaves one that was cut off to be gone on with.
 *
 * Source: spec cli §14.7, §17.1 W-19b, W-28; Flagger (design only).
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Next } from "../decide.ts";
import { type GateAnswer, isShut } from "../gates/model.ts";
import {
  type Attempt,
  type AttemptKind,
  type Fact,
  type OpenAttempt,
  type RunOutcome,
  type ScopeState,
  scopeName,
} from "../model.ts";
import { ask, boundsOf, throwIfOver, workUntilCut } from "./bounded.ts";
import { endAttempt, takeBack } from "./ending.ts";
import type { VisitOrder, VisitPorts } from "./model.ts";
import { adoptNewer } from "./noticing.ts";
import type { ScopeRecord } from "./record.ts";

export interface Step {
  readonly ports: VisitPorts;
  readonly order: VisitOrder;
  readonly record: ScopeRecord;
}

export type Attempted =
  /** Something was recorded: decide again. */
  | { readonly kind: "done" }
  /** Gates are closed for this kind; the rest has its turn. */
  | { readonly kind: "shut"; readonly opensAtMs?: number | undefined; readonly why: string }
  /** Its rollout is paused, as its strategy or a person wants it: the attempt stays open until somebody has said how it goes on. */
  | { readonly kind: "waits"; readonly why: string }
  /** It never began, for a reason that passes. */
  | { readonly kind: "not_begun"; readonly cause: AkcError };

/** @throws what the store or a gate throws; the reason of a lost lease or a cut */
export async function attempt(
  step: Step,
  { kind, offer, triggerIds }: Extract<Next, { do: "attempt" }>,
): Promise<Attempted> {
  const { ports, order, record } = step;
  const { scope, memory } = order;
  // A person may have brought it out by hand, or something else in its place.
  if (kind === "rollout" && (await adoptNewer(ports, order, record)) !== undefined) return { kind: "done" };
  const nowMs = record.nowMs();
  // What people have set by the clock on the wall goes by it, also where the facts are of the future.
  const wallMs = Math.floor(ports.clock.nowMs());
  const openIn = (await ports.store.scopesInAttempt()).map(scopeName);
  const question = {
    scope,
    kind,
    offer,
    state: record.state(),
    nowMs,
    wallMs,
    openAttempts: openIn.length,
    openIn,
  };
  const bounds = boundsOf(ports, order);
  const { answers, compileApply } = await ask(
    "asking the gates",
    limits.autopilotAskMsMax,
    bounds,
    (signal) => ports.gates.ask(question, signal),
  );
  const seen = record.state();
  const state = await record.refresh();
  // Gates may take a while; what was decided before may not be wanted any more.
  if (state.seq !== seen.seq) return { kind: "done" };
  const { bundlePath, bundleSha256 } = offer;
  const attemptId = ports.ids.eventId();
  const shut = answers.filter(isShut);
  const isForApproval = shut.length > 0 && shut.every(({ gate }) => gate === "approval");
  const apply = compileApply === undefined ? {} : { compileApply };

  if (shut.length > 0 && (!isForApproval || isProposed(state, kind, bundleSha256))) {
    const words = wordsOf(bundleSha256, answers);
    const known = memory.heldBy.get(kind) ?? (state.held?.kind === kind ? heldWords(state.held) : undefined);
    memory.heldBy.set(kind, words);
    if (known !== words)
      await record.append([{ type: "held", attemptId, kind, bundleSha256, answers, ...apply }]);
    return {
      kind: "shut",
      why: shut.map(({ reason }) => reason).join(", "),
      ...opensAt(shut, nowMs - wallMs),
    };
  }
  memory.heldBy.delete(kind);
  const previous = state.deployed;
  const planned = { attemptId, kind, bundlePath, bundleSha256, triggerIds, previous };
  const isApproved = state.approval?.bundleSha256 === bundleSha256;
  if (isForApproval || (scope.mode === "propose" && !isApproved)) {
    const { planPath, summary } = await ask("writing the plan", limits.autopilotPlanMsMax, bounds, (signal) =>
      ports.rollouts.propose(scope, planned, signal),
    );
    const plan = planPath === undefined ? {} : { planPath };
    await record.append([{ type: "proposed", attemptId, kind, bundleSha256, summary, ...plan }]);
    return { kind: "done" };
  }
  const runtimeRunId =
    kind === "repair" && previous !== undefined ? previous.runtimeRunId : ports.ids.runtimeRunId();
  const whole: Attempt = { ...planned, runtimeRunId };
  try {
    await record.append([{ type: "attempt_started", attempt: whole, answers, ...apply }], {
      slots: scope.budgets.concurrentRollouts,
    });
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "AUTOPILOT_SLOTS_FULL")
      return { kind: "shut", why: "max_concurrent_rollouts_exceeded" };
    throw cause;
  }
  return begin(step, whole);
}

async function begin(step: Step, whole: Attempt): Promise<Attempted> {
  const { ports, order, record } = step;
  const { scope, held, cut } = order;
  const startedAtMs = record.nowMs();
  let run: RunOutcome;
  try {
    run = await workUntilCut([held.lost, cut], (signal) => ports.rollouts.begin(scope, whole, signal));
  } catch (cause) {
    throwIfOver(order);
    // What is no answer says nothing of the run: the attempt stays open, and the next visit finds out.
    if (!(cause instanceof AkcError)) throw cause;
    if (mayBeginLater(cause)) {
      const { message } = cause;
      await record.append([
        { type: "attempt_ended", attemptId: whole.attemptId, verdict: "not_started", message },
      ]);
      return { kind: "not_begun", cause };
    }
    run = refusedRun(cause, startedAtMs, record.nowMs());
  }
  const why = await afterRun(step, whole, run);
  return why === undefined ? { kind: "done" } : { kind: "waits", why };
}

/**
 * What another process left, or what waited for a person: its run is ended or gone on with, and judged as if it had been begun here.
 * Returns what it still waits for.
 */
export async function recoverAttempt(step: Step, open: OpenAttempt): Promise<string | undefined> {
  const { ports, order, record } = step;
  const { scope, held, cut } = order;
  const whole = attemptOf(open);
  const run = await workUntilCut([held.lost, cut], (signal) => ports.rollouts.recover(scope, whole, signal));
  if (run === undefined) {
    const message = "its run had not begun when the controller ended";
    await record.append([
      { type: "attempt_ended", attemptId: open.attemptId, verdict: "not_started", message },
    ]);
    return undefined;
  }
  return afterRun(step, whole, run);
}

/** At the end of a bake, or as soon as it has failed. @throws AkcError when nobody could judge it now */
export async function conclude(
  step: Step,
  { attempt: open, failed }: Extract<Next, { do: "conclude" }>,
): Promise<void> {
  const { ports, order } = step;
  const { scope } = order;
  const whole = attemptOf(open);
  const run = open.phase.kind === "baking" ? open.phase.run : undefined;
  if (failed !== undefined) return takeBack(step, whole, run, failed);
  const bounds = boundsOf(ports, order);
  const { holds, message } = await ask(
    "judging at the end of the bake",
    limits.autopilotJudgeMsMax,
    bounds,
    (signal) => ports.rollouts.validate(scope, whole, signal),
  );
  if (holds) await endAttempt(step, whole, "kept", run, message);
  else await takeBack(step, whole, run, message);
}

/** Returns what it waits for; nothing is written then. */
async function afterRun(step: Step, whole: Attempt, run: RunOutcome): Promise<string | undefined> {
  const { ports, order, record } = step;
  if (run.healthy) {
    const bakeUntilMs = record.nowMs() + order.scope.rollout.bakeMs;
    await record.append([{ type: "attempt_deployed", attemptId: whole.attemptId, run, bakeUntilMs }]);
    return undefined;
  }
  if (run.outcome === "succeeded" && run.converged === false && run.rollbacks === 0) {
    const waits = await ports.rollouts.waits?.(order.scope, whole);
    if (waits !== undefined) return waits;
  }
  const message = run.message ?? unhealthyWords(run);
  if (run.rollbacks > run.rollbacksSucceeded) {
    await endAttempt(step, whole, "rollback_failed", run, `${message}; its own rollback failed`);
  } else if (run.errorCode === "SCOPE_HELD" && run.rollbacks === 0) {
    // Somebody began to deploy while its actions ran: it changed nothing that stands, and comes again when he is done.
    await endAttempt(step, whole, "not_started", run, message);
  } else if (run.outcome === "stopped" && run.converged !== true) {
    await endAttempt(step, whole, "stopped", run, message);
  } else if (run.rollbacks > 0) {
    // It has brought back by itself what stood before.
    await endAttempt(step, whole, "failed", run, message);
  } else {
    await takeBack(step, whole, run, message);
  }
  return undefined;
}

/** Why a run that nobody calls healthy is not, where it says nothing itself: it may well have ended as it should. */
function unhealthyWords({
  outcome,
  exitCode,
  converged,
  validity,
  rollbacks,
  rollbacksSucceeded,
}: RunOutcome): string {
  if (rollbacks > 0 && rollbacksSucceeded >= rollbacks) {
    return "its deployment did not become healthy, and its run brought back what stood before";
  }
  if (converged === false) return "not everything stands that should";
  if (validity !== undefined && validity !== "pass") return `its validity is ${validity}`;
  return `its run ended ${outcome} with exit code ${exitCode}`;
}

function isProposed({ proposal }: ScopeState, kind: AttemptKind, sha256: string): boolean {
  return proposal?.kind === kind && proposal.bundleSha256 === sha256;
}

function heldWords({ bundleSha256, answers }: Extract<Fact, { type: "held" }>): string {
  return wordsOf(bundleSha256, answers);
}

function wordsOf(bundleSha256: string, answers: readonly GateAnswer[]): string {
  return JSON.stringify([
    bundleSha256,
    ...answers.map(({ gate, verdict, reason }) => [gate, verdict, reason]),
  ]);
}

/**
 * When all of them have opened by themselves, in the time of the scope; nothing where one waits for somebody.
 * @param aheadMs how far the scope's time is ahead of the wall clock, by which windows and freezes go
 */
function opensAt(shut: readonly GateAnswer[], aheadMs: number): { readonly opensAtMs?: number } {
  const times = shut.flatMap(({ gate, opensAtMs }) => {
    if (opensAtMs === undefined) return [];
    return gate === "window" || gate === "freeze" ? opensAtMs + aheadMs : opensAtMs;
  });
  return times.length === shut.length ? { opensAtMs: Math.max(...times) } : {};
}

function attemptOf({ startedAtMs: _startedAtMs, phase: _phase, ...whole }: OpenAttempt): Attempt {
  return whole;
}

/** Of a run that was refused for what the bundle or the policy says, and that will be refused again. */
function refusedRun(cause: AkcError, startedAtMs: number, finishedAtMs: number): RunOutcome {
  return {
    healthy: false,
    outcome: "unknown",
    exitCode: cause.exitCode,
    rollbacks: 0,
    rollbacksSucceeded: 0,
    convergenceMs: null,
    startedAtMs,
    finishedAtMs,
    errorCode: cause.code,
    message: cause.message,
  };
}

/** Whether the same attempt may begin later: the fault is the host's or the moment's, not the bundle's. */
function mayBeginLater({ code, class: kind }: AkcError): boolean {
  return kind === "retryable" || kind === "conflict" || kind === "inconclusive" || hostFaults.has(code);
}

const hostFaults: ReadonlySet<string> = new Set([
  "DISK_FULL",
  "OUTPUTS_UNWRITABLE",
  "STORE_UNWRITABLE",
  "STORE_IO",
  "SYSTEM_REFUSED",
]);
