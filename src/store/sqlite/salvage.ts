/**
 * Saves what can still be read of a damaged state into a fresh one, and says of every run what is certain of it. The damaged
 * files are only read, as bytes; the fresh state stands below another outputs root and is never written over one that is there.
 */
import type { Database } from "bun:sqlite";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { createAtomicFile, resolveConfined, writeFileAtomic } from "../../system/files.ts";
import { artifactPath, IncomingFile, letGo } from "./artifact-files.ts";
import { type BackupScope, evidenceFolder, evidenceRows } from "./backup.ts";
import { closeConnection } from "./connection.ts";
import { fileChunks } from "./contents.ts";
import { guarded } from "./faults.ts";
import { buildFile } from "./new-file.ts";
import { artifactsRoot, databasePath } from "./open.ts";
import { runNamed } from "./runs.ts";
import { type SalvagedDeployment, salvageDeployment } from "./salvage/deployment.ts";
import { type Gathered, gather } from "./salvage/found.ts";
import { openPages, type Pages } from "./salvage/pages.ts";
import { type SalvagedRun, salvageRun } from "./salvage/run.ts";
import { createTarget, newestOf, type SalvageTarget } from "./salvage/target.ts";
import { writeUnplaced } from "./salvage/unplaced.ts";
import { isLost } from "./salvage/walk.ts";
import { openScratch } from "./sealed-file.ts";

export interface SalvageReport {
  readonly from: string;
  readonly scopeRoot: string;
  /** Whether the first bytes of the file, which say what it is, are as they should be. */
  readonly headerWhole: boolean;
  readonly log: "none" | "whole" | "cut" | "unreadable";
  /** Pages of which not every row could be read. */
  readonly damagedPages: number;
  readonly runs: readonly SalvagedRun[];
  /** Runs whose own row is lost; their events stand in `unplacedPath`. */
  readonly runsWithoutRow: number;
  /** What the scope had deployed. */
  readonly deployment: SalvagedDeployment;
  /** Whether rows of runs may be missing of which nothing else was found. */
  readonly runsMayBeMissing: boolean;
  /** Artifacts that runs name and that could not be saved. */
  readonly artifactsLost: number;
  readonly evidenceFilesLost: number;
  /** Events that belong to no history that holds, as lines of JSON; null when there are none. */
  readonly unplacedPath: string | null;
}

/**
 * @param outputsRoot absolute; the fresh state stands at `<outputsRoot>/<tenant>/<repo>`.
 * @throws AkcError RUN_NOT_FOUND when there is nothing to save, STATE_EXISTS, OUTPUTS_UNWRITABLE, DISK_FULL
 */
export async function salvage(scope: BackupScope, outputsRoot: string): Promise<SalvageReport> {
  const from = databasePath(scope.scopeRoot);
  if (!existsSync(from))
    throw new AkcError("RUN_NOT_FOUND", { message: "there is no state there", details: { path: from } });
  const scopeRoot = join(outputsRoot, scope.tenantId, scope.repoId);
  const path = databasePath(scopeRoot);
  if (existsSync(path))
    throw new AkcError("STATE_EXISTS", { hint: "Choose another folder.", details: { path } });
  guarded(path, () => mkdirSync(dirname(path), { recursive: true }));
  return await buildFile(path, { force: false }, async (temporary) => {
    const work = `${temporary}.found`;
    const pages = openPages(from);
    const found = openScratch(work);
    const db = openScratch(temporary);
    try {
      found.run("BEGIN");
      const gathered = gather(pages, found);
      const target = createTarget(db);
      const { runs, runsWithoutRow } = salvageRuns(found, gathered, target);
      const deployment = salvageDeployment(found, gathered, target);
      const artifactsLost = saveArtifacts(found, target, scope.scopeRoot, scopeRoot);
      const evidenceFilesLost = await saveEvidence(db, scope.scopeRoot, scopeRoot);
      target.finish();
      const named = join(outputsRoot, `${scope.tenantId}.${scope.repoId}`);
      const unplaced = `${named}.unplaced-events.jsonl`;
      const report: SalvageReport = {
        from,
        scopeRoot,
        headerWhole: pages.headerWhole,
        log: logStanding(pages),
        damagedPages: gathered.damagedPages,
        runs: runs.map((run) => withLosses(run, artifactsLost, evidenceFilesLost)),
        runsWithoutRow,
        deployment,
        runsMayBeMissing: isLost(gathered.walked.lost.run, 0, Number.MAX_SAFE_INTEGER),
        artifactsLost: countOf(artifactsLost),
        evidenceFilesLost: countOf(evidenceFilesLost),
        unplacedPath: (await writeUnplaced(found, db, unplaced)) ? unplaced : null,
      };
      await writeFileAtomic(`${named}.salvage.json`, `${JSON.stringify(report, null, 2)}\n`);
      return report;
    } finally {
      pages.close();
      closeConnection(found);
      closeConnection(db);
      rmSync(work, { force: true });
    }
  });
}

function logStanding({ log, logBytes }: Pages): SalvageReport["log"] {
  if (logBytes === 0) return "none";
  if (log === null) return "unreadable";
  return log.framesBroken > 0 ? "cut" : "whole";
}

function countOf(losses: Losses): number {
  return [...losses.values()].reduce((sum, names) => sum + names.length, 0);
}

function salvageRuns(found: Database, gathered: Gathered, target: SalvageTarget) {
  const keys = found
    .query<{ run_key: number }, []>(
      "SELECT DISTINCT run_key FROM found_row WHERE tab = 'run' ORDER BY run_key",
    )
    .all();
  const runs: SalvagedRun[] = [];
  for (const { run_key: key } of keys) {
    const name = insertRun(found, target, key);
    if (name !== null) runs.push(salvageRun({ found, gathered, target }, key, name));
  }
  const orphans = found
    .query<{ n: number }, []>(
      `SELECT count(DISTINCT run_key) AS n FROM found_event
       WHERE run_key NOT IN (SELECT run_key FROM found_row WHERE tab = 'run')`,
    )
    .get();
  return { runs, runsWithoutRow: orphans?.n ?? 0 };
}

/** Its name, or null when the row cannot be read as a run's. */
function insertRun(found: Database, target: SalvageTarget, key: number): string | null {
  const [row] = newestOf(found, "run", key);
  const name = row?.values[1];
  if (row === undefined || typeof name !== "string" || !target.insertRun(key, row.values)) return null;
  try {
    runNamed(target.db, name);
    return name;
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    target.removeRun(key);
    return null;
  }
}

/** By the run's key: what it names and what could not be saved. */
type Losses = ReadonlyMap<string, readonly string[]>;

function withLosses(run: SalvagedRun, artifacts: Losses, evidence: Losses): SalvagedRun {
  const lost = [
    ...(artifacts.get(run.runtimeRunId) ?? []).map((name) => `artifact ${name} is lost`),
    ...(evidence.get(run.runtimeRunId) ?? []).map(
      (name) => `evidence ${name} is missing or not as it was sealed`,
    ),
  ];
  return lost.length === 0 ? run : { ...run, standing: "cut", why: [...run.why, ...lost] };
}

/** Those that a salvaged run names, each held against its own hash. */
function saveArtifacts(found: Database, target: SalvageTarget, fromScope: string, toScope: string): Losses {
  const { db } = target;
  const lost = new Map<string, string[]>();
  const named = db
    .prepare<{ runtime_run_id: string; sha256: Uint8Array }, []>(
      `SELECT runtime_run_id, sha256 FROM (
         SELECT run_key, sha256 FROM artifact_ref
         UNION SELECT run_key, output_sha256 FROM action WHERE output_sha256 IS NOT NULL
         UNION SELECT run_key, unhex(facts_sha256) FROM run WHERE length(facts_sha256) = 64
       ) JOIN run USING (run_key) WHERE sha256 IS NOT NULL ORDER BY sha256`,
    )
    .all();
  for (const { runtime_run_id, sha256 } of named) {
    if (saveArtifact(found, target, sha256, fromScope, toScope)) continue;
    lost.set(runtime_run_id, [...(lost.get(runtime_run_id) ?? []), sha256.toHex()]);
  }
  return lost;
}

function saveArtifact(
  found: Database,
  { db, insert }: SalvageTarget,
  sha256: Uint8Array,
  fromScope: string,
  toScope: string,
): boolean {
  if (db.query("SELECT 1 FROM artifact WHERE sha256 = ?").get(sha256) !== null) return true;
  const name = sha256.toHex();
  const rows = found
    .query<{ content: Uint8Array | null }, [Uint8Array]>(
      "SELECT content FROM found_row WHERE tab = 'artifact' AND run_key = 0 AND key = ? ORDER BY rank",
    )
    .all(sha256);
  const inline = rows.find(({ content }) => content !== null && digestOf([content]) === name)?.content;
  if (inline != null) return insert("artifact", [sha256, inline.byteLength, inline]);
  // Its row may be lost and its file be there: the name is the content's own digest.
  const chunks = fileChunks(artifactPath(artifactsRoot(fromScope), name));
  if (chunks === null) return false;
  const incoming = new IncomingFile(artifactsRoot(toScope));
  const hasher = new Bun.CryptoHasher("sha256");
  let sizeBytes = 0;
  for (const chunk of chunks) {
    incoming.write(chunk);
    hasher.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  if (hasher.digest("hex") !== name) {
    incoming.discard();
    return false;
  }
  letGo(incoming.keep(name));
  return insert("artifact", [sha256, sizeBytes, null]);
}

/** Copied as it is found: also an edited file is evidence, of somebody's editing. */
async function saveEvidence(db: Database, fromScope: string, toScope: string): Promise<Losses> {
  const lost = new Map<string, string[]>();
  for (const row of evidenceRows(db)) {
    const place = `${evidenceFolder(row.run_id, row.runtime_run_id)}/${row.name}`;
    const from = await resolveConfined(fromScope, place).catch(() => null);
    const to = await resolveConfined(toScope, place).catch(() => null);
    const chunks = from === null || to === null ? null : fileChunks(from);
    const digest = chunks === null || to === null ? null : await copied(chunks, to);
    if (digest === row.sha256.toHex()) continue;
    lost.set(row.runtime_run_id, [...(lost.get(row.runtime_run_id) ?? []), row.name]);
  }
  return lost;
}

async function copied(chunks: Iterable<Uint8Array>, to: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const file = await createAtomicFile(to);
  try {
    for (const chunk of chunks) {
      hasher.update(chunk);
      await file.write(chunk);
    }
    await file.finish();
  } catch (cause) {
    await file.discard();
    throw cause;
  }
  return hasher.digest("hex");
}

function digestOf(chunks: Iterable<Uint8Array>): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const chunk of chunks) hasher.update(chunk);
  return hasher.digest("hex");
}
