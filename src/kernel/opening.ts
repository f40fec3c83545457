/**
 * The first turn of a process that runs a plan: the documented first events of a new run, or what it takes to go on with
 * one that another process left. It records; nothing starts here.
 *
 * Source: spec kernel §9.3, §9.12; kernel:W-5 (nothing of a run's memory is lost), cli:W-06.
 */
import type { RunContext } from "../adapters/contract.ts";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { decide } from "../policy/decide.ts";
import type { Decision, RunPolicy } from "../policy/model.ts";
import type { Clock } from "../system/clock.ts";
import { dependentsOf } from "./blocking.ts";
import type { Journal } from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { Item } from "./model.ts";
import type { Past } from "./past.ts";
import type { RunPlan } from "./plan.ts";
import { denialText, type Recorder } from "./recorder.ts";
import { eventTypes, rerunPayload, resumedPayload } from "./wire.ts";

export interface OpeningDeps {
  readonly plan: RunPlan;
  readonly machine: Machine;
  readonly journal: Journal;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly policy: RunPolicy;
  readonly context: RunContext;
  /** Payload of the documented first event of a coordinated run. */
  readonly planEnqueued?: string;
  /** The denial by which nothing of the run could be deployed, known before anything starts. */
  readonly deniedBeforehand?: Decision | undefined;
  /** Writes the item's action and route down before its facts need them. */
  open(item: Item): void;
}

/** The events of a run that begins. */
export function begin(deps: OpeningDeps): void {
  askToWrite(deps);
  askToDeploy(deps);
  announce(deps);
}

/**
 * Goes on where the events end. What was under way is offered again, what a stop cancelled waits again, and with `rerun`
 * these items and all that depends on them begin anew.
 * @returns the items whose last attempt akc lost sight of
 * @throws AkcError STEP_UNKNOWN
 */
export function goOn(deps: OpeningDeps, past: Past, rerun: readonly string[]): ReadonlySet<number> {
  const { machine, recorder, clock, journal, context } = deps;
  const nowMs = clock.nowMs();
  const again = rerun.length === 0 ? undefined : itemsAgain(deps, rerun);
  askToWrite(deps);
  askToDeploy(deps);
  const reopened = machine.items.filter((item) => item.phase === "cancelled");
  const { generation, lastSeq } = past;
  const resumed = resumedPayload({
    runtimeRunId: context.runtimeRunId,
    generation,
    afterSeq: lastSeq,
    reopened,
  });
  const seq = recorder.emit(eventTypes.resumed, resumed, nowMs);
  // An end that is gone on from is none: left standing, a crash would leave it as the last word on half a run.
  journal.run({ status: "running", outcome: null, finishedAtMs: null, lastError: null });
  for (const item of reopened) {
    machine.reopen(item.index);
    journal.row(item, seq);
  }
  // The first turn never became durable, only that it broke.
  if (!past.begun) announce(deps);
  for (const event of past.unconsumed) recorder.consume(event, nowMs);
  if (again !== undefined) runAgain(deps, rerun, again, generation + 1, nowMs);
  const interrupted = interrupt(deps, nowMs);
  machine.goLive(nowMs, limits.retryDelayMsMax + limits.retryJitterMs);
  for (const item of machine.items) {
    if (item.phase !== "failed" && item.phase !== "denied" && item.phase !== "blocked") continue;
    for (const blocked of machine.blockedBy(item.index)) recorder.record(blocked, nowMs);
  }
  for (const [index, failure] of past.failures) {
    const { phase } = machine.item(index);
    if (phase === "failed" || phase === "denied") recorder.lastError ??= failure;
  }
  return interrupted;
}

function announce({ context, planEnqueued, clock, plan, recorder }: OpeningDeps): void {
  const payload = { runtime_run_id: context.runtimeRunId, node_count: plan.nodes.size };
  if (planEnqueued !== undefined) recorder.emit(eventTypes.planEnqueued, planEnqueued, clock.nowMs());
  recorder.emit(eventTypes.started, JSON.stringify(payload), clock.nowMs());
}

/** No run may leave traces that the policy does not let it leave. */
function askToWrite({ policy, journal, context, clock, recorder }: OpeningDeps): void {
  const write = decide(policy, "runtime.state.checkpoint.write");
  journal.decision(write, { runtime_run_id: context.runtimeRunId }, clock.nowMs());
  if (!write.allowed) recorder.cutShort({ kind: "blocked", code: "POLICY_DENIED", why: denialText(write) });
}

/** What the policy will not let be deployed is not prepared either (reconcile:W-11). */
function askToDeploy({ deniedBeforehand: denied, journal, clock, recorder }: OpeningDeps): void {
  if (denied === undefined) return;
  journal.decision(denied, { resource_id: "__runtime_aggregate__", operation_type: "any" }, clock.nowMs());
  recorder.cutShort({ kind: "blocked", code: "POLICY_DENIED", why: denialText(denied) });
}

/** A step, a node or an action by its id, and all that depends on it. */
function itemsAgain({ plan, machine }: OpeningDeps, rerun: readonly string[]): ReadonlySet<number> {
  const roots = rerun.flatMap((id) => {
    const named = machine.items.filter(
      (item) => item.step?.stepId === id || item.node.nodeId === id || item.actionId === id,
    );
    if (named.length > 0) return named.map((item) => item.index);
    throw new AkcError("STEP_UNKNOWN", { message: `the run has no step ${id}`, details: { step: id } });
  });
  return dependentsOf(roots, { plan, items: machine.items });
}

function runAgain(
  { machine, recorder, journal }: OpeningDeps,
  from: readonly string[],
  again: ReadonlySet<number>,
  generation: number,
  nowMs: number,
): void {
  if (generation > limits.generationsMax) {
    throw new AkcError("RUN_NOT_RESUMABLE", {
      message: `parts of this run were run again ${limits.generationsMax} times; it may not be done more often`,
      hint: "Start a new run.",
    });
  }
  const begun = machine.items.filter((item) => again.has(item.index) && hasBegun(item));
  for (const item of begun) machine.runAgain(item.index, generation);
  const seq = recorder.emit(eventTypes.rerun, rerunPayload(generation, from, begun), nowMs);
  for (const item of begun) journal.row(item, seq);
}

function hasBegun(item: Item): boolean {
  return item.phase !== "waiting" || item.attempt > 0;
}

/** Whoever was under way when akc died is offered again, but not for ever: it may be what kills akc. */
function interrupt({ machine, recorder, open }: OpeningDeps, nowMs: number): ReadonlySet<number> {
  const interrupted = new Set<number>();
  for (const item of machine.items) {
    if (item.phase !== "running") continue;
    open(item);
    recorder.record({ kind: "interrupted", index: item.index }, nowMs);
    if (item.interruptions <= limits.interruptionsMax) {
      interrupted.add(item.index);
      continue;
    }
    open(item);
    const message = `akc died ${item.interruptions} times while the action was under way`;
    const error = { code: "ACTION_INTERRUPTED" as const, message, retryable: false };
    recorder.record({ kind: "dead_lettered", index: item.index, reason: "backend_error", error }, nowMs);
  }
  return interrupted;
}
