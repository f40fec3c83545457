/**
 * Vouching for plugins: writing them into plugins.lock, and signing their folders.
 * Writes only plugins.lock and, for a signature, the plugin's manifest; it starts nothing.
 */
import { realpathSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isMap, isNode, isScalar, parseDocument, stringify } from "yaml";
import { AkcError } from "../errors.ts";
import { lockFile, writeFileAtomic } from "../system/files.ts";
import { manifestFile, type PlacedPlugin, type PluginManifest } from "./contract.ts";
import { type Folder, ownIdentity, readFolder } from "./folder.ts";
import { type LockEntry, readLock, writeLock } from "./lock.ts";
import { parseManifest, type ReadManifest } from "./manifest.ts";
import { signerKey, signText } from "./signature.ts";

export interface PluginFolder extends ReadManifest {
  readonly root: string;
  readonly folder: Folder;
  /** The manifest's text. */
  readonly text: string;
}

/**
 * A folder as a plugin, wherever it stands; a link is followed to it.
 * @throws AkcError FILE_NOT_FOUND, PLUGIN_MANIFEST_INVALID, or PLUGIN_UNTRUSTED where others could change it or it holds what no plugin may
 */
export function readPluginFolder(place: string): PluginFolder {
  const root = realPathOf(place);
  const folder = readFolder(root, ownIdentity(), manifestFile);
  if (folder.kind === "refused") {
    throw new AkcError("PLUGIN_UNTRUSTED", {
      message: `the folder cannot be a plugin: ${folder.why}`,
      hint: "A plugin is a folder of plain files that only you and root may write (chmod -R go-w).",
      details: { path: root },
    });
  }
  const path = join(root, manifestFile);
  if (folder.kept === undefined) {
    throw new AkcError("FILE_NOT_FOUND", {
      message: "the folder has no manifest of a plugin",
      hint: `A plugin's folder has ${manifestFile} at its top; \`akc plugin new\` begins one.`,
      details: { path },
    });
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(folder.kept);
  } catch (cause) {
    throw new AkcError("JSON_NOT_UTF8", { cause, details: { path } });
  }
  const read = parseManifest(text, path, {
    has: (file) => folder.files.has(file),
    isExecutable: (file) => folder.executables.has(file),
  });
  return { ...read, root, folder, text };
}

/** @throws AkcError FILE_NOT_FOUND */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    throw new AkcError("FILE_NOT_FOUND", { cause, details: { path } });
  }
}

/** Accepts the plugins as they are now; entries of other folders stay. */
export async function lockPlugins(directory: string, plugins: readonly PlacedPlugin[]): Promise<void> {
  await changeLock(directory, (entries) => {
    const fresh = plugins.map((plugin) => entryOf(plugin.folder, plugin.manifest, plugin));
    return [...entries.filter(({ folder }) => !fresh.some((entry) => entry.folder === folder)), ...fresh];
  });
}

export function entryOf(
  folder: string,
  { id, version, signature }: PluginManifest,
  { digest, files }: Pick<Folder, "digest" | "files">,
): LockEntry {
  const signer = signature === undefined ? {} : { signer: signerKey(signature) };
  return { id, version, folder, digest, ...signer, files };
}

/** One change of plugins.lock at a time, also between processes. */
async function changeLock(
  directory: string,
  change: (entries: readonly LockEntry[]) => readonly LockEntry[],
): Promise<void> {
  await withPlace(directory, async () => {
    await writeLock(directory, change(readLock(directory, ownIdentity())));
  });
}

/** Holds the directory while `work` runs: installations and changes of the lock wait for each other. */
export async function withPlace<Answer>(directory: string, work: () => Promise<Answer>): Promise<Answer> {
  const handle = await open(directory, "r");
  try {
    await lockFile(handle.fd, directory);
    return await work();
  } finally {
    await handle.close();
  }
}

/**
 * Writes the digests of all files and a signature into the manifest; comments and order stay as they are.
 * @throws AkcError PLUGIN_KEY_INVALID, PLUGIN_MANIFEST_INVALID
 */
export async function signPlugin(place: string, privateKey: string): Promise<PluginFolder> {
  const before = readPluginFolder(place);
  const { root } = before;
  // What version control keeps is not installed either.
  const files = [...before.folder.files].filter(
    ([file]) => file !== manifestFile && !file.startsWith(".git/"),
  );
  const unsigned = withoutTrust(before.text) + stringify({ digests: Object.fromEntries(files) });
  const path = join(root, manifestFile);
  const signature = await signText(parseManifest(unsigned, path).signedText(), privateKey);
  await writeFileAtomic(path, unsigned + stringify({ signature: { ...signature } }, { lineWidth: 0 }));
  return readPluginFolder(root);
}

/** The text without its `digests` and `signature`, and otherwise as its author wrote it. */
function withoutTrust(text: string): string {
  const { contents } = parseDocument(text);
  if (!isMap(contents) || contents.flow === true) {
    throw new AkcError("USAGE", {
      message: "a manifest in braces cannot be signed",
      hint: "Write plugin.yaml as lines of `key: value`.",
    });
  }
  const cuts = contents.items.flatMap(({ key, value }) => {
    const named = isScalar(key) && (key.value === "digests" || key.value === "signature");
    const end = isNode(value) ? value.range?.[2] : undefined;
    return named && key.range && end !== undefined ? [{ start: key.range[0], end }] : [];
  });
  const rest = cuts.reduceRight((so, { start, end }) => so.slice(0, start) + so.slice(end), text);
  return rest === "" || rest.endsWith("\n") ? rest : `${rest}\n`;
}
