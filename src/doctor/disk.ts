/**
 * Whether the outputs root can keep runs: that it is there, can be written, has room and files left, lasts, and lets SQLite write ahead.
 * The last is tried with one small database in a folder of its own, which is removed again.
 *
 * Source: statfs(2); https://sqlite.org/wal.html
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { shellWord } from "../policy/shell-word.ts";
import { fileSystemKind } from "../system/file-system-kind.ts";
import { nearestFolder, refusalToWrite } from "../system/writable.ts";
import type { Host } from "./host.ts";
import type { Finding } from "./model.ts";

const check = "disk";
/** Less than this, and one run's evidence may fill the disk. */
const freeBytesFault = 64 * 1024 * 1024;
const freeBytesWarning = 1024 * 1024 * 1024;
const freeInodesWarning = 10_000;

export async function disk({ outputsRoot }: Host): Promise<readonly Finding[]> {
  const root = statSync(outputsRoot, { throwIfNoEntry: false });
  if (root !== undefined && !root.isDirectory()) {
    return [
      {
        check,
        severity: "fault",
        says: `the outputs root ${outputsRoot} is no folder`,
        fix: "Name another one: --outputs-root, AKC_OUTPUTS_ROOT or the project file.",
      },
    ];
  }
  const place = root === undefined ? nearestFolder(outputsRoot) : outputsRoot;
  const refusal = refusalToWrite(place);
  if (refusal !== undefined) {
    return [
      {
        check,
        severity: "fault",
        says: `${place} cannot be written (${refusal})`,
        fix: `Give it to the user that akc runs as: chown ${process.getuid?.() ?? "USER"} ${shellWord(place)}`,
      },
    ];
  }
  const findings: Finding[] = [];
  if (root === undefined) {
    findings.push({
      check,
      severity: "note",
      says: `the outputs root ${outputsRoot} is not there yet: the first run makes it`,
    });
  }
  return [...findings, ...roomAt(place), ...kindOf(place), ...writeAhead(place)];
}

function roomAt(place: string): readonly Finding[] {
  const { bavail, bsize, ffree, files } = statfsSync(place);
  const freeBytes = bavail * bsize;
  const says = `${gigabytes(freeBytes)} are free at ${place}`;
  const details = { free_bytes: freeBytes };
  const fix = "Make room: `akc runtime prune` removes old runs.";
  const findings: Finding[] = [
    freeBytes < freeBytesFault
      ? { check, severity: "fault", says, fix, details }
      : freeBytes < freeBytesWarning
        ? { check, severity: "warning", says, fix, details }
        : { check, severity: "ok", says, details },
  ];
  // Some file systems make them as they are needed, and say that there are none.
  if (files > 0 && ffree < freeInodesWarning) {
    findings.push({
      check,
      severity: ffree === 0 ? "fault" : "warning",
      says: `only ${ffree} files more can be made at ${place}`,
      fix: "Prune runs, or use a file system with more inodes.",
      details: { free_inodes: ffree },
    });
  }
  return findings;
}

function kindOf(place: string): readonly Finding[] {
  const found = fileSystemKind(statfsSync(place).type);
  if (found === undefined) return [];
  const details = { file_system: found.name };
  return [
    found.kind === "memory"
      ? {
          check,
          severity: "warning",
          says: `${place} is in memory (${found.name}): nothing outlives a restart of the host`,
          fix: "Keep runs on a disk.",
          details,
        }
      : {
          check,
          severity: "warning",
          says: `${place} is on ${found.name}: a database there must only be used from one host at a time`,
          fix: "Keep the outputs root on a local disk.",
          details,
        },
  ];
}

/** Whether a database there takes a write-ahead log, as every state does. */
function writeAhead(place: string): readonly Finding[] {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(place, ".akc-doctor-"));
    using db = new Database(join(folder, "tried.sqlite3"), { create: true });
    const mode = db.prepare<{ journal_mode: string }, []>("PRAGMA journal_mode = WAL").get()?.journal_mode;
    db.run("CREATE TABLE tried (value INTEGER)");
    return mode === "wal"
      ? [{ check, severity: "ok", says: `SQLite can write ahead at ${place}` }]
      : [
          {
            check,
            severity: "fault",
            says: `SQLite cannot write ahead at ${place}: it stays at "${mode ?? "nothing"}"`,
            fix: "Keep the outputs root on a local disk.",
          },
        ];
  } catch (cause) {
    return [
      {
        check,
        severity: "fault",
        says: `no database can be made at ${place}: ${cause instanceof Error ? cause.message : String(cause)}`,
        fix: "Make room there, or keep the outputs root on another disk.",
      },
    ];
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

function gigabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
