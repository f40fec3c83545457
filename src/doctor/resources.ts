/** How much memory there is, and how many files a process may hold open. Reads files of the kernel only. */
import { readFileSync } from "node:fs";
import { ownGroup } from "./cgroups.ts";
import type { Finding } from "./model.ts";

/** A run of a hundred thousand steps takes about so much. */
const memoryWarningBytes = 256 * 1024 * 1024;
/** A process holds its database, logs, sockets and three pipes for each child. */
const openFilesWarning = 1_024;

export async function memory(): Promise<readonly Finding[]> {
  const info = readFileSync("/proc/meminfo", "utf8");
  const available = Number(/^MemAvailable:\s+(\d+) kB$/m.exec(info)?.[1] ?? Number.NaN) * 1_024;
  const group = groupLimit();
  const usable = Math.min(available, group ?? Number.POSITIVE_INFINITY);
  const says = `${Math.round(usable / 1e6)} MB can be used${group !== undefined && group < available ? ", as the control group of this process says" : ""}`;
  const details = { usable_bytes: usable };
  return [
    usable < memoryWarningBytes
      ? {
          check: "memory",
          severity: "warning",
          says,
          fix: "Give the host or the control group more: a run that is killed for want of memory goes on only by `akc runtime resume`.",
          details,
        }
      : { check: "memory", severity: "ok", says, details },
  ];
}

export async function openFiles(): Promise<readonly Finding[]> {
  const text = readFileSync("/proc/self/limits", "utf8");
  const [, soft = "", hard = ""] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text) ?? [];
  const most = soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
  const says = `a process may hold ${soft} files open (${hard} at most)`;
  const details = { open_files: soft, open_files_hard: hard };
  return [
    most < openFilesWarning
      ? {
          check: "limits",
          severity: "warning",
          says,
          fix: `ulimit -n ${openFilesWarning * 4}, or LimitNOFILE= in the unit that starts akc`,
          details,
        }
      : { check: "limits", severity: "ok", says, details },
  ];
}

/** `memory.max` of this process's group; undefined where there is none. */
function groupLimit(): number | undefined {
  const own = ownGroup();
  if (own === undefined) return undefined;
  try {
    const most = Number(readFileSync(`/sys/fs/cgroup${own}/memory.max`, "utf8"));
    return Number.isFinite(most) ? most : undefined;
  } catch {
    return undefined;
  }
}
