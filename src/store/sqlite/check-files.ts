/**
 * The part of a check that looks at bytes: artifacts in the database and in files, sealed files of evidence, and files that
 * belong to nobody. It removes nothing.
 */
import type { Database } from "bun:sqlite";
import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { resolveConfined } from "../../system/files.ts";
import { artifactPath } from "./artifact-files.ts";
import { evidenceFolder, evidenceRows } from "./backup.ts";
import type { FaultList } from "./check.ts";
import { fileChunks } from "./contents.ts";
import { isHeld, thisProcess } from "./holder.ts";
import { allRuns } from "./runs.ts";

/** A file of the artifacts' folder that no row names: space that is lost, or content whose turn is not committed yet. */
export interface OrphanFile {
  readonly path: string;
  readonly sizeBytes: number;
}

interface ArtifactFacts {
  readonly sha256: Uint8Array;
  readonly size_bytes: number;
  readonly inline_bytes: number | null;
}

export function checkArtifacts(db: Database, root: string, deep: boolean, faults: FaultList): void {
  const rows = db.prepare<ArtifactFacts, []>(
    "SELECT sha256, size_bytes, octet_length(content) AS inline_bytes FROM artifact",
  );
  const content = db.prepare<{ content: Uint8Array }, [Uint8Array]>(
    "SELECT content FROM artifact WHERE sha256 = ?",
  );
  try {
    for (const row of rows.iterate()) {
      const sha256 = row.sha256.toHex();
      const found = row.inline_bytes ?? fileSize(artifactPath(root, sha256));
      if (found === null) {
        faults.add("artifact_file_missing", `the file of artifact ${sha256} is missing`);
        continue;
      }
      if (found !== row.size_bytes) {
        faults.add("artifact_size", `artifact ${sha256} has ${found} bytes instead of ${row.size_bytes}`);
        continue;
      }
      if (!deep) continue;
      const bytes =
        row.inline_bytes === null
          ? digestOfFile(artifactPath(root, sha256))
          : digestOf([content.get(row.sha256)?.content ?? new Uint8Array()]);
      if (bytes !== sha256) faults.add("artifact_content", `artifact ${sha256} is not what its name says`);
    }
  } finally {
    rows.finalize();
    content.finalize();
  }
}

/** Of runs that nobody holds: the files of a run that goes on may be written just now. */
export async function checkEvidence(
  db: Database,
  scopeRoot: string,
  { deep, nowMs }: { readonly deep: boolean; readonly nowMs: number },
  faults: FaultList,
): Promise<void> {
  const held = new Set(
    allRuns(db)
      .filter(({ lease }) => lease !== null && isHeld(lease, thisProcess(), nowMs))
      .map(({ context }) => context.runtimeRunId),
  );
  for (const row of evidenceRows(db)) {
    if (held.has(row.runtime_run_id)) continue;
    const place = `${evidenceFolder(row.run_id, row.runtime_run_id)}/${row.name}`;
    const path = await resolveConfined(scopeRoot, place).catch(() => null);
    const found = path === null ? null : fileSize(path);
    if (path === null || found === null) {
      faults.add("evidence_missing", `${row.name} is missing`, row.runtime_run_id);
    } else if (found !== row.size_bytes) {
      faults.add(
        "evidence_size",
        `${row.name} has ${found} bytes instead of ${row.size_bytes}`,
        row.runtime_run_id,
      );
    } else if (deep && digestOfFile(path) !== row.sha256.toHex()) {
      faults.add("evidence_content", `${row.name} is not what was sealed`, row.runtime_run_id);
    }
  }
}

export function orphanFiles(db: Database, root: string): readonly OrphanFile[] {
  const hasRow = db.prepare("SELECT 1 FROM artifact WHERE sha256 = ? AND content IS NULL");
  const orphans: OrphanFile[] = [];
  try {
    for (const folder of namesIn(root).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
      for (const name of namesIn(join(root, folder))) {
        const known = /^[0-9a-f]{64}$/.test(name) && hasRow.get(Uint8Array.fromHex(name)) !== null;
        const path = join(root, folder, name);
        if (!known) orphans.push({ path, sizeBytes: lstatSync(path, { throwIfNoEntry: false })?.size ?? 0 });
      }
    }
  } finally {
    hasRow.finalize();
  }
  return orphans;
}

function digestOfFile(path: string): string {
  const chunks = fileChunks(path);
  return chunks === null ? "" : digestOf(chunks);
}

function digestOf(chunks: Iterable<Uint8Array>): string {
  const hasher = new Bun.CryptoHasher("sha256");
  for (const chunk of chunks) hasher.update(chunk);
  return hasher.digest("hex");
}

function fileSize(path: string): number | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? stat.size : null;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
