/**
 * What becomes of a copy whose process is dead: started again, when, or left at that. Pure.
 */
import { limits } from "../../limits.ts";
import type { Exit, ReplicaRecord } from "./record.ts";
import type { ServiceSettings } from "./settings.ts";

/** The record after this end. Restarts that follow closely wait longer each time; a host that was restarted is nobody's crash. */
export function afterExit(record: ReplicaRecord, exit: Exit): ReplicaRecord {
  const { restart } = record.settings;
  const { process: _, next_start_ms: __, ready: ___, ...rest } = record;
  const ended = { ...rest, last_exit: exit };
  if (exit.why === "reboot") return { ...ended, phase: "waiting", restarts: 0, next_start_ms: exit.at_ms };
  const clean = exit.why === "exit" && exit.code === 0;
  if (restart.policy === "never") return { ...ended, phase: clean ? "completed" : "given_up" };
  if (restart.policy === "on_failure" && clean) return { ...ended, phase: "completed" };
  const restarts = exit.at_ms - record.started_ms >= restart.reset_after_ms ? 0 : record.restarts;
  return {
    ...ended,
    phase: "waiting",
    restarts: restarts + 1,
    next_start_ms: exit.at_ms + backoffMs(restart, restarts),
  };
}

/**
 * How long a copy that waits still waits; 0: it is to be started now. A moment further ahead than any wait that it can have was
 * written by a clock that was set back since: nobody waits until that has caught up.
 */
export function waitLeftMs({ next_start_ms: due, restarts, settings }: ReplicaRecord, nowMs: number): number {
  const leftMs = (due ?? nowMs) - nowMs;
  const longestMs = backoffMs(settings.restart, Math.max(0, restarts - 1));
  return leftMs <= 0 || leftMs > longestMs ? 0 : leftMs;
}

/** Twice as long after each restart in a row. */
export function backoffMs(
  { backoff_ms: base, backoff_max_ms: max }: ServiceSettings["restart"],
  restarts: number,
): number {
  return Math.min(max, base * 2 ** Math.min(restarts, exponentMax));
}

const exponentMax = 40;

/** Of an intent from which nothing came that lives: nobody knows of a crash, so it is due. */
export function notStarted(record: ReplicaRecord): ReplicaRecord {
  return { ...record, phase: "waiting", next_start_ms: record.started_ms };
}

/** Whether it has been restarted so often in a row that somebody should look, and has not stood for long since. */
export function isCrashLooping(record: ReplicaRecord, nowMs: number): boolean {
  if (record.restarts < limits.processCrashLoopRestarts) return false;
  return record.phase !== "running" || nowMs - record.started_ms < record.settings.restart.reset_after_ms;
}

/** An end that nobody of ours saw lies somewhere after the start: the wait counts from there, and is over for whoever ran long. */
export function unseenExit(record: ReplicaRecord, rebooted: boolean, nowMs: number): Exit {
  return rebooted ? { at_ms: nowMs, why: "reboot" } : { at_ms: record.started_ms, why: "unseen" };
}
