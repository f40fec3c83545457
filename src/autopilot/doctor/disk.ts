/**
 * Whether the outputs root can keep what an autopilot writes: that it is there, writable, on a disk that lasts and has room. Writes
 * nothing.
 *
 * Source: statfs(2); https://sqlite.org/wal.html (all processes of one database must be on one host).
 */
import { statfsSync, statSync } from "node:fs";
import { fileSystemKind } from "../../system/file-system-kind.ts";
import { nearestFolder, refusalToWrite } from "../../system/writable.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const check = "disk";

/** Less than this, and one run's evidence may fill the disk. */
const freeBytesFail = 64 * 1024 * 1024;
const freeBytesWarn = 1024 * 1024 * 1024;
const freeInodesWarn = 10_000;

export interface DiskLook {
  readonly findings: readonly Finding[];
  /** Where several hosts could be at the same files, by the file system's name. */
  readonly sharedFileSystem?: string | undefined;
}

export function diskLook(outputsRoot: string): DiskLook {
  const root = statSync(outputsRoot, { throwIfNoEntry: false });
  if (root !== undefined && !root.isDirectory()) {
    return { findings: [fail(check, `the outputs root ${outputsRoot} is no folder`, "Name another one.")] };
  }
  const place = root === undefined ? nearestFolder(outputsRoot) : outputsRoot;
  const findings: Finding[] = [];
  if (root === undefined) {
    findings.push(
      warn(check, `the outputs root ${outputsRoot} is not there`, "It has no scopes; check --outputs-root."),
    );
  }
  const refusal = refusalToWrite(place);
  findings.push(
    refusal === undefined
      ? ok(check, `${place} is writable`)
      : fail(
          check,
          `${place} cannot be written (${refusal})`,
          "Give it to the user that the controller runs as.",
        ),
  );
  const { type, bavail, bsize, ffree, files } = statfsSync(place);
  const freeBytes = bavail * bsize;
  findings.push(room(place, freeBytes));
  // Some file systems make them as they are needed, and say that there are none.
  if (files > 0 && ffree < freeInodesWarn) {
    findings.push(
      warn(check, `only ${ffree} files more can be made at ${place}`, "Prune runs, or use another disk."),
    );
  }
  const found = fileSystemKind(type);
  if (found?.kind === "memory") {
    findings.push(
      warn(
        check,
        `${place} is in memory (${found.name}): nothing outlives a restart of the host`,
        "Keep it on a disk.",
      ),
    );
  }
  if (found?.kind !== "network") return { findings };
  findings.push(
    warn(
      check,
      `${place} is on ${found.name}: the database must only be used from one host at a time`,
      "Keep the outputs root on a local disk.",
    ),
  );
  return { findings, sharedFileSystem: found.name };
}

function room(place: string, freeBytes: number): Finding {
  const free = `${(freeBytes / 1e9).toFixed(1)} GB are free at ${place}`;
  if (freeBytes < freeBytesFail) return fail(check, free, "Make room: `akc runtime prune` removes old runs.");
  return freeBytes < freeBytesWarn
    ? warn(check, free, "Make room before it is full: `akc runtime prune` removes old runs.")
    : ok(check, free);
}
