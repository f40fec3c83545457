/**
 * Where the files of bindings really are, and whether that is below the scope. It only looks: a file may be another one by the time
 * that it is opened.
 *
 * Source: spec reconcile §6.3, §7.8.
 */
import { lstatSync, realpathSync } from "node:fs";
import { basename, dirname, join, sep } from "node:path";
import { AkcError } from "../../errors.ts";
import { errnoOf } from "../../system/files.ts";
import type { Binding } from "./model.ts";

/**
 * Refuses bindings with a file outside of the scope, also one that a link leads there.
 *
 * Anybody who may write below the scope can put something else in a file's place afterwards. So it is asked again right before a
 * binding is carried out, and a program that takes a name is given the path without links, never what the registry says.
 * @param scopeRoot must exist
 * @throws AkcError BINDING_PATH_OUTSIDE with every such file
 */
export function refuseOutside(bindings: Iterable<Binding>, scopeRoot: string): void {
  const root = realpathSync(scopeRoot);
  const below = root === sep ? sep : root + sep;
  const outside = [...bindings].flatMap(({ id, paths }) =>
    paths
      .filter(({ path }) => placeOf(path)?.startsWith(below) !== true)
      .map(({ field, path }) => `${id}: ${field} ${path}`),
  );
  if (outside.length > 0) throw new AkcError("BINDING_PATH_OUTSIDE", { details: { scope: root, outside } });
}

/** Undefined where a link leads to nothing, or nobody may look: where it leads is decided by whoever makes that something. */
function placeOf(path: string): string | undefined {
  const real = realPath(path);
  for (let part = real; ; part = dirname(part)) {
    try {
      return lstatSync(part).isSymbolicLink() ? undefined : real;
    } catch (cause) {
      const missing = errnoOf(cause) === "ENOENT" || errnoOf(cause) === "ENOTDIR";
      if (!missing || dirname(part) === part) return undefined;
    }
  }
}

/** The path without links as far as it exists; what does not exist yet stays as it is written. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

/** `~` and what is below it; anything else stays as it is. */
export function expandHome(path: string, home: string): string {
  return path === "~" || path.startsWith("~/") ? join(home, path.slice(1)) : path;
}
