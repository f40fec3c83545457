/**
 * From `argv[0]` to the file that would be executed. Whether it may be is the policy's to say; this room only looks.
 *
 * Source: spec bundle §14.5; bundle:W-26.
 */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where names without a slash are looked up, and the PATH of every child. Never the one akc was started with. */
export const fixedPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type ExecutablePlace =
  /** `real` has no links left; `foundAs` is where the name was found. Both absolute. */
  | { readonly kind: "found"; readonly real: string; readonly foundAs: string }
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
    return { kind: "found", real, foundAs: path };
  } catch {
    return undefined;
  }
}
