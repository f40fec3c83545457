/**
 * Looks at a plugin's folder: which files it has, who could have put them there, and what is in them (SHA-256).
 * Never follows a link, never reads anything but plain files, and never goes beyond the bounds of a plugin.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join, sep } from "node:path";
import { fingerprint, sha256Hex } from "../json/fingerprint.ts";
import { limits } from "../limits.ts";
import { errnoOf } from "../system/files.ts";

export interface Folder {
  /** Every file: path with `/` → SHA-256. A link counts as a file that holds where it leads. */
  readonly files: ReadonlyMap<string, string>;
  readonly executables: ReadonlySet<string>;
  /** SHA-256 over all of `files`. */
  readonly digest: string;
  /** Text of the file asked for with `keep`, if it is there. */
  readonly kept?: Uint8Array;
}

export type FolderReading =
  | ({ readonly kind: "read" } & Folder)
  /** Somebody else could change it, or something in it is no plain file. */
  | { readonly kind: "refused"; readonly why: string };

/** Who akc is: files of root and of this user are believed. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export function ownIdentity(): Identity {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}

/** @param keep a path whose bytes are wanted too; those that were digested */
export function readFolder(root: string, who: Identity, keep?: string): FolderReading {
  const reader = new FolderReader(root, who, keep);
  try {
    reader.walk("", 0);
  } catch (cause) {
    if (cause instanceof Refusal) return { kind: "refused", why: cause.message };
    return { kind: "refused", why: `it cannot be read (${errnoOf(cause) ?? "unknown"})` };
  }
  const files = new Map([...reader.files].sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    kind: "read",
    files,
    executables: reader.executables,
    digest: digestOfFiles(files),
    ...(reader.kept === undefined ? {} : { kept: reader.kept }),
  };
}

/** One value for all files: SHA-256 of their canonical JSON. */
export function digestOfFiles(files: ReadonlyMap<string, string>): string {
  return fingerprint(Object.fromEntries(files));
}

/** Names of files that are changed, missing or added. */
export function changedFiles(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
): readonly string[] {
  const names = new Set([...expected.keys(), ...found.keys()]);
  return [...names].filter((name) => expected.get(name) !== found.get(name)).sort();
}

/** Why the file or folder at `path` could be changed by somebody who is neither root nor this user; undefined if by nobody. */
export function foreignHand(stats: Pick<Stats, "uid" | "gid" | "mode">, who: Identity): string | undefined {
  if (stats.uid !== 0 && stats.uid !== who.uid) return `it belongs to another user (${stats.uid})`;
  if ((stats.mode & 0o002) !== 0) return "everybody may write it";
  // Many systems give each user a group of his own, and then let the group write.
  const ownGroup = stats.gid === who.gid && who.gid === who.uid;
  return (stats.mode & 0o020) !== 0 && !ownGroup ? "its group may write it" : undefined;
}

/** As {@link foreignHand} for a directory and for those above it, where a rename could put another in its place. */
export function foreignHandAbove(directory: string, who: Identity): string | undefined {
  const own = foreignHand(statSync(directory), who);
  if (own !== undefined) return `${directory}: ${own}`;
  for (let place = dirname(directory); ; place = dirname(place)) {
    const { mode, gid } = statSync(place);
    const sticky = (mode & 0o1000) !== 0;
    const group = (mode & 0o020) !== 0 && gid !== 0 && !(gid === who.gid && who.gid === who.uid);
    if (!sticky && ((mode & 0o002) !== 0 || group)) return `${place}: others may write it`;
    if (place === dirname(place)) return undefined;
  }
}

class Refusal extends Error {}

class FolderReader {
  readonly root: string;
  readonly who: Identity;
  readonly keep: string | undefined;
  readonly files = new Map<string, string>();
  readonly executables = new Set<string>();
  kept: Uint8Array | undefined;
  #bytes = 0;

  constructor(root: string, who: Identity, keep: string | undefined) {
    this.root = root;
    this.who = who;
    this.keep = keep;
  }

  walk(below: string, depth: number): void {
    if (depth > limits.pluginPathDepthMax)
      throw new Refusal(`its folders are nested deeper than ${depth - 1}`);
    const place = below === "" ? this.root : join(this.root, below);
    const hand = foreignHand(lstatSync(place), this.who);
    if (hand !== undefined) throw new Refusal(`${below === "" ? "the folder" : below}: ${hand}`);
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) this.walk(path, depth + 1);
      else if (entry.isFile()) this.#add(path, this.#digest(path));
      else if (entry.isSymbolicLink()) this.#add(path, this.#link(path));
      else throw new Refusal(`${path}: it is neither a file, a folder nor a link`);
    }
  }

  #add(path: string, digest: string): void {
    if (path.length > limits.pluginPathCharsMax) throw new Refusal("the path of a file in it is too long");
    this.files.set(path, digest);
    if (this.files.size > limits.pluginFilesMax) {
      throw new Refusal(`it has more than ${limits.pluginFilesMax} files`);
    }
  }

  #link(path: string): string {
    const target = readlinkSync(join(this.root, path));
    const leads = realPathOf(join(this.root, path));
    if (leads === undefined || !leads.startsWith(realpathSync(this.root) + sep)) {
      throw new Refusal(`${path}: a link leads out of the folder`);
    }
    return sha256Hex(`link to ${target}`);
  }

  #digest(path: string): string {
    const file = openSync(
      join(this.root, path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) throw new Refusal(`${path}: it is no plain file`);
      const hand = foreignHand(stats, this.who);
      if (hand !== undefined) throw new Refusal(`${path}: ${hand}`);
      this.#bytes += stats.size;
      if (stats.size > limits.pluginFileBytesMax || this.#bytes > limits.pluginBytesMax) {
        throw new Refusal(`${path}: the plugin is too large`);
      }
      if ((stats.mode & 0o100) !== 0) this.executables.add(path);
      return this.#hash(path, file, stats.size);
    } finally {
      closeSync(file);
    }
  }

  /** A file that grows while it is read is read as far as it was long. */
  #hash(path: string, file: number, sizeBytes: number): string {
    if (sizeBytes <= partBytes) {
      const bytes = new Uint8Array(sizeBytes);
      const read = readSync(file, bytes, 0, sizeBytes, 0);
      const whole = read === sizeBytes ? bytes : bytes.subarray(0, read);
      if (path === this.keep) this.kept = whole;
      return Bun.SHA256.hash(whole, "hex");
    }
    const hasher = new Bun.CryptoHasher("sha256");
    const part = new Uint8Array(partBytes);
    for (let at = 0; at < sizeBytes; ) {
      const read = readSync(file, part, 0, Math.min(partBytes, sizeBytes - at), at);
      if (read === 0) break;
      hasher.update(part.subarray(0, read));
      at += read;
    }
    return hasher.digest("hex");
  }
}

const partBytes = 1024 * 1024;

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
