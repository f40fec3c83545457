/**
 * The disk side of loading a bundle: reads its text, finds the repository it belongs to, and reads the files it refers
 * to, never outside that repository. What the texts mean is none of its business.
 *
 * Source: spec bundle §6.1, §17.1; bundle:W-11.
 */
import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import type { BundleFiles, BundleSource } from "../bundle/files.ts";
import { AkcError } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import { limits } from "../limits.ts";
import { errnoOf, readFileBounded, resolveConfined } from "../system/files.ts";

/**
 * @param path as the user wrote it; relative to the working directory, `~` is the shell's affair
 * @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, PATH_UNSAFE (a NUL in it), JSON_TOO_LARGE
 */
export async function readBundleSource(path: string): Promise<BundleSource> {
  const real = await realPathOf(path);
  const repoRoot = repoRootOf(real);
  return {
    path: real,
    repoRoot,
    text: await readFileBounded(real, limits.jsonTextBytesMax),
    files: filesBelow(repoRoot),
  };
}

/** `<repo>` of `<repo>/.akc/runtime/<file>`; the file's own folder when it stands elsewhere. Takes a real path. */
function repoRootOf(bundlePath: string): string {
  const folder = dirname(bundlePath);
  const isEmitted = basename(folder) === "runtime" && basename(dirname(folder)) === ".akc";
  return isEmitted ? dirname(dirname(folder)) : folder;
}

/**
 * Where the runs of a bundle leave their files: what was said explicitly, else the folder that holds
 * `<tenant>/<repo>/.akc` on the way to the bundle, else the bundle's own folder. Absolute.
 * @param bundlePath absolute, symbolic links resolved
 */
export function inferOutputsRoot(bundlePath: string, explicit?: string): string {
  if (explicit !== undefined && explicit !== "") return resolve(explicit);
  const parts = resolve(bundlePath).split(sep);
  const at = parts.indexOf(".akc");
  // The first part is empty: it stands for the root, which `<tenant>/<repo>` may lie in.
  return at >= 3 ? parts.slice(0, at - 2).join(sep) || sep : dirname(resolve(bundlePath));
}

/** JSON files below `root`, each read at most up to the limit of any JSON text. */
export function filesBelow(root: string): BundleFiles {
  return {
    async read(relative) {
      const path = await resolveConfined(root, relative);
      try {
        return parseJson(await readFileBounded(path, limits.jsonTextBytesMax));
      } catch (error) {
        if (!(error instanceof AkcError)) throw error;
        if (error.code === "FILE_NOT_FOUND") return undefined;
        throw named(error, join(root, relative));
      }
    },
  };
}

/** The same error, saying in which file: its line and column are of no use without. */
function named(error: AkcError, path: string): AkcError {
  return new AkcError(error.code, {
    message: error.message,
    hint: error.hint,
    cause: error.cause,
    details: { path, ...error.details },
    issues: error.issues,
  });
}

async function realPathOf(path: string): Promise<string> {
  if (path.includes("\0"))
    throw new AkcError("PATH_UNSAFE", { details: { path: path.replaceAll("\0", "\\0") } });
  try {
    return await realpath(resolve(path));
  } catch (cause) {
    const missing = ["ENOENT", "ENOTDIR"].includes(errnoOf(cause) ?? "");
    throw new AkcError(missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE", { cause, details: { path } });
  }
}
