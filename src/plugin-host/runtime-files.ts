/**
 * The files that a plugin's process is started with, on disk: a private folder named after their content.
 * Compared with what akc itself holds before each use, and written again when they are not that; never trusted for being there.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { type RuntimeFile, type RuntimeTexts, runtimeFileNames } from "./runtime-bundle.ts";

/** What the build put into the binary; not there when akc runs from source. */
declare const AKC_PLUGIN_RUNTIME: RuntimeTexts;

export interface RuntimeFiles {
  /** Absolute path without links. Holds nothing but these files. */
  readonly folder: string;
  path(name: RuntimeFile): string;
}

let texts: Promise<RuntimeTexts> | undefined;

async function loadTexts(): Promise<RuntimeTexts> {
  if (typeof AKC_PLUGIN_RUNTIME !== "undefined") return AKC_PLUGIN_RUNTIME;
  const { bundleRuntime } = await import("./runtime-bundle.ts");
  return bundleRuntime();
}

/**
 * Where they are kept: systemd's `CacheDirectory`, the user's cache, or a folder of this user's under the temporary one.
 */
export function defaultCacheRoot(env: Readonly<Record<string, string | undefined>>): string {
  const system = env["CACHE_DIRECTORY"]?.split(":")[0] ?? "";
  if (isAbsolute(system)) return join(system, "plugins");
  const user = env["XDG_CACHE_HOME"] ?? "";
  if (isAbsolute(user)) return join(user, "akc", "plugins");
  const home = env["HOME"] ?? homedir();
  if (isAbsolute(home) && home !== "/") return join(home, ".cache", "akc", "plugins");
  return join(tmpdir(), `akc-plugins-${process.getuid?.() ?? 0}`);
}

/** @throws AkcError PLUGIN_START_FAILED where the folder is another's, or cannot be written. */
export async function runtimeFiles(cacheRoot: string): Promise<RuntimeFiles> {
  texts ??= loadTexts();
  const wanted = await texts;
  const folder = join(cacheRoot, `runtime-${digestOf(wanted)}`);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    refuseForeign(folder);
    for (const name of runtimeFileNames) keep(join(folder, name), wanted[name]);
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    throw new AkcError("PLUGIN_START_FAILED", { message: `cannot write ${folder}`, cause });
  }
  return { folder, path: (name) => join(folder, name) };
}

let digest: { readonly of: RuntimeTexts; readonly value: string } | undefined;

function digestOf(wanted: RuntimeTexts): string {
  if (digest?.of !== wanted) digest = { of: wanted, value: sha256Hex(JSON.stringify(wanted)).slice(0, 32) };
  return digest.value;
}

function refuseForeign(folder: string): void {
  const { uid, mode } = lstatSync(folder);
  if (uid === process.getuid?.() && (mode & 0o022) === 0) return;
  throw new AkcError("PLUGIN_START_FAILED", {
    message: `${folder} belongs to somebody else, or others may write to it`,
    hint: "Remove it, or choose another cache folder with XDG_CACHE_HOME.",
  });
}

function keep(path: string, text: string): void {
  if (contentOf(path) === text) return;
  const temporary = `${path}.${crypto.randomUUID()}`;
  writeFileSync(temporary, text, { mode: 0o600, flag: "wx" });
  renameSync(temporary, path);
}

/** Undefined for what is not a plain file, too. */
function contentOf(path: string): string | undefined {
  try {
    return lstatSync(path).isFile() ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}
