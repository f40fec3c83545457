/**
 * Answers "was a stop asked for" and "which signals are open" often and cheaply: it asks the rows again only after somebody
 * committed something, and reads a signal's payload once.
 */
import type { Database } from "bun:sqlite";
import type { Signal } from "../contract.ts";
import { closeConnection } from "./connection.ts";
import { signalOf } from "./inbox.ts";

export interface RunWatch {
  /** False for a run that does not exist. */
  stopRequested(runtimeRunId: string): boolean;
  /** In the order of arrival; none for a run that does not exist. */
  openSignals(runtimeRunId: string): readonly Signal[];
  close(): void;
}

interface Inbox {
  readonly runKey: number;
  readonly open: number;
  readonly last: number;
  readonly signals: readonly Signal[];
}

/** @param db a read-only connection that nobody else uses: `data_version` counts the commits that this one did not make. */
export function createRunWatch(db: Database): RunWatch {
  const versionNow = db.query<{ data_version: number }, []>("PRAGMA data_version");
  const requestedAt = db.query<{ at: number | null }, [string]>(
    "SELECT stop_requested_at_ms AS at FROM run WHERE runtime_run_id = ?",
  );
  const inboxNow = db.query<Omit<Inbox, "signals">, [string]>(`
    SELECT run_key AS runKey,
      (SELECT count(*) FROM signal WHERE signal.run_key = run.run_key AND taken_seq IS NULL) AS open,
      (SELECT coalesce(max(number), 0) FROM signal WHERE signal.run_key = run.run_key AND taken_seq IS NULL) AS last
    FROM run WHERE runtime_run_id = ?`);
  const openNow = db.query<
    { id: string; name: string; payload: string; sent_at_ms: number; sender: string },
    [number]
  >(`SELECT id, name, payload, sent_at_ms, sender FROM signal
     WHERE run_key = ? AND taken_seq IS NULL ORDER BY number`);

  let seen: number | undefined;
  const stops = new Map<string, boolean>();
  /** Runs whose inbox was looked at since the last commit. */
  const fresh = new Set<string>();
  const inboxes = new Map<string, Inbox>();

  const forgetIfChanged = (): void => {
    const version = versionNow.get()?.data_version;
    if (version === seen) return;
    seen = version;
    stops.clear();
    fresh.clear();
  };
  const look = (runtimeRunId: string): Inbox | undefined => {
    const known = inboxes.get(runtimeRunId);
    if (fresh.has(runtimeRunId)) return known;
    const now = inboxNow.get(runtimeRunId);
    fresh.add(runtimeRunId);
    if (now === null) {
      inboxes.delete(runtimeRunId);
      return undefined;
    }
    // Signals only join at the end and leave when they are taken: the same count and the same last one are the same ones.
    if (known?.runKey === now.runKey && known.open === now.open && known.last === now.last) return known;
    const inbox = { ...now, signals: now.open === 0 ? [] : openNow.all(now.runKey).map(signalOf) };
    inboxes.set(runtimeRunId, inbox);
    return inbox;
  };

  return {
    stopRequested(runtimeRunId) {
      forgetIfChanged();
      const known = stops.get(runtimeRunId);
      if (known !== undefined) return known;
      const answer = (requestedAt.get(runtimeRunId)?.at ?? null) !== null;
      stops.set(runtimeRunId, answer);
      return answer;
    },
    openSignals(runtimeRunId) {
      forgetIfChanged();
      return look(runtimeRunId)?.signals ?? [];
    },
    close: () => closeConnection(db),
  };
}
