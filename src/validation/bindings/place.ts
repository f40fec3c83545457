/**
 * Which registry counts: the one that is named, that of the project, or the default one. Looks for the file and never reads it, so that
 * a process that only hands it on loads nothing of what reads one.
 *
 * Source: spec reconcile §6.2.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { expandHome } from "./paths.ts";

/** Below the working directory, where nothing names another. */
export const defaultBindingsFile = "configs/validation/validator_bindings.v1.yaml";

export interface BindingPlace {
  /** `--validator-bindings`. */
  readonly path?: string | undefined;
  /** As the project's file names it. */
  readonly projectPath?: string | undefined;
  readonly cwd: string;
  /** What `~` means; the user's home folder unless said. */
  readonly home?: string;
}

/** Absolute, whether or not something is there; `named` says whether somebody wants it to be. */
export function bindingsPath({ path, projectPath, cwd, home = homedir() }: BindingPlace): {
  readonly path: string;
  readonly named: boolean;
} {
  const named = path ?? projectPath;
  return {
    path: resolve(cwd, named === undefined ? defaultBindingsFile : expandHome(named, home)),
    named: named !== undefined,
  };
}

/** Where the registry is that counts, for a process that reads it elsewhere and later; undefined where there is none. */
export function findBindings(place: BindingPlace): string | undefined {
  const { path, named } = bindingsPath(place);
  return named || existsSync(path) ? path : undefined;
}

/** `--validator-bindings` of a command that otherwise goes by what the run was started with: absolute. */
export function namedBindings(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(expandHome(path, homedir()));
}
