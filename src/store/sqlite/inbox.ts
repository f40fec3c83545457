/**
 * The inbox of a run: signals in the order of their arrival, each taken by one step at most. It never looks into a payload.
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Signal } from "../contract.ts";
import { runNamed } from "./runs.ts";

interface SignalColumns {
  readonly id: string;
  readonly name: string;
  readonly payload: string;
  readonly sent_at_ms: number;
  readonly sender: string;
  readonly taken_seq: number | null;
}

const columns = "id, name, payload, sent_at_ms, sender, taken_seq";

/** False when it is there already. @throws AkcError RUN_NOT_FOUND, RUN_EXISTS, SIGNAL_CONFLICT, SIGNALS_TOO_MANY, JSON_TOO_LARGE */
export function putSignal(db: Database, runtimeRunId: string, signal: Signal): boolean {
  const sizeBytes = Buffer.byteLength(signal.payload);
  if (sizeBytes > limits.signalPayloadBytesMax) {
    throw new AkcError("JSON_TOO_LARGE", {
      message: "the signal's payload is too large",
      hint: "Send the place of what is large instead of its content.",
      details: { sizeBytes, bytesMax: limits.signalPayloadBytesMax },
    });
  }
  return db
    .transaction(() => {
      const { key, row } = runNamed(db, runtimeRunId);
      const details = { runtimeRunId, signalId: signal.id };
      const sent = db
        .query<{ name: string; payload: string }, [number, string]>(
          "SELECT name, payload FROM signal WHERE run_key = ? AND id = ?",
        )
        .get(key, signal.id);
      if (sent !== null) {
        // A sender that does not know whether it got through sends again; that is no fault, also after the run's end.
        if (sent.name === signal.name && sent.payload === signal.payload) return false;
        throw new AkcError("SIGNAL_CONFLICT", { details: { ...details, name: sent.name } });
      }
      if (row.outcome !== null) {
        throw new AkcError("RUN_EXISTS", {
          message: "the run has already ended; it takes no signals",
          hint: `Run a part of it again with \`akc runtime resume ${runtimeRunId} --from STEP\`, then send the signal.`,
          details: { ...details, outcome: row.outcome },
        });
      }
      const { open, last } = countOf(db, key);
      if (open >= limits.signalsOpenMax) {
        throw new AkcError("SIGNALS_TOO_MANY", {
          details: { ...details, open, openMax: limits.signalsOpenMax },
        });
      }
      db.query(
        "INSERT INTO signal (run_key, number, id, name, payload, sent_at_ms, sender) VALUES (?, ?, ?, ?, ?, ?, ?)",
      ).run(key, last + 1, signal.id, signal.name, signal.payload, signal.sentAtMs, signal.sender);
      return true;
    })
    .immediate();
}

/** Marks it as taken by the event `seq`. Call it inside the turn's transaction. @throws AkcError INTERNAL when it is not there to be taken */
export function takeSignal(db: Database, runKey: number, id: string, seq: number): void {
  const { changes } = db
    .query("UPDATE signal SET taken_seq = ? WHERE run_key = ? AND id = ? AND taken_seq IS NULL")
    .run(seq, runKey, id);
  if (changes === 1) return;
  throw new AkcError("INTERNAL", {
    message: "a signal cannot be taken: it is not there, or a step took it",
    details: { signalId: id, seq },
  });
}

/** The whole inbox in the order of arrival. */
export function allSignals(
  db: Database,
  runKey: number,
): readonly (Signal & { readonly takenSeq: number | null })[] {
  return db
    .query<SignalColumns, [number]>(`SELECT ${columns} FROM signal WHERE run_key = ? ORDER BY number`)
    .all(runKey)
    .map((row) => ({ ...signalOf(row), takenSeq: row.taken_seq }));
}

export function signalOf({
  id,
  name,
  payload,
  sent_at_ms,
  sender,
}: Omit<SignalColumns, "taken_seq">): Signal {
  return { id, name, payload, sentAtMs: sent_at_ms, sender };
}

function countOf(db: Database, runKey: number): { readonly open: number; readonly last: number } {
  const row = db
    .query<{ open: number; last: number }, [number, number]>(`
      SELECT (SELECT count(*) FROM signal WHERE run_key = ? AND taken_seq IS NULL) AS open,
             (SELECT coalesce(max(number), 0) FROM signal WHERE run_key = ?) AS last`)
    .get(runKey, runKey);
  return row ?? { open: 0, last: 0 };
}
