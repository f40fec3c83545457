/** Whether a folder can be written by this process, and which one would hold a path that is not there yet. Makes and changes nothing. */
import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "./files.ts";

/** Why nothing can be made in the folder, as the name of an errno; undefined where it can. */
export function refusalToWrite(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (cause) {
    return errnoOf(cause) ?? "unknown";
  }
}

/** The folder above the path that is there, and nearest to it. */
export function nearestFolder(path: string): string {
  const above = dirname(path);
  if (above === path || statSync(above, { throwIfNoEntry: false })?.isDirectory() === true) return above;
  return nearestFolder(above);
}
