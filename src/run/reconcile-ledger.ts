/**
 * A ledger for reconciling on behalf of a run that has ended: what is done is appended to the run's events step by step, and the
 * evidence is written and sealed again, however it goes. How the run ended stays as it is.
 *
 * Source: spec reconcile §3.3; cli:W-09, cli:W-51, reconcile:W-07.
 */
import { member, textAt } from "../bundle/member.ts";
import { AkcError } from "../errors.ts";
import type { BundleFacts } from "../evidence/facts.ts";
import type { JsonObject } from "../json/value.ts";
import { createJournal } from "../kernel/journal.ts";
import { digestOf } from "../kernel/past.ts";
import { createReconcileLedger, type OpenLedger } from "../kernel/reconcile-ledger.ts";
import { type ReconcileLedger, reconcileEvents } from "../reconciler/model.ts";
import type { RunReader, RunRow, RunWriter, Store } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { placeOf } from "./continuation/finish.ts";
import { endStrays } from "./continuation/strays.ts";
import { keptFacts } from "./evidence.ts";
import type { Place } from "./place.ts";
import type { SeenEvent } from "./report.ts";
import { type Settled, type SettleParts, settleRun } from "./settle.ts";
import { takingOver } from "./take-over.ts";

/** A run that has ended and that this process holds. */
export interface EndedRun extends Pick<SettleParts, "env" | "signal" | "lost" | "bindingsPath" | "asking"> {
  readonly store: Store;
  readonly writer: RunWriter;
  readonly reader: RunReader;
  readonly row: RunRow;
  readonly clock: Clock;
  readonly place: Place;
  /** What evidence is made with on runs of before it was kept; those that kept theirs are told by these. */
  readonly facts?: BundleFacts;
  /** Called after the commit that holds the event. */
  onEvent?(event: SeenEvent): void;
  /** How the run was judged with what was recorded; not called where nothing was. */
  onSettled?(settled: Settled): void;
}

export interface ReconcileInput
  extends Pick<
    EndedRun,
    "store" | "clock" | "facts" | "env" | "signal" | "bindingsPath" | "asking" | "onEvent" | "onSettled"
  > {
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly runtimeRunId: string;
}

/** The run while somebody reconciles on its behalf. */
export interface Reconciling extends Pick<EndedRun, "writer" | "reader" | "row" | "place"> {
  readonly ledger: ReconcileLedger;
  /** Aborts with the reason when the lease is lost: nothing may be changed any more. */
  readonly lost: AbortSignal;
}

/**
 * Takes the run's lease, keeps it while `work` goes on, and leaves the run's evidence whole.
 * @throws AkcError LEASE_HELD, RUN_NOT_FOUND, RUN_NOT_RESUMABLE when the run has not ended; what `work` or the store throws
 */
export async function reconcileEnded<T>(
  input: ReconcileInput,
  work: (reconciling: Reconciling) => Promise<T>,
): Promise<T> {
  const { store, scopeRoot, runtimeRunId } = input;
  return takingOver(input, runtimeRunId, async (writer, lost) => {
    const reader = await store.openRun(runtimeRunId);
    try {
      const row = await reader.run();
      refuseUnended(row);
      const place = placeOf(scopeRoot, row);
      await endStrays(scopeRoot, row.context);
      const run: EndedRun = { ...input, lost, writer, reader, row, place };
      return await reconcileHeld(run, (ledger) => work({ ledger, writer, reader, row, place, lost }));
    } finally {
      await reader.close();
    }
  });
}

/**
 * Calls `work` with the run's ledger. Where it recorded anything, the pass is concluded and the evidence written and sealed, also
 * when it throws; where it recorded nothing, the run is left as it was.
 * @throws AkcError STORE_DAMAGED, DISK_FULL, LEASE_LOST; what `work` throws
 */
async function reconcileHeld<T>(run: EndedRun, work: (ledger: ReconcileLedger) => Promise<T>): Promise<T> {
  const pass = await openPass(run);
  let result: T;
  try {
    result = await work(pass.ledger);
    await pass.ledger.close();
  } catch (cause) {
    // The first error is the one to show; whatever comes of leaving things whole cannot say more.
    await conclude(run, pass, cause).catch(() => undefined);
    throw cause;
  }
  await conclude(run, pass, undefined);
  return result;
}

interface OpenPass {
  readonly ledger: OpenLedger;
  readonly beganMs: number;
  /** What the last pass told so far. */
  readonly told: () => ToldPass;
}

interface ToldPass {
  /** What its beginning said. */
  readonly begun: JsonObject;
  /** By resource, whether it has converged. */
  readonly converged: Map<string, boolean>;
}

async function openPass(
  run: Pick<EndedRun, "writer" | "reader" | "row" | "clock" | "onEvent">,
): Promise<OpenPass> {
  const { writer, reader, row, clock } = run;
  const digest = await digestOf(reader);
  const journal = createJournal(row.context.runtimeRunId, { lastSeq: writer.lastSeq, digest });
  let told: ToldPass = { begun: {}, converged: new Map() };
  let unseen: SeenEvent[] = [];
  const ledger = createReconcileLedger({
    journal,
    clock,
    emit(type, payload, text, atMs) {
      if (type === reconcileEvents.started) told = { begun: payload, converged: new Map() };
      if (type === reconcileEvents.resourceStatus) {
        told.converged.set(textAt(payload, "resource_id") ?? "", member(payload, "converged") === true);
      }
      unseen.push({ seq: journal.event(type, text, atMs), type, atMs, payload });
    },
    async commit() {
      await writer.commit(journal.take());
      const events = unseen;
      unseen = [];
      for (const event of events) run.onEvent?.(event);
    },
  });
  return { ledger, beganMs: clock.monotonicMs(), told: () => told };
}

/** @param cause why it broke off; undefined when it did not */
async function conclude(run: EndedRun, pass: OpenPass, cause: unknown): Promise<void> {
  const { ledger } = pass;
  const refused = await ledger.close().then(
    () => false,
    () => true,
  );
  if (ledger.standing === "untouched") return;
  if (cause instanceof AkcError && cause.code === "LEASE_LOST") return;
  // An entry that the store refused left a gap in the numbers of this ledger: what is durable is told by a new one.
  const end = refused || ledger.standing === "open" ? (await openPass(run)).ledger : undefined;
  if (end !== undefined) {
    await end.record({ events: [{ type: reconcileEvents.finished, payload: untoldEnd(run, pass, cause) }] });
    await end.close();
  }
  const { store, row, lost } = run;
  // Whoever only watched is ended by that signal, and is to be judged; what was cut off is not.
  const hasEnded = cause === undefined && run.signal.aborted;
  const signal = hasEnded ? lost : AbortSignal.any([run.signal, lost]);
  const facts = (row.factsSha256 === null ? run.facts : undefined) ?? (await keptFacts(store, row));
  // Whoever only looks changes nothing: neither what stands, nor what a device shows.
  const asksNobody = textAt(pass.told().begun, "mode") === "simulate";
  const settled = await settleRun({ ...run, facts, signal, asksNobody }, row.context.runtimeRunId);
  run.onSettled?.(settled);
}

/** The end of a pass that told none itself: it broke off, or somebody watched until now. */
function untoldEnd({ clock, row }: EndedRun, { beganMs, told }: OpenPass, cause: unknown): JsonObject {
  const { begun, converged } = told();
  const { mode = row.context.mode, resource_count = 0 } = begun;
  const all = converged.size > 0 && [...converged.values()].every((one) => one);
  return {
    converged: cause === undefined && all,
    mode,
    attempts: converged.size > 0 ? 1 : 0,
    window_ms: Math.max(0, Math.round(clock.monotonicMs() - beganMs)),
    wait_ms: 0,
    resource_count,
    ...(cause === undefined ? {} : faultOf(cause)),
  };
}

function faultOf(cause: unknown): JsonObject {
  const error = cause instanceof Error ? cause.message : String(cause);
  return { error: error.toWellFormed(), error_code: cause instanceof AkcError ? cause.code : "INTERNAL" };
}

function refuseUnended({ outcome, context }: RunRow): void {
  if (outcome !== null) return;
  const { runtimeRunId } = context;
  throw new AkcError("RUN_NOT_RESUMABLE", {
    message: "the run has not ended: it makes stand itself what should stand",
    hint: `Let it end: \`akc runtime resume ${runtimeRunId}\`.`,
    details: { run: runtimeRunId },
  });
}
