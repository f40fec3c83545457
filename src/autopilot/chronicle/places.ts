/**
 * Where the files of a scope that follow from its entries lie, and what they are called. Names only; reads and writes nothing.
 *
 * Source: spec cli §2.
 */

/** Below the scope's folder. */
export const autopilotFolder = ".akc/autopilot";

export const folders = ["decisions", "escalations", "scoreboards"] as const;
export type Folder = (typeof folders)[number];

export const historyName = "history.jsonl";
/** Which entry the files are written up to. */
export const progressName = "chronicle.json";
export const lockName = "chronicle.lock";

/** @param id of letters, digits and dashes, as ids are; anything else would be a path */
export function decisionName(atMs: number, id: string): string {
  return `${atMs}.${id}.decision.json`;
}

export function escalationName(atMs: number, reason: string): string {
  return `${atMs}.${reason}.json`;
}

export const scoreboardSuffix = ".reliability_scoreboard.v1.json";

export function scoreboardName(startMs: number, endMs: number): string {
  return `${startMs}-${endMs}${scoreboardSuffix}`;
}

/** What a full history becomes: by the number of its last entry, so that names in order are rows in order. */
export function turnedHistoryName(lastSeq: number): string {
  return `history.${String(lastSeq).padStart(12, "0")}.jsonl`;
}

export function isTurnedHistory(name: string): boolean {
  return /^history\.\d{12,}\.jsonl$/.test(name);
}
