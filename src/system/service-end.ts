/**
 * Ends a service with everything that came of it: its signal, its time, then SIGKILL. Whoever lives is asked by identity,
 * one process after the other, so nobody else's process is ever signalled.
 */
import type { Clock } from "./clock.ts";
import {
  isAlive,
  membersOf,
  type ProcessIdentity,
  type SignalName,
  signalProcess,
} from "./process-identity.ts";
import { launchIdVariable, serviceIdVariable } from "./service-process.ts";

export interface ServiceEnding {
  /** Undefined when only what it left behind is to go. */
  readonly leader: ProcessIdentity | undefined;
  readonly serviceId: string;
  readonly signal: SignalName;
  readonly graceMs: number;
  /** After SIGKILL. */
  readonly killMs: number;
  readonly clock: Clock;
  /** Aborts the wait; what has been signalled stays signalled. */
  readonly abort: AbortSignal;
}

export type Ended =
  | { readonly kind: "gone"; readonly killed: boolean }
  | { readonly kind: "cancelled" }
  /** These live on: they may not be signalled, or the kernel does not let go of them. */
  | { readonly kind: "stuck"; readonly pids: readonly number[] };

const pollMsMin = 2;
const pollMsMax = 25;

/** Never rejects; looks at every process of the host twice at least. */
export async function endService(ending: ServiceEnding): Promise<Ended> {
  const { leader, serviceId, signal, graceMs, killMs, clock, abort } = ending;
  const living = () => membersOf(leader, { names: [serviceIdVariable, launchIdVariable], value: serviceId });
  let members = living();
  if (members.length === 0) return { kind: "gone", killed: false };
  if (signal !== "SIGKILL") {
    for (const member of members) signalProcess(member, signal);
    await untilGone(members, clock.monotonicMs() + graceMs, clock, abort);
    if (abort.aborted && members.some(isAlive)) return { kind: "cancelled" };
    // Those that it has started meanwhile, and those that ignored it.
    members = living();
    if (members.length === 0) return { kind: "gone", killed: false };
  }
  const untilMs = clock.monotonicMs() + killMs;
  while (members.length > 0) {
    for (const member of members) signalProcess(member, "SIGKILL");
    await untilGone(members, untilMs, clock, abort);
    members = living();
    if (members.length === 0) break;
    if (clock.monotonicMs() >= untilMs) return { kind: "stuck", pids: members.map(({ pid }) => pid) };
    if (abort.aborted) return { kind: "cancelled" };
  }
  return { kind: "gone", killed: true };
}

async function untilGone(
  members: readonly ProcessIdentity[],
  untilMs: number,
  clock: Clock,
  abort: AbortSignal,
): Promise<void> {
  for (let pauseMs = pollMsMin; !abort.aborted; pauseMs = Math.min(pauseMs * 2, pollMsMax)) {
    if (!members.some(isAlive) || clock.monotonicMs() >= untilMs) return;
    await clock.sleep(pauseMs, abort);
  }
}
