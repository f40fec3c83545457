/**
 * A large file that appears whole, or not at all: built under a name of its own beside its place, made durable, then put there.
 * Never replaces what is there unless that was asked for.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { AkcError } from "../../errors.ts";
import { errnoOf } from "../../system/files.ts";
import { ownerName, ownerState } from "../../system/process-owner.ts";
import { storeFault } from "./faults.ts";

/** Who may read the file; what it says is as secret as the state it was made from. */
const ownerOnly = 0o600;

export interface Building {
  /** Whether a file that is there is replaced. */
  readonly force: boolean;
  /** Called once the new file is whole, to take away what is in its place. Then nothing is replaced. */
  readonly setAside?: () => void;
}

/**
 * Calls `build` with the name of an empty file; what it wrote there stands at `path` afterwards, and nothing does when it fails.
 * @throws AkcError FILE_EXISTS, OUTPUTS_UNWRITABLE, DISK_FULL, and what `build` throws
 */
export async function buildFile<T>(
  path: string,
  { force, setAside }: Building,
  build: (temporary: string) => Promise<T>,
): Promise<T> {
  if (!force && setAside === undefined && lstatSync(path, { throwIfNoEntry: false }) !== undefined)
    throw exists(path);
  sweep(path);
  const temporary = join(
    dirname(path),
    `${prefixOf(path)}${ownerName(process.pid)}.${crypto.randomUUID().slice(0, 8)}`,
  );
  try {
    place(path, () => closeSync(openSync(temporary, "wx", ownerOnly)));
    const built = await build(temporary);
    place(path, () => {
      syncPath(temporary);
      setAside?.();
      if (force) renameSync(temporary, path);
      else nameOnce(temporary, path);
      syncPath(dirname(path));
    });
    return built;
  } finally {
    removeAll(temporary);
  }
}

/** A rename or a new name is durable only once its folder is. */
function syncPath(path: string): void {
  const file = openSync(path, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function place(path: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (cause instanceof AkcError) throw cause;
    const errno = errnoOf(cause);
    if (errno === "EEXIST") throw exists(path);
    const fault = storeFault(cause, path);
    if (fault instanceof AkcError && fault.code === "DISK_FULL") throw fault;
    throw new AkcError("OUTPUTS_UNWRITABLE", {
      message: "the file cannot be written there",
      hint: "Check that its folder exists and its permissions.",
      details: { path, ...(errno === undefined ? {} : { errno }) },
      cause,
    });
  }
}

/** Of two that do this at once one fails. */
function nameOnce(temporary: string, path: string): void {
  try {
    linkSync(temporary, path);
  } catch (cause) {
    // Some file systems know one name a file.
    if (!["EPERM", "ENOSYS", "EOPNOTSUPP", "ENOTSUP"].includes(errnoOf(cause) ?? "")) throw cause;
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) throw exists(path);
    renameSync(temporary, path);
  }
}

function exists(path: string): AkcError {
  return new AkcError("FILE_EXISTS", { details: { path } });
}

function prefixOf(path: string): string {
  return `.${basename(path)}.tmp.`;
}

/** What processes that are no more left half-built for this very name. */
function sweep(path: string): void {
  const folder = dirname(path);
  if (!existsSync(folder)) return;
  for (const name of namesIn(folder)) {
    if (!name.startsWith(prefixOf(path))) continue;
    const [owner = ""] = name.slice(prefixOf(path).length).split(".", 1);
    if (ownerState(owner) === "gone") removeIfThere(join(folder, name));
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function removeAll(temporary: string): void {
  for (const end of ["", "-journal", "-wal", "-shm"]) removeIfThere(temporary + end);
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already put in its place, or gone.
  }
}
