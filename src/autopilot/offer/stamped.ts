/**
 * What was made of files, kept for as long as the files keep their stamps. What was read right after it was written is not trusted, since
 * a second write within the same tick of the disk's clock would leave the stamp as it is.
 *
 * Source: git's "racy" index entries (design only).
 */
import { statSync } from "node:fs";
import { AkcError } from "../../errors.ts";
import type { Clock } from "../../system/clock.ts";
import { errnoOf } from "../../system/files.ts";

export interface Stamp {
  readonly text: string;
  /** Milliseconds since the epoch, with a fraction. */
  readonly changedMs: number;
  readonly modifiedMs: number;
}

/** Undefined where nothing stands. One system call. @throws AkcError FILE_UNREADABLE */
export function stampOf(path: string): Stamp | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const { dev, ino, size, mtimeMs, ctimeMs } = stat;
    const text = `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
    return { text, changedMs: Math.max(mtimeMs, ctimeMs), modifiedMs: mtimeMs };
  } catch (cause) {
    if (errnoOf(cause) === "ENOTDIR") return undefined;
    throw new AkcError("FILE_UNREADABLE", { cause, details: { path, errno: errnoOf(cause) } });
  }
}

export interface Made<T> {
  readonly value: T;
  /** False where it may become another although the file stays as it is: then it is made anew the next time. */
  readonly keep: boolean;
}

interface Kept<T> {
  readonly stamp: string;
  readonly made: { readonly value: T } | { readonly fault: unknown };
}

export class StampedFiles<T> {
  readonly #kept = new Map<string, Kept<T>>();
  readonly #clock: Pick<Clock, "nowMs">;

  constructor(clock: Pick<Clock, "nowMs">) {
    this.#clock = clock;
  }

  /** @throws what `make` throws, again and again without asking it, as long as the file stays as it is */
  async read(path: string, make: (path: string) => Promise<Made<T>>): Promise<T> {
    const stamp = stampOf(path);
    const known = this.#kept.get(path);
    if (stamp !== undefined && known?.stamp === stamp.text) {
      if ("fault" in known.made) throw known.made.fault;
      return known.made.value;
    }
    this.#kept.delete(path);
    const isSettled = stamp !== undefined && this.#clock.nowMs() - stamp.changedMs > settledAfterMs;
    const keep = (made: Kept<T>["made"]) => {
      if (isSettled) this.#kept.set(path, { stamp: stamp.text, made });
    };
    try {
      const { value, keep: lasts } = await make(path);
      if (lasts) keep({ value });
      return value;
    } catch (fault) {
      keep({ fault });
      throw fault;
    }
  }

  /** Forgets all others. */
  keepOnly(paths: Iterable<string>): void {
    const wanted = new Set(paths);
    for (const path of this.#kept.keys()) if (!wanted.has(path)) this.#kept.delete(path);
  }
}

/** Longer than a tick of any file system's clock, FAT's two seconds included. */
const settledAfterMs = 2_500;
