/**
 * Holds the rows that stand beside the events against what the events say they must be. Each check reports what differs and
 * goes on; none of them trusts a row.
 */
import { eventIdOf } from "../evidence/project.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { limits } from "../limits.ts";
import type { ActionRow, DeploymentReader, RunReader, RunRow } from "../store/contract.ts";
import { systemClock } from "../system/clock.ts";
import { createHeapGuard } from "../system/heap-guard.ts";
import type { Divergence, Place } from "./divergence.ts";
import type { LedgerRow } from "./entries.ts";
import type { Ledger } from "./ledger.ts";
import type { DecisionPass } from "./passes.ts";

export interface TableParts {
  readonly reader: RunReader;
  readonly run: RunRow;
  readonly ledger: Ledger;
  /** Whether somebody writes to the run meanwhile: rows that follow from later events are not looked at. */
  readonly moved: boolean;
}

const guardHeap = createHeapGuard(systemClock.monotonicMs);

type Report = (divergence: Divergence) => void;

/** @param seen is called with every row. Answers how many actions the events know. */
export async function checkActions(
  parts: TableParts,
  report: Report,
  seen: (row: ActionRow) => void,
): Promise<number> {
  const { reader, run, ledger, moved } = parts;
  let matched = 0;
  for (let after = ""; ; ) {
    const page = await reader.actionsAfter(after, limits.replayPageRows);
    guardHeap();
    for (const row of page) {
      seen(row);
      const expected = ledger.row(row.actionId);
      if (expected !== undefined) matched += 1;
      if (moved && row.seq > run.lastSeq) continue;
      const divergence =
        expected === undefined ? await unexpected(parts, row) : actionDivergence(expected, row);
      if (divergence !== undefined) report(divergence);
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.actionId;
  }
  if (matched < ledger.size) await reportMissing(parts, report);
  return ledger.size;
}

const columns = ["phase", "attempt", "seq", "outputSha256", "nodeId", "stepId"] as const;

async function unexpected(parts: TableParts, row: ActionRow): Promise<Divergence | undefined> {
  if (await wasTriggered(parts, row)) return undefined;
  return atSeq("action", row.seq, row.actionId, "no such action", `${row.phase}, attempt ${row.attempt}`);
}

function actionDivergence(expected: LedgerRow, row: ActionRow): Divergence | undefined {
  for (const column of columns) {
    const value = expected[column];
    if (value === undefined || value === row[column]) continue;
    const name = `${row.actionId} ${columnNames[column]}`;
    return atSeq("action", expected.seq, name, `${value}`, `${row[column]}`);
  }
  return undefined;
}

const columnNames = {
  phase: "phase",
  attempt: "attempt",
  seq: "seq",
  outputSha256: "output_sha256",
  nodeId: "node_id",
  stepId: "step_id",
} as const;

/** An action that an event triggered and that has not begun has a row and no event of its own; its id ends with that event's. */
async function wasTriggered({ reader, run }: TableParts, row: ActionRow): Promise<boolean> {
  if (row.phase !== "waiting" || row.attempt !== 0 || row.outputSha256 !== null || row.stepId !== null)
    return false;
  if (row.seq > run.lastSeq) return false;
  const event = await reader.eventAt(row.seq);
  if (event === null) return false;
  return (
    row.actionId === `${row.nodeId}:${eventIdOf(run.context.runtimeRunId, event.type, event.atMs, event.seq)}`
  );
}

async function reportMissing({ reader, ledger }: TableParts, report: Report): Promise<void> {
  const there = new Set((await reader.actions()).map(({ actionId }) => actionId));
  for (const actionId of ledger.actionIds()) {
    if (there.has(actionId)) continue;
    const expected = ledger.row(actionId);
    if (expected === undefined) continue;
    report(
      atSeq("action", expected.seq, actionId, `${expected.phase}, attempt ${expected.attempt}`, "no row"),
    );
  }
}

/** The run's own columns. Those of its identity are part of the chain. */
export function checkRun({ run, ledger }: TableParts, report: Report): void {
  const expected = ledger.run;
  if (expected === undefined) return;
  const live = run.outcome === null && run.finishedAtMs === null && run.lastError === null;
  // Between the resumption and its end both are true: how it ended last, and that it runs again.
  if (ledger.goingOn && live) return;
  const atEnd = ledger.endSeq ?? null;
  const add = (column: string, value: string | number | null, found: string | number | null) => {
    if (value !== found) report(at("run", atEnd, null, column, `${value}`, `${found}`));
  };
  // Asking a run to stop is a column and no event until its holder sees it.
  const asked =
    expected.outcome === null && run.status === "stop_requested" && run.stopRequestedAtMs !== null;
  if (!asked) add("status", expected.status, run.status);
  add("outcome", expected.outcome, run.outcome);
  add("finished_at_ms", expected.finishedAtMs, run.finishedAtMs);
  add("last_error", expected.lastError, run.lastError);
}

/** The last end, of the run or of a pass, tells how many decisions there were and their digest; later ones are not covered yet. */
export function checkDecisions(
  { ledger }: TableParts,
  { count, gapAt, sha256 }: DecisionPass,
  report: Report,
): void {
  const told = ledger.covered;
  const covered = told?.decisionCount;
  const seq = told?.seq ?? null;
  if (covered === undefined) {
    if (gapAt !== undefined) report(at("decision", null, null, `decision ${gapAt}`, "a row", "no row"));
  } else if (gapAt !== undefined || count < covered) {
    const missing = gapAt ?? count + 1;
    report(
      at("decision", seq, null, `decision ${missing}`, `a row: ${covered} decisions were made`, "no row"),
    );
  } else if (told?.decisionsSha256 !== sha256) {
    const name = `one of the decisions 1 to ${covered}`;
    report(at("decision", seq, null, name, told?.decisionsSha256 ?? "", sha256));
  }
}

/** Which step took which signal. */
export async function checkSignals(
  { reader, ledger, moved, run }: TableParts,
  report: Report,
): Promise<void> {
  const taken = new Map(ledger.signals);
  for (const signal of await reader.signals()) {
    const told = taken.get(signal.id);
    taken.delete(signal.id);
    if (moved && (signal.takenSeq ?? 0) > run.lastSeq) continue;
    const { takenSeq } = signal;
    if ((told?.seq ?? null) !== takenSeq) {
      const expected = told === undefined ? "taken by no step" : `taken by event ${told.seq}`;
      const found = takenSeq === null ? "taken by no step" : `taken by event ${takenSeq}`;
      report(at("signal", told?.seq ?? takenSeq, null, signal.id, expected, found));
    } else if (told !== undefined) {
      const sha256 = Bun.SHA256.hash(signal.payload, "hex");
      if (told.name !== signal.name) report(at("signal", told.seq, null, signal.id, told.name, signal.name));
      else if (told.payloadSha256 !== sha256)
        report(at("signal", told.seq, null, `${signal.id} payload`, told.payloadSha256, sha256));
    }
  }
  for (const [id, { seq }] of taken)
    report(at("signal", seq, null, id, `taken by event ${seq}`, "no such signal"));
}

/**
 * The rollouts that the store still has, as this run told of them last. One that was changed later than that was changed on
 * behalf of another run, whose events tell of it.
 */
export async function checkRollouts(
  { ledger }: TableParts,
  deployment: Pick<DeploymentReader, "rollout">,
  report: Report,
): Promise<void> {
  for (const [id, told] of ledger.rollouts) {
    const row = await deployment.rollout(id);
    if (row === null || row.rolloutId !== id || row.updatedAtMs > told.atMs) continue;
    const add = (name: string, expected: string, found: string) => {
      if (expected !== found) report(atSeq("deployment", told.seq, `rollout ${id} ${name}`, expected, found));
    };
    add("phase", told.phase, row.phase);
    add("state", told.stateSha256, sha256Hex(row.state));
  }
}

function atSeq(place: Place, seq: number, name: string, expected: string, found: string): Divergence {
  return at(place, seq, null, name, expected, found);
}

function at(
  place: Place,
  seq: number | null,
  type: string | null,
  name: string,
  expected: string,
  found: string,
): Divergence {
  return { place, event_seq: seq, event_type: type, name, expected, found };
}
