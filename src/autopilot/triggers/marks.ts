/**
 * Cursors of sources that are no run: how far a schedule was told, which sources and which intent were seen last. They are stored with
 * the triggers in one transaction like those of runs; their names cannot be a run's. Pure.
 */
import type { Cursor } from "../contract.ts";

export const marks = {
  /** 1 once the runs that were there at first sight are taken as read. */
  runs: "*runs",
  /** First 52 bits of the fingerprint over the configured sources. */
  sources: "*sources",
  /** First 52 bits of the intent that was told as changed last; 0 where the newest is the deployed one. */
  intent: "*intent",
  /** Time of the last tick that was told, milliseconds. */
  schedule: "*schedule",
} as const;

export function markOf(cursors: readonly Cursor[], name: string): number | undefined {
  return cursors.find(({ runtimeRunId }) => runtimeRunId === name)?.seq;
}

export function mark(name: string, seq: number): Cursor {
  return { runtimeRunId: name, seq };
}

/** A digest as a number that a cursor holds: equal digests are equal numbers, others almost surely are not. */
export function numberOf(sha256: string): number {
  return Number.parseInt(sha256.slice(0, hexDigits), 16);
}

/** 52 bits: below the largest whole number that is exact. */
const hexDigits = 13;
