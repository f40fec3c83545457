/**
 * Who holds a lease, and whether that process can still be there. It never takes or breaks a lease.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { errnoOf } from "../../system/files.ts";
import { isZombie } from "../../system/process-table.ts";
import type { Lease, LeaseHolder } from "../contract.ts";

/** This process. */
export function thisProcess(): LeaseHolder {
  const host = hostname();
  return {
    name: `${host}:${process.pid}:${crypto.randomUUID().slice(0, 8)}`,
    host,
    pid: process.pid,
    bootId: thisBoot(),
  };
}

/** This start of the host and the pid namespace, without which a pid means nothing. */
function thisBoot(): string {
  return `${firstLine("/proc/sys/kernel/random/boot_id")}/${linkTarget("/proc/self/ns/pid")}`;
}

/** Eight hex digits for where pids mean what they mean here: the host, its start, the pid namespace. */
export function pidPlace(): string {
  place ??= Bun.SHA256.hash(`${hostname()}\n${thisBoot()}`, "hex").slice(0, 8);
  return place;
}

let place: string | undefined;

/**
 * Whether the holder may still write. A lease that has not expired counts as held unless its process is provably gone:
 * the same boot and pid namespace of the same host without that pid, or the same host after a reboot.
 */
export function isHeld(lease: Lease, here: LeaseHolder, nowMs: number): boolean {
  if (lease.expiresAtMs <= nowMs) return false;
  const { holder } = lease;
  if (holder.host !== here.host) return true;
  if (holder.bootId === here.bootId) return processExists(holder.pid);
  const sameBoot = bootOf(holder.bootId) === bootOf(here.bootId);
  const known = bootOf(holder.bootId) !== "" && bootOf(here.bootId) !== "";
  return sameBoot || !known;
}

function bootOf(bootId: string): string {
  return bootId.split("/", 1)[0] ?? "";
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

// Absent outside Linux: an empty answer only means that expiry alone decides.
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
