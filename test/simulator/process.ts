/**
 * One process of akc at work on the run: takes the lease, keeps it, lets the kernel run, and says how that ended. Wired as
 * `run/` wires it, with every wait going through the life's gate and every commit through the faults.
 */
import type { Adapter, RunContext } from "../../src/adapters/contract.ts";
import { AkcError } from "../../src/errors.ts";
import { type KernelReport, runKernel } from "../../src/kernel/loop.ts";
import type { Machine } from "../../src/kernel/machine.ts";
import { type Past, readPast } from "../../src/kernel/past.ts";
import type { RunPlan } from "../../src/kernel/plan.ts";
import { eventTypes } from "../../src/kernel/wire.ts";
import { limits } from "../../src/limits.ts";
import type { LeaseHolder, RunRow, RunWriter, Store, Turn } from "../../src/store/contract.ts";
import { policy } from "../kernel/world.ts";
import { runRow } from "../store/builders.ts";
import type { Life } from "./life.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import type { Claim, Witness } from "./witness.ts";

export const runtimeRunId = "rt-1";

export const context: RunContext = {
  scope: { tenantId: "acme", repoId: "shop" },
  runId: "run-1",
  runtimeRunId,
  mode: "enforce",
  adapterId: "scripted",
};

/** What the disk does at a commit. */
export interface DiskFaults {
  /** Called before the turn is durable, and after; may kill the life. Returns what the commit ends with all the same. */
  before(life: Life, commit: number): { readonly delayMs: number; readonly refuse?: AkcError };
  after(life: Life, commit: number): { readonly refuse?: AkcError };
}

export interface ProcessParts {
  readonly life: Life;
  readonly store: Store;
  readonly plan: RunPlan;
  readonly scenario: Scenario;
  readonly random: Random;
  readonly witness: Witness;
  readonly disk: DiskFaults;
  readonly signal: AbortSignal;
  /** Steps to run again. */
  readonly rerun: readonly string[];
  adapterOf(claim: Claim): Adapter;
  /** Called after every commit with the living state. */
  onCommitted(machine: Machine): void;
}

export type Ended =
  | { readonly kind: "report"; readonly report: KernelReport; readonly claim: Claim }
  /** Somebody else has ended the run already. */
  | { readonly kind: "nothing left" }
  | { readonly kind: "threw"; readonly cause: unknown; readonly claim: Claim | undefined };

/** Resolves when the process ends by itself; never when it is killed. */
export async function work(parts: ProcessParts): Promise<Ended> {
  const { life, store } = parts;
  let claim: Claim | undefined;
  try {
    await life.after(parts.random.between(0, 3), "open");
    const inner = await takeRun(parts);
    claim = { life, token: inner.lease.token, intents: new Set(), running: new Map(), cut: false };
    const lost = new AbortController();
    const writer = guardedWriter(parts, inner, claim);
    const ended = new AbortController();
    keepLease(parts, writer, ended.signal, (cause) => lost.abort(cause));
    try {
      const past = await readWhatWas(parts, inner);
      if (past === "ended") return { kind: "nothing left" };
      const report = await carryOut(parts, { claim, writer, past, lost: lost.signal });
      lost.signal.throwIfAborted();
      return { kind: "report", report, claim };
    } catch (cause) {
      await recordFailure(parts, writer, lost.signal, cause);
      throw cause;
    } finally {
      ended.abort();
      await writer.close();
    }
  } catch (cause) {
    return { kind: "threw", cause, claim };
  }

  async function readWhatWas(
    { plan }: ProcessParts,
    { lastSeq }: RunWriter,
  ): Promise<Past | "ended" | undefined> {
    const reader = await store.openRun(runtimeRunId);
    try {
      const row = await reader.run();
      const last = lastSeq === 0 ? null : await reader.eventAt(lastSeq);
      await life.after(parts.random.between(0, 2), "read the past");
      if (parts.rerun.length === 0 && hasEnded(row, last?.type)) return "ended";
      return lastSeq === 0 ? undefined : await readPast(plan, reader);
    } finally {
      await reader.close();
    }
  }
}

/** What `resume` goes on with, the rest has come to its end: see `run/leftover.ts`. */
function hasEnded({ outcome }: RunRow, lastType: string | undefined): boolean {
  if (outcome === null || outcome === "stopped") return false;
  return lastType !== eventTypes.failed;
}

async function carryOut(
  parts: ProcessParts,
  held: {
    readonly claim: Claim;
    readonly writer: RunWriter;
    readonly past: Past | undefined;
    readonly lost: AbortSignal;
  },
): Promise<KernelReport> {
  const { life, scenario, plan, store, onCommitted } = parts;
  const { claim, writer, past, lost } = held;
  return runKernel(plan, {
    clock: life.clock,
    writer,
    adapter: parts.adapterOf(claim),
    policy: policy({
      mode: scenario.mode,
      without: scenario.without,
      denyActionTypes: new Set(scenario.denyActionTypes),
      actionDeadlineMsMax: 5_000,
    }),
    context,
    specSha256: "0".repeat(64),
    ...(plan.steps.length === 0 ? {} : { planEnqueued: planEnqueued(plan) }),
    routeOf: (item) => scenario.routes.get(item.node.nodeId) ?? { kind: "delegate_adapter" },
    hasEffect: () => true,
    workdirOf: () => "/nowhere",
    async stopRequested() {
      await life.after(0, "look for a stop");
      return store.stopRequested(runtimeRunId);
    },
    async openSignals() {
      await life.after(0, "look for signals");
      return store.openSignals(runtimeRunId);
    },
    ...(past === undefined ? {} : { past, rerun: parts.rerun }),
    signal: AbortSignal.any([parts.signal, lost]),
    budget: scenario.budget,
    ...(scenario.deadlineMs === undefined ? {} : { deadlineMs: scenario.deadlineMs }),
    onCommitted,
  });
}

async function takeRun({ life, store }: ProcessParts): Promise<RunWriter> {
  const holder: LeaseHolder = {
    name: `host:${life.number}`,
    host: `host-${life.number}`,
    pid: 1,
    bootId: "",
  };
  const nowMs = life.clock.nowMs();
  try {
    return await store.createRun(runRow(runtimeRunId, { context, startedAtMs: nowMs }), holder, nowMs);
  } catch (cause) {
    if (!(cause instanceof AkcError) || cause.code !== "RUN_EXISTS") throw cause;
    return store.resumeRun(runtimeRunId, holder, nowMs);
  }
}

/** As `run/hold.ts` does it: no run is left `running` by a fault of the store that passes. */
async function recordFailure(
  { life }: ProcessParts,
  writer: RunWriter,
  lost: AbortSignal,
  cause: unknown,
): Promise<void> {
  if (lost.aborted || (cause instanceof AkcError && cause.code === "LEASE_LOST")) return;
  const atMs = life.clock.nowMs();
  const error_code = cause instanceof AkcError ? cause.code : "INTERNAL";
  const payload = JSON.stringify({ error: String(cause), error_code });
  try {
    await writer.commit({
      events: [{ seq: writer.lastSeq + 1, type: eventTypes.failed, atMs, payload }],
      actions: [],
      decisions: [],
      run: { status: "failed", outcome: "failed", finishedAtMs: atMs, lastError: String(cause) },
    });
  } catch {
    // What is not recorded is found out by whoever goes on.
  }
}

/** Commits go through the gate twice: the process may die with the turn still in its hands, or before it hears of the end. */
function guardedWriter(parts: ProcessParts, inner: RunWriter, claim: Claim): RunWriter {
  const { life, witness, disk, random } = parts;
  let commits = 0;
  const commit = async (turn: Turn): Promise<void> => {
    commits += 1;
    const number = commits;
    await life.after(random.between(0, 2), "commit begins");
    const { delayMs, refuse } = disk.before(life, number);
    if (delayMs > 0) await life.after(delayMs, "slow disk");
    if (!life.alive) return new Promise(() => {});
    if (refuse !== undefined) throw refuse;
    witness.checkTurn(turn);
    await inner.commit(turn);
    witness.durable(claim, turn);
    const told = disk.after(life, number);
    await life.after(random.between(0, 1), "commit ends");
    if (told.refuse !== undefined) throw told.refuse;
  };
  return {
    get lease() {
      return inner.lease;
    },
    get lastSeq() {
      return inner.lastSeq;
    },
    artifacts: inner.artifacts,
    commit,
    renew: (nowMs) => inner.renew(nowMs),
    holdScope: (nowMs) => inner.holdScope(nowMs),
    async close() {
      if (life.alive) await inner.close();
    },
  };
}

/** As `run/lease-keeper.ts` does it, on simulated time. */
async function keepLease(
  { life }: ProcessParts,
  writer: RunWriter,
  ended: AbortSignal,
  onLost: (cause: unknown) => void,
): Promise<void> {
  for (;;) {
    await life.clock.sleep(limits.leaseRenewMs, ended);
    if (ended.aborted) return;
    try {
      await writer.renew(life.clock.nowMs());
    } catch (cause) {
      return onLost(cause);
    }
  }
}

function planEnqueued({ steps }: RunPlan): string {
  return JSON.stringify({
    layer_count: steps.length,
    step_order: steps.map(({ stepId }) => stepId),
    coordination_spec_sha256: "0".repeat(64),
  });
}
