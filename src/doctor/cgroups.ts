/**
 * Which control groups there are and whether this process may make some: limits of systemd units and of containers need them, akc's
 * own limits do not. Reads files of the kernel only.
 *
 * Source: cgroups(7); https://docs.kernel.org/admin-guide/cgroup-v2.html
 */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "./model.ts";

const check = "cgroups";
const root = "/sys/fs/cgroup";
const wanted = ["cpu", "memory", "pids"] as const;

export async function cgroups(): Promise<readonly Finding[]> {
  const controllers = textOf(join(root, "cgroup.controllers"));
  if (controllers === undefined) {
    const hybrid = existsSync(join(root, "unified"));
    return [
      {
        check,
        severity: "note",
        says: existsSync(root)
          ? `control groups are of version 1${hybrid ? " (hybrid)" : ""}: MemoryHigh and delegation of units have no effect`
          : "there are no control groups: units and containers cannot be limited",
        fix: "Start the host with systemd.unified_cgroup_hierarchy=1.",
      },
    ];
  }
  const there = controllers.trim().split(/\s+/);
  const missing = wanted.filter((name) => !there.includes(name));
  if (missing.length > 0) {
    return [
      {
        check,
        severity: "note",
        says: `version 2, without the controllers ${missing.join(", ")}: limits by them have no effect`,
        fix: "Let the kernel and the container around this host hand them on (`cgroup.subtree_control`).",
      },
    ];
  }
  const own = ownGroup();
  const delegated = own !== undefined && mayWrite(join(root, own, "cgroup.procs"));
  return [
    {
      check,
      severity: "ok",
      says: `version 2 with ${wanted.join(", ")}; ${delegated ? "this process may make groups of its own" : "not delegated to this user"}`,
      details: { delegated },
    },
  ];
}

/** The group of version 2 that this process is in, as a path below `root`; undefined where there is none. */
export function ownGroup(): string | undefined {
  return textOf("/proc/self/cgroup")?.match(/^0::(.+)$/m)?.[1];
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
