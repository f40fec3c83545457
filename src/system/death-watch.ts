/**
 * Notices the deaths of processes that are nobody's children of ours: one system call for all of them, however many.
 * Never waits and never signals.
 *
 * Source: pidfd_open(2), ppoll(2).
 */
import { libc } from "./libc.ts";
import { isAlive, openProcess, type ProcessIdentity } from "./process-identity.ts";

const PPOLL: Readonly<Record<string, number>> = { x64: 271, arm64: 73 };
const POLLIN = 1;
/** struct pollfd: s32 fd, s16 events, s16 revents. */
const intsPerEntry = 2;

interface Watched {
  readonly identity: ProcessIdentity;
  /** Undefined where the kernel has no descriptors for processes: then /proc is looked at. */
  readonly fd: number | undefined;
}

/** Keys are the caller's own. */
export class DeathWatch {
  readonly #watched = new Map<string, Watched>();
  readonly #now = new BigUint64Array(2);

  has(key: string, { pid, startTicks }: ProcessIdentity): boolean {
    const known = this.#watched.get(key)?.identity;
    return known?.pid === pid && known.startTicks === startTicks;
  }

  /** Instead of what was watched under this key. */
  add(key: string, identity: ProcessIdentity): void {
    this.remove(key);
    this.#watched.set(key, { identity, fd: openProcess(identity) });
  }

  remove(key: string): void {
    const fd = this.#watched.get(key)?.fd;
    if (fd !== undefined) libc()?.close(fd);
    this.#watched.delete(key);
  }

  keys(): readonly string[] {
    return [...this.#watched.keys()];
  }

  /** Keys of those that have died; they are watched no longer. */
  dead(): readonly string[] {
    const entries = [...this.#watched];
    const byDescriptor = entries.filter(([, { fd }]) => fd !== undefined);
    const table = new Int32Array(intsPerEntry * byDescriptor.length);
    for (const [index, [, { fd = -1 }]] of byDescriptor.entries()) {
      table[intsPerEntry * index] = fd;
      table[intsPerEntry * index + 1] = POLLIN;
    }
    const ready = this.#poll(table, byDescriptor.length);
    const dead = entries
      .filter(([, { fd, identity }]) => fd === undefined && !isAlive(identity))
      .map(([key]) => key);
    for (const [index, [key, { identity }]] of byDescriptor.entries()) {
      const said = (table[intsPerEntry * index + 1] ?? 0) >> 16 !== 0;
      if (ready ? said : !isAlive(identity)) dead.push(key);
    }
    for (const key of dead) this.remove(key);
    return dead;
  }

  close(): void {
    for (const key of this.keys()) this.remove(key);
  }

  /** Whether `table` tells the truth now. */
  #poll(table: Int32Array, count: number): boolean {
    const number = PPOLL[process.arch];
    const host = libc();
    if (host === undefined || number === undefined) return false;
    if (count === 0) return true;
    return host.syscall(number, table, count, this.#now, 0, 0) >= 0;
  }
}
