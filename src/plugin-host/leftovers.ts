/**
 * What an akc that was killed left behind: processes of its plugins, and working directories of those and of tools of validators.
 * Touches nothing of an akc that lives, nor of one in another container, whose processes and folders may be seen from here.
 */
import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { libc } from "../system/libc.ts";
import { ownerName, ownerPattern, ownerState } from "../system/process-owner.ts";
import { processIds, spawnIdOf } from "../system/process-table.ts";

const SIGKILL = 9;
const folderPattern = new RegExp(`^akc-(?:plugins|validator)-(${ownerPattern})-`);
const spawnPattern = new RegExp(`^plugin-(${ownerPattern})\\.`);

/** By this key the environment of a plugin's processes says that they are this akc's. */
export function spawnKey(): string {
  return `plugin-${ownerName(process.pid)}`;
}

/** A private folder for the working directories of this process's plugins. */
export function makeWorkRoot(parent: string): string {
  return mkdtempSync(join(parent, `akc-plugins-${ownerName(process.pid)}-`));
}

/** Some milliseconds; once a host is enough. */
export function sweepLeftovers(parent: string): void {
  const host = libc();
  for (const pid of host === undefined ? [] : processIds()) {
    const owner = spawnPattern.exec(spawnIdOf(pid) ?? "")?.[1];
    if (owner !== undefined && ownerState(owner) === "gone") host?.kill(pid, SIGKILL);
  }
  for (const name of namesIn(parent)) {
    const owner = folderPattern.exec(name)?.[1];
    if (owner !== undefined && ownerState(owner) === "gone") removeOwn(join(parent, name));
  }
}

function removeOwn(folder: string): void {
  try {
    const found = lstatSync(folder);
    if (found.isDirectory() && found.uid === process.getuid?.())
      rmSync(folder, { recursive: true, force: true });
  } catch {
    // Somebody else was quicker.
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
