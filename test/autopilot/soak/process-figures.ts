/**
 * What one process costs, read from /proc as anybody can: memory, descriptors, threads, children, time of the processor. It asks the
 * process nothing.
 */
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessFigures {
  readonly rssMb: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Pids of those it started and that are still there, ended ones that nobody has waited for among them. */
  readonly children: readonly number[];
  readonly zombies: readonly number[];
  /** Since it began. */
  readonly cpuSeconds: number;
}

/** @throws when it is gone */
export function figuresOf(pid: number): ProcessFigures {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) => childrenOf(pid, thread));
  return {
    rssMb: numberIn(status, /^VmRSS:\s+(\d+)/m) / 1024,
    threads: numberIn(status, /^Threads:\s+(\d+)/m),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    children,
    zombies: children.filter((child) => stateOf(child) === "Z"),
    cpuSeconds: cpuOf(pid),
  };
}

function childrenOf(pid: number, thread: string): readonly number[] {
  try {
    const words = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ");
    return words.filter((word) => word.trim() !== "").map(Number);
  } catch {
    // A thread that has just ended.
    return [];
  }
}

function stateOf(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];
  } catch {
    return undefined;
  }
}

function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // proc(5): utime and stime are fields 14 and 15; the name of field 2 may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** USER_HZ, which is 100 on every Linux that Bun runs on. */
const ticksPerSecond = 100;

function numberIn(text: string, pattern: RegExp): number {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN);
}
