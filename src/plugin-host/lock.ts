/**
 * plugins.lock: which plugins of a directory were accepted, file by file; and beside it, which are switched off.
 * Both stand next to the plugins directory, so that who may fill the directory need not be who vouches for it.
 */
import { readFileSync, statSync } from "node:fs";
import * as v from "valibot";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { errnoOf, writeFileAtomic } from "../system/files.ts";
import { foreignHand, type Identity } from "./folder.ts";

export interface LockEntry {
  readonly id: string;
  readonly version: string;
  /** The folder's name in the plugins directory. */
  readonly folder: string;
  readonly digest: string;
  /** Public key of the signature that held when it was locked, `ed25519:…`. */
  readonly signer?: string;
  /** Path → SHA-256, `plugin.yaml` too. */
  readonly files: ReadonlyMap<string, string>;
}

/** `/etc/akc/plugins` → `/etc/akc/plugins.lock` */
export function lockPathOf(directory: string): string {
  return `${directory.replace(/\/+$/, "")}.lock`;
}

/** `/etc/akc/plugins` → `/etc/akc/plugins.disabled` */
function disabledPathOf(directory: string): string {
  return `${directory.replace(/\/+$/, "")}.disabled`;
}

const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const LockFile = v.strictObject({
  schema: v.literal("akc.plugins-lock/v1"),
  plugins: v.array(
    v.strictObject({
      id: v.string(),
      version: v.string(),
      folder: v.string(),
      digest: Sha256,
      signer: v.optional(v.string()),
      files: v.record(v.string(), Sha256),
    }),
  ),
});
const DisabledFile = v.strictObject({
  schema: v.literal("akc.plugins-disabled/v1"),
  disabled: v.array(v.string()),
});

/** None where there is no lock. @throws AkcError PLUGIN_LOCK_INVALID */
export function readLock(directory: string, who: Identity): readonly LockEntry[] {
  const file = readJson(lockPathOf(directory), LockFile, who);
  return (file?.plugins ?? []).map(({ signer, files, ...entry }) => ({
    ...entry,
    ...(signer === undefined ? {} : { signer }),
    files: new Map(Object.entries(files)),
  }));
}

export async function writeLock(directory: string, entries: readonly LockEntry[]): Promise<void> {
  const plugins = [...entries]
    .sort((a, b) => byText(a.id, b.id) || byText(a.version, b.version) || byText(a.folder, b.folder))
    .map(({ files, ...entry }) => ({ ...entry, files: Object.fromEntries(files) }));
  await writeJson(lockPathOf(directory), { schema: "akc.plugins-lock/v1", plugins });
}

/** Ids switched off by this directory's file. @throws AkcError PLUGIN_LOCK_INVALID */
export function readDisabled(directory: string, who: Identity): readonly string[] {
  return readJson(disabledPathOf(directory), DisabledFile, who)?.disabled ?? [];
}

export async function writeDisabled(directory: string, ids: readonly string[]): Promise<void> {
  await writeJson(disabledPathOf(directory), {
    schema: "akc.plugins-disabled/v1",
    disabled: [...new Set(ids)].sort(),
  });
}

/** @throws AkcError PLUGIN_LOCK_INVALID also where somebody else could have written it */
function readJson<const Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
  who: Identity,
): v.InferOutput<Schema> | undefined {
  let text: string;
  try {
    const stats = statSync(path);
    const hand = foreignHand(stats, who);
    if (hand !== undefined) throw invalid(path, hand);
    if (!stats.isFile()) throw invalid(path, "it is no plain file");
    if (stats.size > limits.pluginsLockBytesMax) throw invalid(path, "it is too large");
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    if (errnoOf(cause) === "ENOENT" || errnoOf(cause) === "ENOTDIR") return undefined;
    throw invalid(path, `it cannot be read (${errnoOf(cause) ?? "unknown"})`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(path, "it is not JSON", cause);
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw invalid(path, `${v.getDotPath(issue) ?? "the file"}: ${issue.message}`);
}

async function writeJson(path: string, value: object): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

function invalid(path: string, why: string, cause?: unknown): AkcError {
  const name = path.endsWith(".lock") ? "plugins.lock" : "the list of disabled plugins";
  return new AkcError("PLUGIN_LOCK_INVALID", {
    message: `${name} is not valid: ${why}`,
    details: { path },
    ...(cause === undefined ? {} : { cause }),
  });
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
