/**
 * Waits that end: an answer that is asked for has a deadline, and work ends with the signals that may cut it off. It never leaves a
 * listener behind on a signal that outlives the wait.
 */
import { AkcError } from "../../errors.ts";
import type { Clock } from "../../system/clock.ts";
import type { VisitOrder, VisitPorts } from "./model.ts";

export interface Bounds {
  readonly clock: Clock;
  /** Any of them ends the wait with its own reason. */
  readonly signals: readonly AbortSignal[];
}

/** Of what is asked in a visit: nobody waits for it once the lease is lost, or the controller is cut off. */
export function boundsOf({ clock }: Pick<VisitPorts, "clock">, order: VisitEnds): Bounds {
  return { clock, signals: [order.held.lost, order.cut] };
}

/** @throws the reason of a lost lease or a cut */
export function throwIfOver({ held, cut }: VisitEnds): void {
  held.lost.throwIfAborted();
  cut.throwIfAborted();
}

type VisitEnds = Pick<VisitOrder, "held" | "cut">;

/**
 * For what only reads: when the time is over nobody waits for it any more, whether or not it heeds its signal.
 * @param what named in the error, for people
 * @throws AkcError AUTOPILOT_TOO_SLOW; the reason of the signal that aborted; what `question` throws
 */
export async function ask<T>(
  what: string,
  timeoutMs: number,
  { clock, signals }: Bounds,
  question: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const answered = new AbortController();
  const link = linked(signals);
  try {
    return await new Promise<T>((resolve, refuse) => {
      link.signal.addEventListener("abort", () => refuse(link.signal.reason), { once: true });
      if (link.signal.aborted) refuse(link.signal.reason);
      else begun(question, link.signal).then(resolve, refuse);
      void clock.sleep(timeoutMs, answered.signal).then(() => {
        if (!answered.signal.aborted) link.abort(tooSlow(what, timeoutMs));
      });
    });
  } finally {
    answered.abort(over);
    link.end();
  }
}

/** A reason that is there already: making one for each wait costs more than the wait. */
const over = "the wait is over";

/** For what has effects: however it is cut off, it is waited for until it has ended. @throws what `work` throws; the signal's reason before it begins */
export async function workUntilCut<T>(
  signals: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const link = linked(signals);
  try {
    link.signal.throwIfAborted();
    return await work(link.signal);
  } finally {
    link.end();
  }
}

interface Link {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Lets go of the signals that it follows. */
  end(): void;
}

/** Not `AbortSignal.any`: a lease lives for months, and every wait beneath it must leave nothing there. */
function linked(signals: readonly AbortSignal[]): Link {
  const control = new AbortController();
  const follow = signals.map((signal) => {
    const listener = () => control.abort(signal.reason);
    signal.addEventListener("abort", listener, { once: true });
    if (signal.aborted) listener();
    return () => signal.removeEventListener("abort", listener);
  });
  return {
    signal: control.signal,
    abort: (reason) => control.abort(reason),
    end: () => {
      for (const letGo of follow) letGo();
    },
  };
}

async function begun<T>(question: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  return question(signal);
}

function tooSlow(what: string, timeoutMs: number): AkcError {
  return new AkcError("AUTOPILOT_TOO_SLOW", {
    message: `${what} took longer than ${timeoutMs / 1_000} s`,
    details: { what, timeout_ms: timeoutMs },
  });
}
