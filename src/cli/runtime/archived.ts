/**
 * A run out of an archive, for the commands that look at runs: its reader, and its files of evidence in a folder that goes with
 * the command. Names in an archive are believed only below that folder.
 */
import { lstat, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { evidencePaths } from "../../evidence/layout.ts";
import type { RunReader, RunRow } from "../../store/contract.ts";
import { openArchive, type RunArchive } from "../../store/sqlite/archive.ts";
import { createAtomicFile, resolveConfined } from "../../system/files.ts";

export interface ArchivedRun {
  readonly reader: RunReader;
  readonly row: RunRow;
  /** A private folder in which the evidence lies as it does in a scope. */
  readonly scopeRoot: string;
}

/** Opens the archive for the length of `work`. @throws AkcError ARCHIVE_INVALID, FILE_NOT_FOUND, DISK_FULL */
export async function withArchive<T>(path: string, work: (run: ArchivedRun) => Promise<T>): Promise<T> {
  const archive = await openArchive(path);
  const scopeRoot = await mkdtemp(join(tmpdir(), "akc-archive-"));
  try {
    const row = await archive.reader.run();
    const { runId, runtimeRunId } = row.context;
    if (![runId, runtimeRunId].every(isIdentifier)) {
      throw new AkcError("ARCHIVE_INVALID", { details: { path, why: "its run has an odd name" } });
    }
    await unpackEvidence(archive, evidencePaths(scopeRoot, row.context).folder);
    return await work({ reader: archive.reader, row, scopeRoot });
  } finally {
    await archive.reader.close();
    await rm(scopeRoot, { recursive: true, force: true });
  }
}

/** Writes the files of evidence below `folder`; never over one that is there. Answers their names. */
export async function unpackEvidence(archive: RunArchive, folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  for (const { name } of await archive.reader.evidenceFiles()) {
    const parts = archive.evidence(name);
    if (parts === null) continue;
    const path = await resolveConfined(folder, name);
    if ((await lstat(path).catch(() => undefined)) !== undefined) {
      throw new AkcError("FILE_EXISTS", { hint: "Choose another folder.", details: { path } });
    }
    const file = await createAtomicFile(path);
    try {
      for await (const part of parts) await file.write(part);
      await file.finish();
    } catch (cause) {
      await file.discard();
      throw cause;
    }
    written.push(name);
  }
  return written;
}
