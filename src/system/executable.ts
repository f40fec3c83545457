/**
 * From `argv[0]` to the file that would be executed. Whether it may be is the policy's to say; this room only looks.
 *
 * Source: spec bundle §14.5; bundle:W-26.
 */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Where names without a slash are looked up, and the PATH of every child. Never the one akc was started with. */
export const fixedPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Folders of the fixed PATH by their names: where `/bin` is a link to `/usr/bin`, both are names of one folder. */
const twins: ReadonlyMap<string, readonly string[]> = foldersByName(fixedPath.split(":"));

export type ExecutablePlace =
  /** `real` has no links left; `foundAs` is where the name was found, by every name of that folder. All absolute. */
  | { readonly kind: "found"; readonly real: string; readonly foundAs: readonly string[] }
  | { readonly kind: "missing" }
  /** A relative path with a slash, or one with a NUL: it would mean whatever the working directory holds. */
  | { readonly kind: "relative" };

export function findExecutable(argv0: string): ExecutablePlace {
  if (argv0.includes("\0")) return { kind: "relative" };
  if (argv0.startsWith("/")) return at(argv0) ?? { kind: "missing" };
  if (argv0.includes("/") || argv0 === "." || argv0 === "..") return { kind: "relative" };
  for (const folder of fixedPath.split(":")) {
    const found = at(join(folder, argv0));
    if (found !== undefined) return found;
  }
  return { kind: "missing" };
}

function at(path: string): ExecutablePlace | undefined {
  try {
    const real = realpathSync.native(path);
    if (!statSync(real).isFile()) return undefined;
    accessSync(real, constants.X_OK);
    const folders = twins.get(dirname(path)) ?? [dirname(path)];
    return { kind: "found", real, foundAs: folders.map((folder) => join(folder, basename(path))) };
  } catch {
    return undefined;
  }
}

function foldersByName(folders: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const real = new Map(folders.map((folder) => [folder, realFolder(folder)]));
  return new Map(
    folders.map((folder) => [folder, folders.filter((other) => real.get(other) === real.get(folder))]),
  );
}

/** A folder that does not exist is itself and has no other name. */
function realFolder(folder: string): string {
  try {
    return realpathSync.native(folder);
  } catch {
    return folder;
  }
}
