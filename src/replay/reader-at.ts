/**
 * A run as it stood when one of its events had just happened: the same reader, with everything later taken away. Rows that are
 * derived are folded again from the events; nothing of what stands in the tables now is believed.
 */
import { AkcError } from "../errors.ts";
import { compareCodePoints } from "../json/order.ts";
import { recordedFact } from "../kernel/recorded.ts";
import { limits } from "../limits.ts";
import type { ActionRow, RunReader, RunRow } from "../store/contract.ts";
import { ChainCheck } from "./chain-check.ts";
import { Ledger } from "./ledger.ts";

export interface RunAt {
  readonly reader: RunReader;
  readonly run: RunRow;
  readonly ledger: Ledger;
  /** Digest of the event. */
  readonly chainSha256: string;
}

/**
 * @param seq number of the last event that counts; the run's own last one when absent
 * @throws AkcError USAGE when there is no such event, STORE_DAMAGED when the events up to it are not those that were written
 */
export async function runAt(reader: RunReader, seq?: number): Promise<RunAt> {
  const run = await reader.run();
  const until = seq ?? run.lastSeq;
  if (until > run.lastSeq) {
    throw new AkcError("USAGE", {
      message: `the run has no event ${until}`,
      hint: `Its last one is ${run.lastSeq}.`,
      details: { run: run.context.runtimeRunId, seq: until, last_seq: run.lastSeq },
    });
  }
  const { ledger, chainSha256 } = await foldedUntil(reader, run, until);
  const row: RunRow = { ...run, ...(ledger.run ?? {}), lastSeq: until, evidenceSeq: null };
  return { reader: readerAt(reader, row, ledger), run: row, ledger, chainSha256 };
}

async function foldedUntil(
  reader: RunReader,
  run: RunRow,
  until: number,
): Promise<{ readonly ledger: Ledger; readonly chainSha256: string }> {
  const ledger = new Ledger(run.context.runtimeRunId);
  const chain = new ChainCheck(run);
  while (chain.seq < until) {
    const page = await reader.events(chain.seq, Math.min(limits.replayPageRows, until - chain.seq));
    if (page.length === 0) break;
    for (const event of page) {
      const broken = chain.next(event);
      const fault = broken === undefined ? ledger.add(event, recordedFact(event)) : undefined;
      if (broken === undefined && fault === undefined) continue;
      const { name, expected, found } = broken ?? fault ?? { name: "", expected: "", found: "" };
      throw new AkcError("STORE_DAMAGED", {
        message: "the run's events are not the ones that were written",
        hint: `\`akc runtime verify ${run.context.runtimeRunId}\` says what is wrong with them.`,
        details: { run: run.context.runtimeRunId, seq: event.seq, name, expected, found },
      });
    }
  }
  return { ledger, chainSha256: chain.headSha256 };
}

function readerAt(reader: RunReader, run: RunRow, ledger: Ledger): RunReader {
  const until = run.lastSeq;
  let rows: readonly ActionRow[] | undefined;
  const actions = async () => {
    rows ??= await rowsAt(reader, until, ledger);
    return rows;
  };
  return {
    run: async () => run,
    events: (afterSeq, limit) =>
      afterSeq >= until ? Promise.resolve([]) : reader.events(afterSeq, Math.min(limit, until - afterSeq)),
    eventAt: async (seq) => (seq > until ? null : reader.eventAt(seq)),
    payloadAt: async (seq) => (seq > until ? null : reader.payloadAt(seq)),
    actions,
    async actionsAfter(afterActionId, limit) {
      const all = await actions();
      const first = all.findIndex((row) => compareCodePoints(row.actionId, afterActionId) > 0);
      return first < 0 ? [] : all.slice(first, first + limit);
    },
    decisions: async (afterRow, limit) =>
      (await reader.decisions(afterRow, limit)).filter((row) => row.seq <= until),
    lease: () => reader.lease(),
    signals: async () =>
      (await reader.signals()).map((signal) =>
        (signal.takenSeq ?? 0) > until ? { ...signal, takenSeq: null } : signal,
      ),
    evidenceFiles: async () => [],
    artifacts: reader.artifacts,
    close: () => reader.close(),
  };
}

async function rowsAt(reader: RunReader, until: number, ledger: Ledger): Promise<readonly ActionRow[]> {
  const rows: ActionRow[] = [];
  for (const actionId of ledger.actionIds()) {
    const row = ledger.row(actionId);
    if (row !== undefined) rows.push({ ...row, stepId: row.stepId ?? null });
  }
  // An action that an event triggered has no event of its own before it begins; its id ends with the number of that event.
  for (const { actionId, nodeId, stepId } of await reader.actions()) {
    const seq = Number(actionId.slice(actionId.lastIndexOf(":") + 1));
    if (stepId !== null || !Number.isSafeInteger(seq) || seq > until || ledger.row(actionId) !== undefined)
      continue;
    rows.push({ actionId, nodeId, stepId, phase: "waiting", attempt: 0, seq, outputSha256: null });
  }
  return rows.sort((left, right) => compareCodePoints(left.actionId, right.actionId));
}
