/**
 * Finds the registry that counts, reads it within bounds, and resolves its paths. One registry or none: they are never merged.
 *
 * Source: spec reconcile §6.2.
 */
import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { dirname, resolve } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";
import type { BindingRegistry } from "./model.ts";
import { expandHome, realPath } from "./paths.ts";
import { type BindingPlace, bindingsPath } from "./place.ts";
import { parseRegistry } from "./registry.ts";

export interface BindingSearch extends BindingPlace {
  /** Kinds beside akc's own that a binding may have: those of validators of plugins that were found. */
  readonly kinds: readonly string[];
}

/**
 * The registry at `path`, else that of the project, else the default one where there is one, else an empty one.
 * @throws AkcError BINDINGS_NOT_FOUND for a named file that is missing, BINDINGS_INVALID with every fault and its place,
 *   FILE_UNREADABLE, JSON_TOO_LARGE
 */
export async function loadBindings(search: BindingSearch): Promise<BindingRegistry> {
  const { kinds, home = homedir() } = search;
  const { path, named } = bindingsPath(search);
  const bytes = await readIfPresent(path);
  if (bytes === undefined) {
    if (!named) return { bindings: new Map() };
    throw new AkcError("BINDINGS_NOT_FOUND", {
      details: { path },
      hint:
        search.path === undefined
          ? "The project's file names it (`validation.bindings_path`): mend that, or name another."
          : "Check the path.",
    });
  }
  const folder = dirname(path);
  const bindings = parseRegistry({
    bytes,
    path,
    kinds,
    resolve: (written) => realPath(resolve(folder, expandHome(written, home))),
  });
  return { path, sha256: createHash("sha256").update(bytes).digest("hex"), bindings };
}

async function readIfPresent(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFileBounded(path, limits.bindingsFileBytesMax);
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "FILE_NOT_FOUND") return undefined;
    throw cause;
  }
}
