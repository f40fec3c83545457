/**
 * Names of files that one process uses for itself, `<root>/incoming/<owner>.<uuid>`, and what becomes of
 * those whose process is no more. Knows nothing of what is in them.
 */
import { mkdirSync, readdirSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../limits.ts";
import { ownerName, ownerState } from "../../system/process-owner.ts";
import { guarded } from "./faults.ts";

/** A name that nobody has yet, in a folder that exists. */
export function newIncomingPath(root: string): string {
  const folder = incomingFolder(root);
  guarded(folder, () => mkdirSync(folder, { recursive: true }));
  return join(folder, `${ownerName(process.pid)}.${crypto.randomUUID()}`);
}

/** Removes what processes that are no more left behind. Of processes elsewhere nothing is known: theirs goes when it is old. */
export function sweepIncoming(root: string, nowMs: number): void {
  const folder = incomingFolder(root);
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    try {
      if (isLeftOver(name, path, nowMs)) unlinkSync(path);
    } catch {
      // Already gone, or not ours to remove: nothing depends on it.
    }
  }
}

function isLeftOver(name: string, path: string, nowMs: number): boolean {
  const state = ownerState(name.split(".", 1)[0] ?? "");
  if (state !== "elsewhere") return state === "gone";
  // Not mtime: a second name of an old file has that file's.
  return nowMs - statSync(path).ctimeMs > limits.incomingFileAgeMsMax;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function incomingFolder(root: string): string {
  return join(root, "incoming");
}
