/**
 * Whether the outputs root can keep what an autopilot writes: that it is there, writable, on a disk that lasts and has room. Writes
 * nothing.
 *
 * Source: statfs(2); https://sqlite.org/wal.html (all processes of one database must be on one host).
 */
import { accessSync, constants, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../../system/files.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const check = "disk";

/** Less than this, and one run's evidence may fill the disk. */
const freeBytesFail = 64 * 1024 * 1024;
const freeBytesWarn = 1024 * 1024 * 1024;
const freeInodesWarn = 10_000;

/** `f_type` of those that matter here. */
const kinds: ReadonlyMap<number, { readonly name: string; readonly kind: "memory" | "network" }> = new Map([
  [0x01021994, { name: "tmpfs", kind: "memory" }],
  [0x858458f6, { name: "ramfs", kind: "memory" }],
  [0x6969, { name: "nfs", kind: "network" }],
  [0xff534d42, { name: "cifs", kind: "network" }],
  [0xfe534d42, { name: "smb2", kind: "network" }],
  [0x00c36400, { name: "ceph", kind: "network" }],
  [0x0bd00bd0, { name: "lustre", kind: "network" }],
  [0x65735546, { name: "fuse", kind: "network" }],
  [0x01021997, { name: "9p", kind: "network" }],
]);

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
  const found = kinds.get(type >>> 0);
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

function refusalToWrite(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    return errnoOf(cause) ?? "unknown";
  }
}

function nearestFolder(path: string): string {
  const above = dirname(path);
  if (above === path || statSync(above, { throwIfNoEntry: false })?.isDirectory() === true) return above;
  return nearestFolder(above);
}
