/**
 * When the service manager's watchdog is fed: only after the controller has proved that it gets on, never because a timer fired.
 * Pure but for its own memory of the last ping; it sends nothing and reads no clock.
 *
 * Source: sd_watchdog_enabled(3), systemd.service(5) WatchdogSec=.
 */
import type { ControllerStatus } from "../autopilot/contract.ts";
import { limits } from "../limits.ts";
import type { MutableEnvironment } from "./notify.ts";

/** What a ping has to be proved by. */
export type Progress = Pick<
  ControllerStatus,
  "phase" | "turns" | "lastTurnMonotonicMs" | "lastStoreProofMonotonicMs"
>;

/** `starved`: a ping is due and there is no proof; `why` says of what. */
export type WatchdogAnswer =
  | { readonly kind: "ping" }
  | { readonly kind: "early" }
  | { readonly kind: "starved"; readonly why: "no_turn" | "no_store_proof" };

export interface Watchdog {
  readonly timeoutMs: number;
  /** How often to ask: a few times within what is left after half of the time. */
  readonly askEveryMs: number;
  /** @param nowMs monotonic, of the same clock as the progress */
  ask(progress: Progress, nowMs: number): WatchdogAnswer;
}

/**
 * The watchdog that the service manager asked for, in milliseconds; undefined when it asked for none, or asked another process.
 * Takes both variables out of `env`.
 */
export function takeWatchdogMs(env: MutableEnvironment, pid: number): number | undefined {
  const usec = env["WATCHDOG_USEC"] ?? "";
  const of = env["WATCHDOG_PID"];
  delete env["WATCHDOG_USEC"];
  delete env["WATCHDOG_PID"];
  if (!/^[1-9]\d{0,15}$/.test(usec) || (of !== undefined && of !== String(pid))) return undefined;
  return Number(usec) / 1_000;
}

/** @param startMs monotonic time from which the first ping counts */
export function createWatchdog(timeoutMs: number, startMs: number): Watchdog {
  let pingedMs = startMs;
  let turnsAtPing = 0;
  // Older than this it is no proof any more; a short watchdog does not make a slow disk a fault.
  const proofMs = Math.max(timeoutMs, limits.serviceStoreProofMs);
  return {
    timeoutMs,
    askEveryMs: Math.max(limits.serviceWatchdogAskMsMin, timeoutMs / 8),
    ask(progress, nowMs) {
      // Asked a little before half of the time it answers at once: the next asking would be late.
      if (nowMs - pingedMs < timeoutMs / 2 - timeoutMs / 16) return { kind: "early" };
      // A stop is bounded by its own time; turns have ended by then.
      if (progress.phase !== "draining") {
        if (progress.turns <= turnsAtPing) return { kind: "starved", why: "no_turn" };
        if (nowMs - progress.lastStoreProofMonotonicMs > proofMs)
          return { kind: "starved", why: "no_store_proof" };
      }
      pingedMs = nowMs;
      turnsAtPing = progress.turns;
      return { kind: "ping" };
    },
  };
}
