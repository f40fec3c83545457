/**
 * Processes that slip away from their parent: what leaves the process group of its action is adopted by akc, found here
 * and killed. It never touches a process that akc started for another purpose.
 *
 * Source: PR_SET_CHILD_SUBREAPER in prctl(2), /proc/PID/task/TID/children in proc(5).
 */
import { openSync, readSync } from "node:fs";
import { type Libc, libc } from "./libc.ts";
import { mayOutlive } from "./outliving.ts";
import { childrenOf, filtersOf, isZombie, pidsIn, processIds, spawnIdOf } from "./process-table.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const SIGKILL = 9;

const sweepRoundsMax = 200;
const sweepPauseMs = 5;
/** A dead child of the main thread that is still there after this long is nobody's but ours to reap: Bun takes its own at once. */
const abandonedAfterMs = 1_000;

/** What makes ids of this process differ from those of an akc above or below it. */
const processToken = crypto.randomUUID().slice(0, 8);
let lastSpawn = 0;

/** An id for one child. `runKey` is the same for all children of a run, in every process that carries it out. */
export function newSpawnId(runKey: string): string {
  lastSpawn += 1;
  return `${runKey}.${processToken}.${lastSpawn}`;
}

export interface ProcessTree {
  /** From now on, orphans may belong to this child. */
  began(spawnId: string): void;
  /** Kills what this child left behind. Almost always there is nothing, and no promise either. */
  ended(spawnId: string): Promise<void> | undefined;
  /** Kills what this child has sent away, while its own end is still awaited. */
  sweep(spawnId: string): void;
  /**
   * A child of the main thread that lives on between actions: it is neither killed nor reaped here until `release` is called.
   * What slips away from it is killed as soon as it is seen.
   */
  spare(pid: number): () => void;
}

let tree: ProcessTree | undefined;

/** One for the process, since orphans come to the process. Call it on the main thread. */
export function processTree(): ProcessTree {
  const host = libc();
  tree ??= host === undefined ? noOrphans : new AdoptedOrphans(host);
  return tree;
}

const noOrphans: ProcessTree = {
  began: () => undefined,
  ended: () => undefined,
  sweep: () => undefined,
  spare: () => () => undefined,
};

type Orphan =
  /** A child of akc's own making. */
  | { readonly kind: "foreign" }
  /** Contained, but it does not say whose it is: one of these may have started it. */
  | { readonly kind: "unnamed"; readonly suspects: Set<string> }
  | { readonly kind: "killed" }
  | { readonly kind: "dead"; readonly sinceMs: number };

class AdoptedOrphans implements ProcessTree {
  readonly #host: Libc;
  readonly #running = new Set<string>();
  readonly #orphans = new Map<number, Orphan>();
  readonly #spared = new Set<number>();
  readonly #children = openChildren();
  readonly #buffer = Buffer.alloc(64 * 1024);
  /** System call filters on the main thread: a contained process has more, and cannot get rid of them. */
  readonly #ownFilters = filtersOf("self");

  constructor(host: Libc) {
    this.#host = host;
    host.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  }

  began(spawnId: string): void {
    this.#running.add(spawnId);
  }

  ended(spawnId: string): Promise<void> | undefined {
    // Orphans first seen now may be this one's, so it counts as running until they have been looked at.
    const found = this.#look(spawnId);
    this.#running.delete(spawnId);
    let freed = false;
    for (const orphan of this.#orphans.values()) {
      if (orphan.kind === "unnamed" && orphan.suspects.delete(spawnId)) freed ||= orphan.suspects.size === 0;
    }
    return found || freed ? this.#sweepUntilGone(spawnId) : undefined;
  }

  sweep(spawnId: string): void {
    this.#look(spawnId);
  }

  spare(pid: number): () => void {
    // Not among the orphans: those are forgotten when the kernel's list of children misses them, as it may while one exits.
    this.#spared.add(pid);
    return () => this.#spared.delete(pid);
  }

  /** The children of the killed come to us next: one look is one generation. */
  async #sweepUntilGone(spawnId: string): Promise<void> {
    for (let round = 0; round < sweepRoundsMax; round++) {
      if (!this.#look(spawnId)) return;
      await Bun.sleep(round < 5 ? 1 : sweepPauseMs);
    }
  }

  /** Kills every orphan of `spawnId` and of actions that have ended; true if another look is needed. */
  #look(spawnId: string): boolean {
    const pids = this.#adopted();
    if (this.#orphans.size > 0) {
      const present = new Set(pids);
      for (const pid of this.#orphans.keys()) if (!present.has(pid)) this.#orphans.delete(pid);
    }
    let again = false;
    for (const pid of pids) if (this.#judge(pid, spawnId)) again = true;
    return again;
  }

  #judge(pid: number, spawnId: string): boolean {
    const known = this.#orphans.get(pid);
    if (this.#spared.has(pid)) return false;
    if (isZombie(pid)) return this.#bury(pid, known);
    if (known?.kind === "foreign") return false;
    if (known?.kind === "killed") return true;
    if (mayOutlive(pid)) return false;
    const owner = spawnIdOf(pid);
    if (owner?.split(".").at(-2) === processToken) {
      return owner === spawnId || !this.#running.has(owner) ? this.#kill(pid) : false;
    }
    if (known?.kind === "unnamed") return known.suspects.size === 0 && this.#kill(pid);
    const contained = filtersOf(pid) > this.#ownFilters;
    this.#orphans.set(
      pid,
      contained ? { kind: "unnamed", suspects: new Set(this.#running) } : { kind: "foreign" },
    );
    return contained && this.#running.size === 0;
  }

  #kill(pid: number): true {
    this.#host.kill(pid, SIGKILL);
    this.#orphans.set(pid, { kind: "killed" });
    return true;
  }

  #bury(pid: number, known: Orphan | undefined): boolean {
    // True: its own children may have come to us after the list was read.
    if (known?.kind === "killed" || known?.kind === "unnamed") return this.#host.reap(pid);
    if (known?.kind !== "dead") this.#orphans.set(pid, { kind: "dead", sinceMs: performance.now() });
    else if (performance.now() - known.sinceMs > abandonedAfterMs) this.#host.reap(pid);
    return false;
  }

  /** Children of the main thread, where orphans go; those of worker threads are listed with their thread. */
  #adopted(): readonly number[] {
    if (this.#children === undefined) return childrenOf(process.pid);
    const length = readSync(this.#children, this.#buffer, 0, this.#buffer.length, 0);
    return length === 0 ? [] : pidsIn(this.#buffer.toString("latin1", 0, length));
  }
}

/** Undefined on a kernel without the file (CONFIG_PROC_CHILDREN). */
function openChildren(): number | undefined {
  try {
    return openSync(`/proc/${process.pid}/task/${process.pid}/children`, "r");
  } catch {
    return undefined;
  }
}

const sweptRuns = new Map<string, Promise<void> | undefined>();

/**
 * Ends what an earlier process of the same run left running when it was killed. Such a child would work beside its own
 * next attempt. Looks once a run; whoever asks holds the run, so nobody else's children have its key.
 * @returns undefined when that is done.
 */
export function killStrays(runKey: string): Promise<void> | undefined {
  const host = libc();
  if (host === undefined || sweptRuns.has(runKey)) return sweptRuns.get(runKey);
  const sweeping = sweepStrays(host, runKey).then(() => void sweptRuns.set(runKey, undefined));
  sweptRuns.set(runKey, sweeping);
  return sweeping;
}

async function sweepStrays(host: Libc, runKey: string): Promise<void> {
  for (let round = 0; round < sweepRoundsMax; round++) {
    const strays = processIds().filter((pid) => isStray(pid, runKey));
    if (strays.length === 0) return;
    for (const pid of strays) host.kill(pid, SIGKILL);
    await Bun.sleep(sweepPauseMs);
  }
}

function isStray(pid: number, runKey: string): boolean {
  const owner = spawnIdOf(pid);
  return (
    owner?.startsWith(`${runKey}.`) === true && owner.split(".").at(-2) !== processToken && !isZombie(pid)
  );
}
