/**
 * What the kernel offers to confine what is started: Landlock for files and TCP, seccomp for calls, namespaces for plugins' own
 * sandboxes. Without them a command still runs where the policy lets it, less confined.
 *
 * Source: landlock(7), seccomp(2), user_namespaces(7).
 */
import { readFileSync } from "node:fs";
import { release } from "node:os";
import { landlockAbi, landlockAbiOfTcp } from "../system/landlock.ts";
import { offersSeccompFilters } from "../system/seccomp.ts";
import type { Finding } from "./model.ts";

/** The first with Landlock. */
const oldest = [5, 13] as const;

export async function kernel(): Promise<readonly Finding[]> {
  if (process.platform !== "linux") {
    return [
      {
        check: "kernel",
        severity: "fault",
        says: `this is ${process.platform}: akc confines and contains by means of Linux alone`,
        fix: "Run plans that do something on Linux; looking at bundles and archives works anywhere.",
      },
    ];
  }
  const version = release();
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const old = major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
  const details = { version, arch: process.arch };
  return [
    old
      ? {
          check: "kernel",
          severity: "warning",
          says: `Linux ${version} is older than ${oldest.join(".")}: it cannot confine files`,
          fix: `Use Linux ${oldest.join(".")} or newer, 6.7 for rules about the network.`,
          details,
        }
      : { check: "kernel", severity: "ok", says: `Linux ${version} on ${process.arch}`, details },
  ];
}

export async function landlock(): Promise<readonly Finding[]> {
  const abi = landlockAbi();
  const details = { abi };
  if (abi < 1) {
    return [
      {
        check: "landlock",
        severity: "warning",
        says: "the kernel has no Landlock: what is started can read and write whatever this user can",
        fix: "Use a kernel from 5.13 with Landlock among its security modules (`lsm=landlock,…` on its command line).",
        details,
      },
    ];
  }
  return [
    abi < landlockAbiOfTcp
      ? {
          check: "landlock",
          severity: "warning",
          says: `Landlock ABI ${abi} confines files and not the network`,
          fix: "Use a kernel from 6.7 for rules about TCP.",
          details,
        }
      : { check: "landlock", severity: "ok", says: `ABI ${abi} confines files and TCP`, details },
  ];
}

export async function seccomp(): Promise<readonly Finding[]> {
  return [
    offersSeccompFilters()
      ? { check: "seccomp", severity: "ok", says: "filters of calls can be set" }
      : {
          check: "seccomp",
          severity: "warning",
          says: "the kernel has no filters of calls: UDP and raw sockets cannot be shut off",
          fix: "Use a kernel with CONFIG_SECCOMP_FILTER.",
        },
  ];
}

export async function namespaces(): Promise<readonly Finding[]> {
  const most = numberIn("/proc/sys/user/max_user_namespaces");
  const unprivileged = numberIn("/proc/sys/kernel/unprivileged_userns_clone");
  const restricted = numberIn("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  const isRoot = process.getuid?.() === 0;
  const shut = most === 0 || (!isRoot && (unprivileged === 0 || restricted === 1));
  return [
    shut
      ? {
          check: "namespaces",
          severity: "note",
          says: "this user can make no user namespaces; akc needs none, but programs with sandboxes of their own do",
          fix: "sysctl user.max_user_namespaces=10000, and kernel.unprivileged_userns_clone=1 where it is there",
        }
      : { check: "namespaces", severity: "ok", says: "user namespaces can be made" },
  ];
}

function numberIn(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}
