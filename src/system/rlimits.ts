/**
 * Resource limits of a child, set from outside by its pid.
 * Never raises a limit: what the host allows less of stays less.
 *
 * Source: prlimit(2).
 */
import { libc } from "./libc.ts";
import { startedBy } from "./process-table.ts";

export interface ResourceLimits {
  readonly openFiles: number;
  /** Counts all processes of the user; the kernel exempts root from it. */
  readonly processes: number;
  readonly fileBytes: number;
  /** Address space of one process. */
  readonly memoryBytes?: number;
  /** Memory of one process that it could write to. Unlike address space, engines do not reserve it far ahead of their needs. */
  readonly dataBytes?: number;
  /** Processor time of one process: a backstop for when nobody is left to enforce the deadline. */
  readonly cpuSeconds?: number;
}

/** Resource numbers of asm-generic/resource.h, the same on x64 and arm64. */
const resource = {
  cpu: 0,
  fileBytes: 1,
  dataBytes: 2,
  core: 4,
  processes: 6,
  openFiles: 7,
  memoryBytes: 9,
} as const;

/** Reused for every call: limits are set on one thread, one after the other. */
const value = new BigUint64Array(2);

/**
 * Limits the process `pid` and what it has already started: Bun has no hook between fork and exec, so by now the child has
 * run for some microseconds. Whatever it starts from here on inherits. What escapes is a grandchild that has left its parent
 * in that moment; the process group, the budgets and the deadline hold it nevertheless.
 */
export function limitProcess(pid: number, limits: ResourceLimits): void {
  const host = libc();
  if (host === undefined) return;
  const set = (number: number, wanted: number): void => {
    const bound = BigInt(Math.max(0, Math.floor(wanted)));
    const hard = ownHardLimit(number);
    value.fill(hard < bound ? hard : bound);
    host.syscall(host.numbers.prlimit64, pid, number, value, 0);
  };
  set(resource.core, 0);
  set(resource.openFiles, limits.openFiles);
  set(resource.processes, limits.processes);
  set(resource.fileBytes, limits.fileBytes);
  if (limits.cpuSeconds !== undefined) set(resource.cpu, limits.cpuSeconds);
  if (limits.dataBytes !== undefined) set(resource.dataBytes, limits.dataBytes);
  if (limits.memoryBytes !== undefined) set(resource.memoryBytes, limits.memoryBytes);
  for (const child of startedBy(pid)) limitProcess(child, limits);
}

const unlimited = (1n << 64n) - 1n;
const hardLimits = new Map<number, bigint>();

/** Raising a hard limit needs CAP_SYS_RESOURCE, which even root often lacks, so a child gets at most our own. */
function ownHardLimit(number: number): bigint {
  const known = hardLimits.get(number);
  if (known !== undefined) return known;
  const host = libc();
  const current = new BigUint64Array(2);
  const ok = host !== undefined && host.syscall(host.numbers.prlimit64, 0, number, 0, current) === 0;
  const hard = ok ? (current[1] ?? unlimited) : unlimited;
  hardLimits.set(number, hard);
  return hard;
}
