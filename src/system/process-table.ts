/**
 * Facts about single processes, read from /proc. Only reads; a process that is gone has no facts, which is no error.
 *
 * Source: proc(5).
 */
import { readdirSync, readFileSync } from "node:fs";

/** The variable by which a child says whose it is. Everything it starts inherits that, unless it takes care not to. */
export const spawnIdVariable = "AKC_SPAWN_ID";

export function processIds(): readonly number[] {
  return contentNames("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** By looking at every process: for kernels that keep no list of children. */
export function childrenOf(parent: number): readonly number[] {
  return processIds().filter((pid) => statOf(pid)?.parent === parent);
}

/** Living children of a process's first thread; none on a kernel that keeps no list (CONFIG_PROC_CHILDREN). */
export function startedBy(pid: number): readonly number[] {
  return pidsIn(contentOf(`/proc/${pid}/task/${pid}/children`));
}

/** Numbers apart by spaces, as /proc/PID/task/TID/children has them. */
export function pidsIn(text: string): readonly number[] {
  return text === "" ? [] : text.split(" ").flatMap((word) => (word === "" ? [] : [Number(word)]));
}

const pageBytes = 4_096;

/**
 * Memory that a process and all its living descendants hold for themselves: what is mapped from files is not counted.
 * Looks closely only where it may be more than `closeLookBytes`; otherwise the answer is an upper bound.
 */
export function memoryOfTree(pid: number, closeLookBytes: number): number {
  const tree = [pid];
  let resident = 0;
  for (let at = 0; at < tree.length && at < treeProcessesMax; at += 1) {
    const one = tree[at] ?? pid;
    resident += pageBytes * Number(contentOf(`/proc/${one}/statm`).split(" ")[1] ?? 0);
    for (const thread of contentNames(`/proc/${one}/task`)) {
      tree.push(...pidsIn(contentOf(`/proc/${one}/task/${thread}/children`)));
    }
  }
  if (resident <= closeLookBytes) return resident;
  return tree.reduce((sum, one) => sum + ownMemoryOf(one), 0);
}

const treeProcessesMax = 4_096;

function ownMemoryOf(pid: number): number {
  const text = contentOf(`/proc/${pid}/status`);
  const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);
  return 1_024 * (kilobytes("RssAnon") + kilobytes("RssShmem") + kilobytes("VmSwap"));
}

export function isZombie(pid: number): boolean {
  const state = statOf(pid)?.state;
  return state === "Z" || state === "X";
}

export function spawnIdOf(pid: number): string | undefined {
  return variableOf(pid, spawnIdVariable);
}

/** How many system call filters bind the process; 0 where the kernel does not say. */
export function filtersOf(pid: number | "self"): number {
  const found = /^Seccomp_filters:\s*(\d+)/m.exec(contentOf(`/proc/${pid}/status`));
  return Number(found?.[1] ?? 0);
}

export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  /** In ticks since the host started: with the number of the process, no other process has the same. */
  readonly startTicks: number;
}

/** The name stands before the last parenthesis: it may hold any character. The fields after it are numbered from 3. */
export function statOf(pid: number): ProcessStat | undefined {
  const text = contentOf(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")")).split(" ");
  const [, state, parent] = fields;
  if (state === undefined) return undefined;
  return { state, parent: Number(parent), session: Number(fields[4]), startTicks: Number(fields[20]) };
}

/** The value of a variable that the process was started with; undefined too where it may not be read. */
export function variableOf(pid: number, name: string): string | undefined {
  const mark = `${name}=`;
  const found = contentOf(`/proc/${pid}/environ`)
    .split("\0")
    .find((entry) => entry.startsWith(mark));
  return found?.slice(mark.length);
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function contentNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
