/**
 * How the file of an artifact goes when the last run that had it is removed. Never is there a row without its file, wherever a
 * process is killed and whatever other processes put meanwhile; a file without a row may be left, and costs only space.
 *
 * The row goes first: the transaction that removes the run removes the artifact's row and notes the file in `dead_file`.
 * Killed here, the note is found by whoever sweeps next. Removing the file before that commit would not do: killed in between,
 * the rows would be back and the file would not.
 *
 * The file goes under the write lock of the database, only if no row names it, and the note goes in the same transaction.
 * Killed after the file is gone and before the commit, the note stays, and removing what is gone does no harm.
 *
 * A run of another process may put the same content at any moment: it finds the file there and does not write it again, or
 * writes it just before it is removed. So a writer holds another name of the content (`HeldFile`) from the moment it was put
 * until its row is committed, and gives the content its own name back inside the transaction that inserts the row
 * (`restoreIfGone`). Only one of the two transactions has the write lock at a time. If the writer's comes first, the row is
 * there and the file stays. If the removal comes first, the writer sees that the file is gone and restores it. The same holds
 * for a note that outlived its process: by then the row is there, so only the note goes.
 */
import type { Database } from "bun:sqlite";
import { unlinkSync } from "node:fs";
import { errnoOf } from "../../system/files.ts";
import { artifactPath } from "./artifact-files.ts";

/** So many at a time, so that nobody waits long for the write lock. */
const batchSize = 64;

/** Files that cannot be removed stay noted. */
export function removeDeadFiles(db: Database, root: string): void {
  const noted = db.query<{ sha256: Uint8Array }, [Uint8Array]>(
    `SELECT sha256 FROM dead_file WHERE sha256 > ? ORDER BY sha256 LIMIT ${batchSize}`,
  );
  const hasRow = db.query("SELECT 1 FROM artifact WHERE sha256 = ?");
  const forget = db.query("DELETE FROM dead_file WHERE sha256 = ?");
  const removeBatch = (after: Uint8Array): Uint8Array | undefined => {
    const batch = noted.all(after);
    for (const { sha256 } of batch) {
      if (hasRow.get(sha256) !== null || removed(artifactPath(root, sha256.toHex()))) forget.run(sha256);
    }
    return batch.at(-1)?.sha256;
  };
  for (let after: Uint8Array | undefined = new Uint8Array(); after !== undefined; ) {
    const from: Uint8Array = after;
    // Most often there is none, and then no lock is taken.
    if (noted.get(from) === null) return;
    after = db.transaction(() => removeBatch(from)).immediate();
  }
}

function removed(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (cause) {
    return errnoOf(cause) === "ENOENT";
  }
}
