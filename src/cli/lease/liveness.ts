/**
 * Whether whoever holds a lease can still be there, and how that is known. It judges by what this host can see and takes
 * nothing from anybody.
 */
import type { Lease } from "../../store/contract.ts";
import { isHeld, thisProcess } from "../../store/sqlite/holder.ts";
import { processExists } from "../../system/process-owner.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { instant } from "../render/time.ts";

export type Liveness =
  /** `seen`: its process is there. Else only the lease's end will tell. */
  | { readonly kind: "held"; readonly seen: boolean }
  | { readonly kind: "gone"; readonly why: "let_go" | "expired" | "process_gone" | "host_restarted" }
  /** There never was a lease. */
  | { readonly kind: "none" };

const here = thisProcess();

export function livenessOf(lease: Lease | null, nowMs: number): Liveness {
  if (lease === null) return { kind: "none" };
  const { holder, expiresAtMs } = lease;
  const samePids = holder.host === here.host && holder.bootId === here.bootId;
  if (isHeld(lease, here, nowMs)) return { kind: "held", seen: samePids };
  if (expiresAtMs === 0) return { kind: "gone", why: "let_go" };
  // Also past its end the surer reason is told.
  if (samePids && !processExists(holder.pid)) return { kind: "gone", why: "process_gone" };
  if (holder.host === here.host && bootOf(holder.bootId) !== bootOf(here.bootId)) {
    return { kind: "gone", why: "host_restarted" };
  }
  return { kind: "gone", why: "expired" };
}

/** One clause for people. */
export function livenessText(lease: Lease | null, nowMs: number): string {
  const live = livenessOf(lease, nowMs);
  if (lease === null || live.kind === "none") return "nobody ever held it";
  const { pid, host } = lease.holder;
  const process = `process ${pid} on ${printable(host)}`;
  const until = instant(lease.expiresAtMs).replace(/\.\d+Z$/, "Z");
  if (live.kind === "held") return live.seen ? `${process} is at it` : `${process} has it until ${until}`;
  switch (live.why) {
    case "let_go":
      return `${process} let go of it, or it was taken away`;
    case "process_gone":
      return `${process} is gone`;
    case "host_restarted":
      return `${printable(host)} was restarted since`;
    case "expired":
      return `${process} has not been heard of since before ${until}`;
  }
}

/** The shape `Holder` of docs/json-output.md. */
export function holderData(lease: Lease, nowMs: number): { readonly [key: string]: Plain } {
  const { holder, token, expiresAtMs } = lease;
  const live = livenessOf(lease, nowMs);
  return {
    name: holder.name,
    host: holder.host,
    pid: holder.pid,
    boot_id: holder.bootId,
    token,
    expires_at_ms: expiresAtMs,
    alive: live.kind === "held",
    why: live.kind === "gone" ? live.why : live.kind === "held" && live.seen ? "process_seen" : "not_expired",
  };
}

function bootOf(bootId: string): string {
  return bootId.split("/", 1)[0] ?? "";
}
