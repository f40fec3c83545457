/**
 * Puts plugins into a plugins directory and takes them out again: whole or not at all, and locked as they were put there.
 * Starts nothing; until a folder is complete, checked and named, no search finds it.
 */
import { existsSync } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { limits } from "../limits.ts";
import { namesPlugin } from "../policy/plugin-words.ts";
import { asDiskError, errnoOf, readFileBounded } from "../system/files.ts";
import { type Archive, readArchive } from "./archive.ts";
import type { PluginManifest } from "./contract.ts";
import { changedFiles, foreignHandAbove, ownIdentity, readFolder } from "./folder.ts";
import { type LockEntry, readDisabled, readLock, writeDisabled, writeLock } from "./lock.ts";
import { holds, signerKey } from "./signature.ts";
import type { TrustRules } from "./trust.ts";
import { entryOf, type PluginFolder, readPluginFolder, withPlace } from "./vouch.ts";

export interface Installation {
  /** A folder, or a `.tar.gz`. */
  readonly from: string;
  /** SHA-256 that the archive, or the folder's digest, must have. */
  readonly sha256?: string;
  /** The plugins directory; made where it is missing. */
  readonly directory: string;
  /** Take the place of the same id and version with other content. */
  readonly replace: boolean;
  readonly rules: TrustRules;
}

export interface Installed {
  readonly manifest: PluginManifest;
  readonly root: string;
  readonly digest: string;
  /** `same` when the very same plugin was there and locked already. */
  readonly change: "installed" | "replaced" | "same";
  /** Name of the operator's signer, where its signature holds. */
  readonly signer?: string;
}

/**
 * @throws AkcError FILE_NOT_FOUND, PLUGIN_ARCHIVE_INVALID, PLUGIN_MANIFEST_INVALID, PLUGIN_SIGNATURE_INVALID, PLUGIN_MODIFIED,
 *   PLUGIN_UNTRUSTED where the operator's policy would never start it, PLUGIN_DUPLICATE, DISK_FULL
 */
export async function installPlugin(installation: Installation): Promise<Installed> {
  const { directory } = installation;
  await mkdir(directory, { recursive: true, mode: 0o755 });
  const hand = foreignHandAbove(directory, ownIdentity());
  if (hand !== undefined) {
    throw new AkcError("PLUGIN_UNTRUSTED", {
      message: "others could change what is installed there",
      hint: "Take their right to write away (chmod go-w), or choose another --plugins-dir.",
      details: { path: hand },
    });
  }
  return withPlace(directory, async () => {
    await removeRemains(directory);
    const incoming = join(directory, `.incoming-${process.pid}-${crypto.randomUUID().slice(0, 8)}`);
    try {
      await bringIn(installation, incoming);
      return await settle(installation, readPluginFolder(incoming));
    } catch (cause) {
      throw asDiskError(cause, directory);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  });
}

/** Who holds the directory is alone: what is left of an installation is of one that was killed. */
async function removeRemains(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/^\.(?:incoming|outgoing)-/.test(name))
      await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function bringIn({ from, sha256 }: Installation, incoming: string): Promise<void> {
  const stats = await lstat(from).catch((cause: unknown) => {
    throw new AkcError("FILE_NOT_FOUND", { cause, details: { path: from } });
  });
  if (stats.isDirectory() || (stats.isSymbolicLink() && existsSync(join(from, ".")))) {
    const source = readPluginFolder(from);
    requireDigest(sha256, source.folder.digest, "the folder");
    await copyFolder(source, incoming);
    return;
  }
  const bytes = await readFileBounded(from, limits.pluginArchiveBytesMax);
  requireDigest(sha256, sha256Hex(bytes), "the archive");
  await unpack(readArchive(bytes), incoming);
}

function requireDigest(expected: string | undefined, found: string, what: string): void {
  if (expected === undefined || expected.toLowerCase() === found) return;
  throw new AkcError("PLUGIN_MODIFIED", {
    message: `${what} does not have the SHA-256 that was given`,
    hint: "It is not what its author published: get it again, or ask for the right digest.",
    details: { expected: expected.toLowerCase(), found },
  });
}

async function unpack(archive: Archive, incoming: string): Promise<void> {
  await mkdir(incoming, { mode: 0o755 });
  for (const [path, { bytes, executable }] of archive) {
    await writeNew(join(incoming, path), bytes, executable);
  }
}

async function copyFolder({ root, folder }: PluginFolder, incoming: string): Promise<void> {
  await mkdir(incoming, { mode: 0o755 });
  for (const path of folder.files.keys()) {
    // What version control keeps is not part of the plugin.
    if (path.startsWith(".git/")) continue;
    const [from, to] = [join(root, path), join(incoming, path)];
    if ((await lstat(from)).isSymbolicLink()) {
      await mkdir(dirname(to), { recursive: true, mode: 0o755 });
      await symlink(await readlink(from), to);
    } else {
      const bytes = await readFileBounded(from, limits.pluginFileBytesMax);
      await writeNew(to, bytes, folder.executables.has(path));
    }
  }
}

/** Durable, and with the same rights whatever the umask. */
async function writeNew(path: string, bytes: Uint8Array, executable: boolean): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.chmod(executable ? 0o755 : 0o644);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Checks what came in, gives it its name, and locks it. */
async function settle(
  { directory, replace, rules }: Installation,
  incoming: PluginFolder,
): Promise<Installed> {
  const { manifest, folder } = incoming;
  const signer = await trustedSigner(incoming, rules);
  const name = `${manifest.id.replace("/", ".")}@${manifest.version}`;
  const root = join(directory, name);
  const entries = readLock(directory, ownIdentity());
  const others = entries.filter((entry) => entry.folder !== name);
  const known = entries.find((entry) => entry.folder === name);
  const there = existsSync(root);
  const installed = { manifest, root, digest: folder.digest, ...(signer === undefined ? {} : { signer }) };
  const unlike = entries.find(
    (entry) => entry.id === manifest.id && entry.version === manifest.version && entry.folder !== name,
  );
  if (unlike !== undefined && existsSync(join(directory, unlike.folder)))
    throw duplicate(manifest, unlike.folder);
  if (there && !replace) {
    if (digestAt(root) !== folder.digest) throw duplicate(manifest, name);
    // There, but perhaps not locked: akc was killed between the two.
    await writeLock(directory, [...others, entryOf(name, manifest, folder)]);
    return { ...installed, change: known?.digest === folder.digest ? "same" : "installed" };
  }
  await chmod(incoming.root, 0o755);
  await exchange(directory, incoming.root, root, there);
  await writeLock(directory, [...others, entryOf(name, manifest, folder)]);
  return { ...installed, change: there ? "replaced" : "installed" };
}

function digestAt(root: string): string | undefined {
  const folder = readFolder(root, ownIdentity());
  return folder.kind === "read" ? folder.digest : undefined;
}

/** What the operator's policy would never start is not installed either. */
async function trustedSigner(
  { manifest, folder, signedText }: PluginFolder,
  rules: TrustRules,
): Promise<string | undefined> {
  const { id, version, signature, digests } = manifest;
  const details = { plugin: id, version };
  if (digests.size > 0) {
    const files = changedFiles(digests, folder.files).filter((file) => file !== "plugin.yaml");
    if (files.length > 0) throw new AkcError("PLUGIN_MODIFIED", { details: { ...details, files } });
  }
  if (signature !== undefined && !(await holds(signedText(), signature))) {
    throw new AkcError("PLUGIN_SIGNATURE_INVALID", { details });
  }
  const signer = signature === undefined ? undefined : rules.signers.get(signerKey(signature));
  if (rules.trust === "signed" && signer === undefined) {
    throw new AkcError("PLUGIN_UNTRUSTED", {
      message: `the operator's policy asks for signed plugins, and ${signature === undefined ? "this one is not" : "this signer is not known"}`,
      hint: "Add the signer's public key to `plugins.signers` in the operator's policy if you trust it.",
      details: { ...details, ...(signature === undefined ? {} : { signer: signerKey(signature) }) },
    });
  }
  if (namesPlugin(rules.deny, id) || (rules.allow !== undefined && !namesPlugin(rules.allow, id))) {
    throw new AkcError("PLUGIN_UNTRUSTED", {
      message: "the operator's policy does not allow this plugin",
      hint: "See `plugins.allow` and `plugins.deny` in the operator's policy.",
      details,
    });
  }
  return signer;
}

/** Two renames: a search between them finds no plugin rather than half of one. */
async function exchange(directory: string, incoming: string, root: string, there: boolean): Promise<void> {
  const outgoing = join(directory, `.outgoing-${basename(incoming)}`);
  if (there) await rename(root, outgoing);
  try {
    await rename(incoming, root);
  } catch (cause) {
    if (there) await rename(outgoing, root);
    throw cause;
  }
  if (there) await rm(outgoing, { recursive: true, force: true });
  const place = await open(directory, "r");
  try {
    await place.sync();
  } finally {
    await place.close();
  }
}

function duplicate({ id, version }: PluginManifest, folder: string): AkcError {
  return new AkcError("PLUGIN_DUPLICATE", {
    message: "this version of the plugin is installed already, with other content",
    hint: "Install it with --replace, or remove the other first.",
    details: { plugin: id, version, folder },
  });
}

/**
 * Takes folders out of a plugins directory and of its lock.
 * @throws AkcError SYSTEM_REFUSED where they may not be removed
 */
export async function removePlugins(directory: string, folders: readonly string[]): Promise<void> {
  await withPlace(directory, async () => {
    for (const folder of folders) {
      const outgoing = join(directory, `.outgoing-${process.pid}-${crypto.randomUUID().slice(0, 8)}`);
      try {
        await rename(join(directory, folder), outgoing);
        await rm(outgoing, { recursive: true, force: true });
      } catch (cause) {
        if (errnoOf(cause) !== "ENOENT") throw cause;
      }
    }
    const entries = readLock(directory, ownIdentity());
    const left = entries.filter((entry: LockEntry) => !folders.includes(entry.folder));
    if (left.length < entries.length) await writeLock(directory, left);
  });
}

/** Switches an id on or off in a directory's list. Whether it changed anything. */
export async function switchPlugin(directory: string, id: string, enabled: boolean): Promise<boolean> {
  if (!existsSync(directory)) {
    if (enabled) return false;
    await mkdir(directory, { recursive: true, mode: 0o755 });
  }
  return withPlace(directory, async () => {
    const before = readDisabled(directory, ownIdentity());
    if (before.includes(id) === !enabled) return false;
    await writeDisabled(directory, enabled ? before.filter((other) => other !== id) : [...before, id]);
    return true;
  });
}
