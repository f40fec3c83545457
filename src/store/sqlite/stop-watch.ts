/**
 * Answers "was a stop asked for" often and cheaply: it asks the run's row again only after somebody committed something.
 */
import type { Database } from "bun:sqlite";
import { closeConnection } from "./connection.ts";

export interface StopWatch {
  /** False for a run that does not exist. */
  requested(runtimeRunId: string): boolean;
  close(): void;
}

/** @param db a read-only connection that nobody else uses: `data_version` counts the commits that this one did not make. */
export function createStopWatch(db: Database): StopWatch {
  const versionNow = db.query<{ data_version: number }, []>("PRAGMA data_version");
  const requestedAt = db.query<{ at: number | null }, [string]>(
    "SELECT stop_requested_at_ms AS at FROM run WHERE runtime_run_id = ?",
  );
  const answers = new Map<string, boolean>();
  let seen: number | undefined;
  return {
    requested(runtimeRunId) {
      const version = versionNow.get()?.data_version;
      if (version !== seen) answers.clear();
      seen = version;
      const known = answers.get(runtimeRunId);
      if (known !== undefined) return known;
      const answer = (requestedAt.get(runtimeRunId)?.at ?? null) !== null;
      answers.set(runtimeRunId, answer);
      return answer;
    },
    close: () => closeConnection(db),
  };
}
