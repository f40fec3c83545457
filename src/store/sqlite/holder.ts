/**
 * Who holds a lease, and whether that process can still be there. It never takes or breaks a lease.
 */
import { hostname } from "node:os";
import { processExists, thisBoot } from "../../system/process-owner.ts";
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
