/**
 * Whether a plugin may be started now: after a fault it waits, each time longer; after many in a row it is left alone for a
 * while, then tried once. Pure: it is handed the time and starts nothing.
 */
import { limits } from "../limits.ts";

export interface Health {
  /** Without an answer between them. */
  readonly faultsInRow: number;
  readonly notBeforeMs: number;
}

export const healthy: Health = { faultsInRow: 0, notBeforeMs: 0 };

export type HealthEvent =
  | { readonly kind: "fault"; readonly atMs: number }
  /** It has answered a call. */
  | { readonly kind: "answered" };

export function advance(health: Health, event: HealthEvent): Health {
  switch (event.kind) {
    case "answered":
      return healthy;
    case "fault": {
      const faultsInRow = health.faultsInRow + 1;
      const waitMs =
        faultsInRow >= limits.pluginFaultsInRowMax
          ? limits.pluginCircuitOpenMs
          : Math.min(limits.pluginBackoffMsMax, limits.pluginBackoffMs * 2 ** (faultsInRow - 1));
      return { faultsInRow, notBeforeMs: event.atMs + waitMs };
    }
  }
}

export type Gate =
  | { readonly kind: "open"; readonly waitMs: 0 }
  | { readonly kind: "wait"; readonly waitMs: number }
  /** Nobody waits for it: the circuit is broken. */
  | { readonly kind: "broken"; readonly waitMs: number };

/** When the circuit has been broken for long enough one start is tried; one more fault breaks it again. */
export function gate(health: Health, nowMs: number): Gate {
  const waitMs = health.notBeforeMs - nowMs;
  if (waitMs <= 0) return { kind: "open", waitMs: 0 };
  return { kind: health.faultsInRow >= limits.pluginFaultsInRowMax ? "broken" : "wait", waitMs };
}
