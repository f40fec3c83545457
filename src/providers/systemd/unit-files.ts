/**
 * The unit files of the folders that akc writes to: which bear its mark, what they and their drop-ins say, and the two changes,
 * writing and removing. Reads regular files only, follows no link, and touches no name that it is not given.
 */
import { lstat, readdir, rmdir, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { errnoOf, readFileBounded, writeFileAtomic } from "../../system/files.ts";
import { readMark, type UnitMark } from "./mark.ts";
import { dropInFile, unitTypeOf } from "./unit-name.ts";
import { readUnitText, type UnitText } from "./unit-text.ts";

export interface UnitFile {
  readonly dir: string;
  readonly name: string;
  readonly text: string;
  readonly unit: UnitText;
  readonly mark?: UnitMark;
  /** When the file was written: milliseconds since the epoch, with fractions. */
  readonly writtenMs: number;
  /** When the file or one of its drop-ins was. */
  readonly changedMs: number;
  /** By file name. */
  readonly dropIns: ReadonlyMap<string, UnitText>;
}

/** What is in the place of a unit file. */
export type FoundFile =
  | { readonly kind: "file"; readonly file: UnitFile }
  /** A link or a folder: never akc's. */
  | { readonly kind: "other"; readonly why: string }
  | { readonly kind: "unreadable"; readonly message: string };

/**
 * By path: every file that bears a mark, and whatever stands in the places `named` (absolute paths).
 * @throws AkcError FILE_UNREADABLE when a folder cannot be listed
 */
export async function scanUnitFiles(
  dirs: readonly string[],
  named: ReadonlySet<string>,
): Promise<ReadonlyMap<string, FoundFile>> {
  const found = new Map<string, FoundFile>();
  for (const dir of dirs) {
    const names = await listed(dir);
    const folders = new Set(names);
    for (const name of names) {
      if (unitTypeOf(name) === undefined) continue;
      const path = join(dir, name);
      const one = await lookAt(dir, name, folders.has(`${name}.d`));
      if (named.has(path) || (one.kind === "file" && one.file.mark !== undefined)) found.set(path, one);
    }
  }
  return found;
}

async function listed(dir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(dir);
    if (names.length <= limits.systemdUnitFilesMax) return names;
    throw new AkcError("FILE_UNREADABLE", {
      message: "the folder holds too many files",
      details: { path: dir, limit: limits.systemdUnitFilesMax },
    });
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return [];
    if (cause instanceof AkcError) throw cause;
    throw new AkcError("FILE_UNREADABLE", { cause, details: { path: dir, errno: errnoOf(cause) } });
  }
}

async function lookAt(dir: string, name: string, hasFolder: boolean): Promise<FoundFile> {
  try {
    const path = join(dir, name);
    const stat = await lstat(path);
    if (stat.isSymbolicLink()) return { kind: "other", why: "it is a link" };
    if (!stat.isFile()) return { kind: "other", why: "it is no regular file" };
    const text = await textAt(path);
    const unit = readUnitText(text);
    const mark = readMark(unit);
    const dropIns = hasFolder ? await dropInsOf(path) : noDropIns;
    const writtenMs = stat.mtimeMs;
    const changedMs = Math.max(writtenMs, dropIns.changedMs);
    const about = { dir, name, text, unit, writtenMs, changedMs, dropIns: dropIns.units };
    return { kind: "file", file: mark === undefined ? about : { ...about, mark } };
  } catch (cause) {
    return { kind: "unreadable", message: cause instanceof Error ? cause.message : String(cause) };
  }
}

/** One unit file by its path, wherever systemd says that it is; undefined unless it can be read. */
export async function readUnitAt(path: string): Promise<UnitText | undefined> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat?.isFile() !== true) return undefined;
  const text = await textAt(path).catch(() => undefined);
  return text === undefined ? undefined : readUnitText(text);
}

/** What is in the folder of a unit's drop-ins, by file name; empty without one. */
export async function readDropIns(path: string): Promise<ReadonlyMap<string, UnitText>> {
  return (await dropInsOf(path)).units;
}

interface DropIns {
  readonly units: ReadonlyMap<string, UnitText>;
  readonly changedMs: number;
}
const noDropIns: DropIns = { units: new Map(), changedMs: 0 };

async function dropInsOf(path: string): Promise<DropIns> {
  const folder = `${path}.d`;
  const units = new Map<string, UnitText>();
  let changedMs = 0;
  for (const file of [...(await listed(folder))].sort()) {
    if (dropInFile(file) !== file) continue;
    const stat = await lstat(join(folder, file));
    changedMs = Math.max(changedMs, stat.mtimeMs);
    // A link may lead to a file that is none of akc's business; that it is there is seen.
    units.set(file, readUnitText(stat.isFile() ? await textAt(join(folder, file)) : ""));
  }
  return { units, changedMs };
}

async function textAt(path: string): Promise<string> {
  return new TextDecoder().decode(await readFileBounded(path, limits.resourceBytesMax));
}

/** @param keepTimeMs the file then looks as if it had not changed: systemd has nothing to load anew */
export async function writeUnit(path: string, text: string, keepTimeMs?: number): Promise<void> {
  await writeFileAtomic(path, text);
  if (keepTimeMs === undefined) return;
  // Rounded down: systemd takes what is newer by a microsecond for changed.
  const seconds = Math.floor(keepTimeMs) / 1_000;
  await utimes(path, seconds, seconds);
}

/** Makes the drop-ins those given; `owns` says which of the others go. */
export async function writeDropIns(
  path: string,
  wanted: Readonly<Record<string, string>>,
  owns: (file: string) => boolean,
): Promise<void> {
  const folder = `${path}.d`;
  for (const [file, text] of Object.entries(wanted)) await writeFileAtomic(join(folder, file), text);
  await removeDropIns(path, (file) => !Object.hasOwn(wanted, file) && owns(file));
}

/** The file last: until it is gone its mark says whose the rest is. */
export async function removeUnit(path: string, owns: (file: string) => boolean): Promise<void> {
  await removeDropIns(path, owns);
  await removed(unlink(path));
}

async function removeDropIns(path: string, goes: (file: string) => boolean): Promise<void> {
  const folder = `${path}.d`;
  const files = await listed(folder);
  for (const file of files) {
    if (dropInFile(file) === file && goes(file)) await removed(unlink(join(folder, file)));
  }
  // What somebody else keeps in it keeps it.
  await rmdir(folder).catch(() => undefined);
}

async function removed(removal: Promise<void>): Promise<void> {
  await removal.catch((cause) => {
    if (errnoOf(cause) !== "ENOENT") throw cause;
  });
}
