/**
 * Puts a backup back as a state: rows, artifacts and evidence, in the place that its scope has below an outputs root. What is
 * there already is set aside and never overwritten, and a run that is under way is never taken away.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { AkcError } from "../../errors.ts";
import { createAtomicFile, resolveConfined } from "../../system/files.ts";
import { IncomingFile, letGo } from "./artifact-files.ts";
import { backupKind, evidenceFolder, evidenceRows } from "./backup.ts";
import { closeConnection, openReader } from "./connection.ts";
import { artifactOwner, contentOf, evidenceOwner, readContent } from "./contents.ts";
import { hasDeployment } from "./deployment/tables.ts";
import { guarded } from "./faults.ts";
import { isHeld, thisProcess } from "./holder.ts";
import { leaseHeld } from "./leases.ts";
import { applicationId } from "./migrate.ts";
import { buildFile } from "./new-file.ts";
import { artifactsRoot, databasePath } from "./open.ts";
import { allRuns } from "./runs.ts";
import {
  createStateTables,
  mark,
  openScratch,
  openSealed,
  reading,
  type SealedFile,
  stateTables,
} from "./sealed-file.ts";

export interface RestoreReport {
  readonly scopeRoot: string;
  readonly tenantId: string;
  readonly repoId: string;
  readonly madeAtMs: number;
  readonly runs: number;
  readonly artifactFiles: number;
  readonly evidenceFiles: number;
  /** Folder with what was there before; null when there was nothing. */
  readonly setAside: string | null;
}

/**
 * @param outputsRoot absolute.
 * @throws AkcError BACKUP_INVALID, STATE_EXISTS, LEASE_HELD, PATH_UNSAFE, DISK_FULL, …; then the state that was there is as it was.
 */
export async function restoreBackup(
  from: string,
  outputsRoot: string,
  options: { readonly force: boolean; readonly nowMs: number },
): Promise<RestoreReport> {
  const file = openSealed(from, backupKind);
  try {
    const { tenantId, repoId, madeAtMs } = scopeOf(file);
    const scopeRoot = join(outputsRoot, tenantId, repoId);
    const path = databasePath(scopeRoot);
    guarded(outputsRoot, () => mkdirSync(outputsRoot, { recursive: true }));
    await resolveConfined(outputsRoot, relative(outputsRoot, path));
    const there = existsSync(path);
    if (there && !options.force) throw new AkcError("STATE_EXISTS", { details: { path } });
    if (there) refuseLive(path, options.nowMs);
    guarded(path, () => mkdirSync(dirname(path), { recursive: true }));

    const aside = there ? join(dirname(path), `replaced-${options.nowMs}`) : null;
    return await buildFile(
      path,
      {
        force: false,
        ...(aside === null
          ? {}
          : {
              setAside: () => {
                refuseLive(path, options.nowMs);
                moveAside(path, aside);
              },
            }),
      },
      async (temporary) => {
        const artifactFiles = restoreArtifacts(file, artifactsRoot(scopeRoot));
        const evidenceFiles = await restoreEvidence(file, scopeRoot);
        const runs = copyRows(file, temporary);
        return { scopeRoot, tenantId, repoId, madeAtMs, runs, artifactFiles, evidenceFiles, setAside: aside };
      },
    );
  } finally {
    closeConnection(file.db);
  }
}

function scopeOf(file: SealedFile) {
  const row = reading(file, () =>
    file.db
      .prepare<{ tenant_id: string; repo_id: string; made_at_ms: number }, []>("SELECT * FROM backup")
      .get(),
  );
  if (row === null || !isFolderName(row.tenant_id) || !isFolderName(row.repo_id)) {
    throw file.invalid("it does not say whose state it is");
  }
  return { tenantId: row.tenant_id, repoId: row.repo_id, madeAtMs: row.made_at_ms };
}

function isFolderName(name: string): boolean {
  return /^[^./\\\0][^/\\\0]{0,127}$/.test(name);
}

/** A state that cannot be read has no run that could go on. @throws AkcError LEASE_HELD */
function refuseLive(path: string, nowMs: number): void {
  const runs = readable(path);
  const live = runs.find(
    ({ lease, outcome }) => outcome === null && lease !== null && isHeld(lease, thisProcess(), nowMs),
  );
  if (live?.lease != null) throw leaseHeld(live.lease);
}

function readable(path: string): ReturnType<typeof allRuns> {
  try {
    const db = openReader(path);
    try {
      return guarded(path, () => allRuns(db));
    } finally {
      closeConnection(db);
    }
  } catch {
    return [];
  }
}

/** The log first: beside another database it must never stand, not even for a moment. */
function moveAside(path: string, aside: string): void {
  mkdirSync(aside);
  for (const end of ["-wal", "-shm", ""]) {
    if (existsSync(path + end)) renameSync(path + end, join(aside, basename(path) + end));
  }
}

function restoreArtifacts(file: SealedFile, root: string): number {
  const { db } = file;
  const rows = reading(file, () =>
    db.prepare<{ sha256: Uint8Array }, []>("SELECT sha256 FROM artifact WHERE content IS NULL").all(),
  );
  let kept = 0;
  for (const row of rows) {
    const sha256 = row.sha256.toHex();
    const content = reading(file, () => contentOf(db, artifactOwner(sha256)));
    // What the backup did not get, it cannot give back; its report said so.
    if (content === null) continue;
    if (content.sha256 !== sha256) throw file.invalid("an artifact is not what its name says");
    const incoming = new IncomingFile(root);
    try {
      for (const part of readContent(db, content, file.invalid)) incoming.write(part);
      letGo(incoming.keep(sha256));
    } catch (cause) {
      incoming.discard();
      throw cause;
    }
    kept += 1;
  }
  return kept;
}

async function restoreEvidence(file: SealedFile, scopeRoot: string): Promise<number> {
  const { db } = file;
  let kept = 0;
  for (const row of reading(file, () => evidenceRows(db))) {
    const content = reading(file, () => contentOf(db, evidenceOwner(row.run_key, row.name)));
    if (content === null) continue;
    if (![row.run_id, row.runtime_run_id].every(isFolderName)) throw file.invalid("a run has an odd name");
    await mkdir(scopeRoot, { recursive: true });
    const folder = evidenceFolder(row.run_id, row.runtime_run_id);
    const path = await resolveConfined(scopeRoot, `${folder}/${row.name}`);
    const target = await createAtomicFile(path);
    try {
      for (const part of readContent(db, content, file.invalid)) await target.write(part);
      await target.finish();
    } catch (cause) {
      await target.discard();
      throw cause;
    }
    kept += 1;
  }
  return kept;
}

/** Every row as it was, except that nobody holds a run or the scope any more. Answers how many runs there are. */
function copyRows(file: SealedFile, temporary: string): number {
  rmSync(temporary, { force: true });
  const db = openScratch(temporary);
  try {
    return guarded(temporary, () => {
      db.run("BEGIN");
      createStateTables(db, file.version);
      for (const { name, columns } of stateTables(file.version)) {
        db.run(`DELETE FROM ${name}`);
        const marks = columns.replaceAll(/[^,]+/g, "?");
        const insert = db.prepare(`INSERT INTO ${name} (${columns}) VALUES (${marks})`);
        for (const row of rowsOf(file, `SELECT ${columns} FROM ${name}`)) insert.run(...row);
        insert.finalize();
      }
      // Whoever held a run when it was copied must not hold it here.
      db.run("UPDATE lease SET token = token + 1, expires_at_ms = 0");
      mark(db, applicationId, file.version);
      if (hasDeployment(db)) db.run("UPDATE scope_lease SET token = token + 1, expires_at_ms = 0");
      db.run("COMMIT");
      return db.prepare<{ n: number }, []>("SELECT count(*) AS n FROM run").get()?.n ?? 0;
    });
  } finally {
    closeConnection(db);
  }
}

type Value = string | number | Uint8Array | null;

/** The rows of a query as lists of values, one at a time. */
function* rowsOf(file: SealedFile, sql: string): Generator<Value[]> {
  const statement = file.db.prepare<Record<string, Value>, []>(sql);
  try {
    for (const row of statement.iterate()) yield Object.values(row);
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    throw file.invalid("it cannot be read", cause);
  } finally {
    statement.finalize();
  }
}
