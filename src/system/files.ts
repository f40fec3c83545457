/**
 * Files: bounded reads, confined paths, writes that are whole or not there.
 * The only room that other rooms ask for a path's real place; it never follows a link out of the root it was given.
 */
import { dlopen } from "bun:ffi";
import { constants } from "node:fs";
import { lstat, mkdir, open, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, sep } from "node:path";
import { AkcError } from "../errors.ts";
import { failpoint } from "./failpoint.ts";

/** Reads a regular file whole. @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE, JSON_TOO_LARGE. */
export async function readFileBounded(path: string, bytesMax: number): Promise<Uint8Array> {
  if (path.includes("\0"))
    throw new AkcError("PATH_UNSAFE", { details: { path: path.replaceAll("\0", "\\0") } });
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const missing = errnoOf(cause) === "ENOENT" || errnoOf(cause) === "ENOTDIR";
    throw new AkcError(missing ? "FILE_NOT_FOUND" : "FILE_UNREADABLE", { cause, details: { path } });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile())
      throw new AkcError("FILE_UNREADABLE", { details: { path, why: "not a regular file" } });
    if (stat.size > bytesMax) {
      throw new AkcError("JSON_TOO_LARGE", {
        message: "the file is too large",
        details: { path, sizeBytes: stat.size, bytesMax },
      });
    }
    return await file.readFile();
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    throw new AkcError("FILE_UNREADABLE", { cause, details: { path, errno: errnoOf(cause) } });
  } finally {
    await file.close();
  }
}

/**
 * The real path of `relative` below `root`, where no part of it may lead outside: no `..`, not absolute, no NUL, and
 * no symbolic link to elsewhere. The last parts may be missing.
 * @throws AkcError PATH_UNSAFE
 */
export async function resolveConfined(root: string, relative: string): Promise<string> {
  const parts = relative.split(/[\\/]+/).filter((part) => part !== "" && part !== ".");
  if (relative === "" || relative.includes("\0") || isAbsolute(relative) || parts.includes("..")) {
    throw new AkcError("PATH_UNSAFE", { details: { path: relative.replaceAll("\0", "\\0") } });
  }
  const base = await realpath(root);
  let place = base;
  for (const [index, part] of parts.entries()) {
    const next = join(place, part);
    const stat = await lstat(next).catch(() => undefined);
    if (stat === undefined) return join(place, ...parts.slice(index));
    if (!stat.isSymbolicLink()) {
      place = next;
      continue;
    }
    // Where a link to nothing leads is decided by whoever makes that something later.
    place = await realpath(next).catch(() => {
      throw unsafeLink(relative, "a symbolic link leads to nothing");
    });
    if (place !== base && !place.startsWith(base + sep)) {
      throw unsafeLink(relative, "a symbolic link leads outside");
    }
  }
  return place;
}

function unsafeLink(path: string, why: string): AkcError {
  return new AkcError("PATH_UNSAFE", { details: { path, why } });
}

/** Writes through a temporary file in the same folder, fsync, rename: readers see the old file or the new one. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Iterable<string> | AsyncIterable<string>,
): Promise<void> {
  const file = await createAtomicFile(path);
  try {
    if (typeof content === "string" || content instanceof Uint8Array) await file.write(content);
    else for await (const part of content) await file.write(part);
    await file.finish();
  } catch (cause) {
    await file.discard();
    throw cause;
  }
}

/** A file that is written in parts and appears whole, or not at all. */
export interface AtomicFile {
  write(part: string | Uint8Array): Promise<void>;
  /** Makes it durable and puts it in place. @throws AkcError DISK_FULL */
  finish(): Promise<void>;
  /** Leaves what was there before. Never fails; does nothing once finished. */
  discard(): Promise<void>;
}

/** Begins a file of unknown length; small parts are gathered before they are written. */
export async function createAtomicFile(path: string): Promise<AtomicFile> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(
    dirname(path),
    `.${basename(path)}.tmp.${process.pid}.${crypto.randomUUID().slice(0, 8)}`,
  );
  const file = await open(temporary, "wx", 0o644);
  let gathered: string[] = [];
  let gatheredChars = 0;
  let pending = true;
  const settle = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (cause) {
      await discard();
      throw asDiskError(cause, path);
    }
  };
  const flush = async () => {
    const text = gathered.join("");
    gathered = [];
    gatheredChars = 0;
    if (text !== "") await file.writeFile(text);
  };
  const discard = async () => {
    if (!pending) return;
    pending = false;
    await file.close().catch(() => undefined);
    await unlink(temporary).catch(() => undefined);
  };
  return {
    async write(part) {
      if (typeof part !== "string") {
        await settle(async () => {
          await flush();
          await file.writeFile(part);
        });
        return;
      }
      gathered.push(part);
      gatheredChars += part.length;
      if (gatheredChars >= gatherChars) await settle(flush);
    },
    finish: () =>
      settle(async () => {
        await flush();
        failpoint("file.before_sync");
        await file.sync();
        await file.close();
        failpoint("file.before_rename");
        await rename(temporary, path);
        pending = false;
        failpoint("file.in_place");
      }),
    discard,
  };
}

/** Process id of whoever writes, or wrote, the temporary file of this name; undefined for any other file. */
export function temporaryOwner(name: string): number | undefined {
  const [, pid] = /^\..+\.tmp\.([1-9]\d*)\.[0-9a-f]{8}$/.exec(name) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/** A system call for every small part would cost more than the part. */
const gatherChars = 256 * 1024;

/**
 * Takes the file's lock (flock), which ends with the descriptor, also when the process dies. Waits its turn.
 * Where the C library cannot be reached nothing is locked.
 * @throws AkcError STORE_BUSY after `patienceMs`
 */
export async function lockFile(fd: number, path: string, patienceMs = 30_000): Promise<void> {
  flock ??= flockOfThisSystem();
  const exclusiveNow = 2 | 4;
  for (let waitedMs = 0; flock(fd, exclusiveNow) !== 0; waitedMs += 20) {
    if (waitedMs >= patienceMs) {
      throw new AkcError("STORE_BUSY", { message: "another process holds the file", details: { path } });
    }
    await Bun.sleep(20);
  }
}

type Flock = (fd: number, operation: number) => number;
let flock: Flock | undefined;

function flockOfThisSystem(): Flock {
  const libraries = process.platform === "darwin" ? ["libSystem.B.dylib"] : ["libc.so.6", "libc.so"];
  for (const library of libraries) {
    try {
      const { symbols } = dlopen(library, { flock: { args: ["i32", "i32"], returns: "i32" } });
      return symbols.flock;
    } catch {
      // Another C library: try its name.
    }
  }
  return () => 0;
}

/** Turns "no space left" into its own code, and says which file a failing disk failed for; all else passes unchanged. */
export function asDiskError(cause: unknown, path: string): unknown {
  switch (errnoOf(cause)) {
    case "ENOSPC":
    case "EDQUOT":
      return new AkcError("DISK_FULL", { cause, details: { path } });
    case "EIO":
      return new AkcError("SYSTEM_REFUSED", {
        message: "the disk failed",
        cause,
        details: { errno: "EIO", path },
      });
    default:
      return cause;
  }
}

export function errnoOf(cause: unknown): string | undefined {
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : undefined;
}
