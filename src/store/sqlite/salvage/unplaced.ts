/** Events that no history vouches for, written down for people: they prove nothing, but they may tell what happened. */
import type { Database } from "bun:sqlite";
import { createAtomicFile } from "../../../system/files.ts";
import { rowIdBase } from "../keys.ts";

interface Unplaced {
  readonly run_key: number;
  readonly seq: number;
  readonly type: string;
  readonly at_ms: number;
  readonly payload: string;
  readonly runtime_run_id: string | null;
}

/** A line an event; no file when there are none. */
export async function writeUnplaced(found: Database, saved: Database, path: string): Promise<boolean> {
  const isSaved = saved.query("SELECT 1 FROM event WHERE id = ?");
  const nameOf = saved.query<{ runtime_run_id: string }, [number]>(
    "SELECT runtime_run_id FROM run WHERE run_key = ?",
  );
  const rows = found.prepare<Unplaced, []>(
    "SELECT run_key, seq, type, at_ms, payload FROM found_event ORDER BY run_key, seq, rank",
  );
  const lines = function* () {
    for (const { run_key, seq, type, at_ms, payload } of rows.iterate()) {
      if (isSaved.get(rowIdBase(run_key) + seq) !== null) continue;
      const runtimeRunId = nameOf.get(run_key)?.runtime_run_id ?? null;
      yield `${JSON.stringify({ run_key, runtime_run_id: runtimeRunId, seq, type, at_ms, payload })}\n`;
    }
  };
  let file: Awaited<ReturnType<typeof createAtomicFile>> | undefined;
  try {
    for (const line of lines()) {
      file ??= await createAtomicFile(path);
      await file.write(line);
    }
    await file?.finish();
    return file !== undefined;
  } catch (cause) {
    await file?.discard();
    throw cause;
  } finally {
    rows.finalize();
  }
}
