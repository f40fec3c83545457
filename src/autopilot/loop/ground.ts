/**
 * What the parts of the loop have in common: its scopes, its queue, its clock and the configuration of the moment. Types, and how a
 * scope is made due; nothing here decides anything.
 */
import type { Clock } from "../../system/clock.ts";
import type { AutopilotConfig } from "../config/model.ts";
import type { ControllerRow } from "../contract.ts";
import type { LeaseKeeper } from "../lease/contract.ts";
import type { VisitPorts } from "../visiting/model.ts";
import type { DueQueue } from "./due-queue.ts";
import type { Places } from "./places.ts";
import type { Watched } from "./watched.ts";

export interface Pace {
  readonly pollMs: number;
  readonly discoverMs: number;
  readonly beatMs: number;
  readonly pruneMs: number;
}

export interface Ground {
  readonly ports: VisitPorts;
  readonly keeper: LeaseKeeper;
  readonly identity: Pick<ControllerRow, "holder" | "host" | "pid" | "version">;
  readonly startedAtMs: number;
  /** Decides what is due: set back it delays nothing, set forward it makes things due. */
  readonly clock: Clock;
  readonly pace: Pace;
  readonly scopes: Map<string, Watched>;
  readonly queue: DueQueue;
  readonly places: Places;
  /** Cuts off what is under way. */
  readonly cut: AbortSignal;
  config(): AutopilotConfig;
  isStopping(): boolean;
  /** The loop takes a turn now. */
  kick(): void;
  /** The store has proved to work. */
  proved(): void;
}

/** As soon as there is a place. */
export function hasten({ scopes, queue, clock }: Ground, key: string): void {
  if (scopes.has(key)) queue.hasten(key, clock.nowMs());
}

/** Whether anybody said something in the scope since it was visited. A scope that cannot be read says nothing. */
export async function hasNews({ ports }: Ground, scope: Watched): Promise<boolean> {
  const state = await ports.store.state(scope.id).catch(() => undefined);
  return state !== undefined && state.seq !== scope.state?.seq;
}

export function note(
  { ports, clock }: Pick<Ground, "ports" | "clock">,
  level: "info" | "warn" | "error",
  message: string,
  keys: Readonly<Record<string, string>>,
): void {
  ports.tell({ kind: "note", level, message, keys, atMs: clock.nowMs() });
}
