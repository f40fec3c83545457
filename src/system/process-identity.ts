/**
 * Which process a number means: with its start time and the host's boot it means one for ever, a bare number never.
 * Signals go to exactly that process or to nobody; one that is dead, zombies among them, is gone.
 *
 * Source: proc(5); pidfd_open(2), pidfd_send_signal(2).
 */
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { limits } from "../limits.ts";
import type { Clock } from "./clock.ts";
import { libc } from "./libc.ts";
import { type ProcessStat, processIds, statOf, variableOf } from "./process-table.ts";

export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly startTicks: number;
  readonly bootId: string;
}

/** The same on both architectures, as all calls added since 2011. */
const PIDFD_SEND_SIGNAL = 424;
const PIDFD_OPEN = 434;
const ENOSYS = 38;
const ESRCH = 3;

let boot: string | undefined;

/** Another after each start of the host; empty where the kernel does not say. */
export function bootId(): string {
  boot ??= readBootId();
  return boot;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** How to find a process in the table. */
type Look = (pid: number) => ProcessStat | undefined;

/** Whether this very process lives. Takes some milliseconds where it is hidden at this moment. */
export function isAlive(identity: ProcessIdentity): boolean {
  return livesBy(statOf, identity);
}

/** As `isAlive`, as somebody else sees the table: for tests. */
export function livesBy(look: Look, { pid, startTicks, bootId: born }: ProcessIdentity): boolean {
  return born === bootId() && living(unhiddenStat(pid, look))?.startTicks === startTicks;
}

/**
 * Where others' processes are hidden (`hidepid`, `ProtectProc=`), ours are too for as long as they become another program: one that
 * takes signals from us is there, and is looked for again.
 */
function unhiddenStat(pid: number, look: Look): ProcessStat | undefined {
  for (let looks = 1; ; looks += 1) {
    const stat = look(pid);
    if (stat !== undefined || looks >= limits.processHiddenLooksMax || libc()?.kill(pid, 0) !== 0)
      return stat;
    Bun.sleepSync(1);
  }
}

/**
 * When a child that was started this moment was started, in the kernel's ticks. Where others' processes are hidden (`hidepid`,
 * `ProtectProc=`), a child is hidden too for as long as it takes on its final form: it is looked for again until it has ended or a
 * second has passed, since a record without it would never be taken for this process. 0 when nobody knows.
 * @param ended resolves when the child has ended
 */
export async function startTicksOf(
  pid: number,
  ended: Promise<unknown>,
  clock: Clock,
  look: (pid: number) => Pick<ProcessStat, "startTicks"> | undefined = statOf,
): Promise<number> {
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  const untilMs = clock.monotonicMs() + limits.processSeenMsMax;
  for (;;) {
    const stat = look(pid);
    if (stat !== undefined) return stat.startTicks;
    if (isOver || clock.monotonicMs() > untilMs) return 0;
    await clock.sleep(2);
  }
}

function living(stat: ProcessStat | undefined): ProcessStat | undefined {
  return stat === undefined || stat.state === "Z" || stat.state === "X" ? undefined : stat;
}

/** A descriptor that stands for this very process; undefined when it is gone, or where the kernel has none. */
export function openProcess(identity: ProcessIdentity): number | undefined {
  const host = libc();
  const fd = host?.syscall(PIDFD_OPEN, identity.pid, 0) ?? -ENOSYS;
  if (fd < 0) return undefined;
  // The number may have been another's by the time it was opened; now it cannot change hands any more.
  if (isAlive(identity)) return fd;
  host?.close(fd);
  return undefined;
}

export type SignalName = "SIGTERM" | "SIGINT" | "SIGQUIT" | "SIGHUP" | "SIGUSR1" | "SIGUSR2" | "SIGKILL";

/** To this very process and nobody else. @returns `refused` when it lives and may not be signalled by us */
export function signalProcess(identity: ProcessIdentity, name: SignalName): "sent" | "gone" | "refused" {
  const host = libc();
  if (host === undefined) return "refused";
  const fd = openProcess(identity);
  if (fd === undefined) {
    if (!isAlive(identity)) return "gone";
    // A kernel without descriptors for processes: between the look and the signal lie microseconds.
    return outcome(host.kill(identity.pid, constants.signals[name]));
  }
  try {
    return outcome(host.syscall(PIDFD_SEND_SIGNAL, fd, constants.signals[name], 0, 0));
  } finally {
    host.close(fd);
  }
}

function outcome(result: number): "sent" | "gone" | "refused" {
  if (result >= 0) return "sent";
  return result === -ESRCH ? "gone" : "refused";
}

/** Living processes of a session that `leader` leads and lives in, and those that were started with the value in one of the variables. */
export function membersOf(
  leader: ProcessIdentity | undefined,
  mark: { readonly names: readonly string[]; readonly value: string },
): readonly ProcessIdentity[] {
  // The number of a session whose leader is gone may be somebody else's by now.
  const session = leader !== undefined && isAlive(leader) ? leader.pid : undefined;
  return processIds().flatMap((pid) => {
    const stat = living(statOf(pid));
    // What came of the leader came after it; the others need no closer look.
    if (stat === undefined || pid === process.pid || stat.startTicks < (leader?.startTicks ?? 0)) return [];
    const member =
      stat.session === session || mark.names.some((name) => variableOf(pid, name) === mark.value);
    return member ? [{ pid, startTicks: stat.startTicks, bootId: bootId() }] : [];
  });
}

/** The living leaders of sessions that were started with the variable, by its value. One look at every process. */
export function leadersMarked(name: string): ReadonlyMap<string, ProcessIdentity> {
  const found = new Map<string, ProcessIdentity>();
  for (const pid of processIds()) {
    const stat = living(statOf(pid));
    if (stat?.session !== pid) continue;
    const value = variableOf(pid, name);
    if (value !== undefined) found.set(value, { pid, startTicks: stat.startTicks, bootId: bootId() });
  }
  return found;
}
