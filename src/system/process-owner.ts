/**
 * Whose something is that must not outlive its process. A pid alone does not say: every container counts its own, and many share
 * a folder for temporary files, or a host that sees into them.
 *
 * Source: pid_namespaces(7), proc(5).
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errnoOf } from "./files.ts";
import { isZombie } from "./process-table.ts";

/** The start of the host and the pid namespace, without which a pid means nothing: `<boot id>/<namespace>`. */
export function thisBoot(): string {
  return `${firstLine("/proc/sys/kernel/random/boot_id")}/${linkTarget("/proc/self/ns/pid")}`;
}

/** Names a process so that no process anywhere is taken for it: `<pid>-<eight hex digits for where the pid means something>`. */
export function ownerName(pid: number): string {
  place ??= Bun.SHA256.hash(`${hostname()}\n${thisBoot()}`, "hex").slice(0, 8);
  return `${pid}-${place}`;
}

let place: string | undefined;

/** What an owner's name looks like, as a part of another pattern. */
export const ownerPattern = "\\d+-[0-9a-f]{8}";

/** Of a process elsewhere nothing is known. */
export function ownerState(name: string): "living" | "gone" | "elsewhere" {
  const pid = Number.parseInt(name, 10);
  if (name !== ownerName(pid)) return "elsewhere";
  return processExists(pid) ? "living" : "gone";
}

/**
 * Whether this pid namespace has the pid. True also for a process of another user. One that has died and that nobody has
 * collected yet is gone: in a container whose first process collects nobody it would seem to live for ever.
 */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (cause) {
    return errnoOf(cause) !== "ESRCH";
  }
}

// Absent outside Linux: an empty answer only means that all of the host's processes count as one place.
function firstLine(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
