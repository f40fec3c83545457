/**
 * Asks one probe again and again, at its interval, and says when the verdict turns.
 * One question is under way at a time; it never acts on a verdict.
 */
import type { Clock } from "../../system/clock.ts";
import { type CheckOutcome, checkOnce, type ExecCheck } from "./check.ts";
import type { Probe } from "./schema.ts";
import { counted, nothingAsked, type ThresholdState } from "./threshold.ts";

export interface ProbeState extends ThresholdState {
  /** Of the last answer that failed, while the verdict is not `passing`. */
  readonly message?: string;
  /** When the verdict turned last, milliseconds since the epoch. */
  readonly sinceMs: number;
}

export interface ProbeRun {
  readonly probe: Probe;
  /** When what is probed was started, milliseconds since the epoch: the initial delay counts from there. */
  readonly startedMs: number;
  readonly clock: Clock;
  readonly exec?: ExecCheck;
  /** What an earlier process of akc knew. */
  readonly known?: ThresholdState["verdict"];
  /** After every answer; `turned` when the verdict is another than before it. */
  answered(state: ProbeState, turned: boolean): void;
}

/** Until the signal aborts; never rejects. */
export async function runProbe(run: ProbeRun, signal: AbortSignal): Promise<void> {
  const { probe, clock, exec } = run;
  let state: ProbeState = { ...nothingAsked, verdict: run.known ?? "unknown", sinceMs: clock.nowMs() };
  await clock.sleep(Math.max(0, run.startedMs + probe.initial_delay_ms - clock.nowMs()), signal);
  while (!signal.aborted) {
    const askedAtMs = clock.monotonicMs();
    const outcome = await checkOnce(probe, { signal, ...(exec === undefined ? {} : { exec }) });
    if (signal.aborted) return;
    const before = state;
    state = folded(before, outcome, probe, clock.nowMs());
    run.answered(state, state.verdict !== before.verdict);
    await clock.sleep(Math.max(0, askedAtMs + probe.interval_ms - clock.monotonicMs()), signal);
  }
}

function folded(before: ProbeState, outcome: CheckOutcome, probe: Probe, nowMs: number): ProbeState {
  const next = counted(before, outcome.passed, probe);
  return {
    ...next,
    sinceMs: next.verdict === before.verdict ? before.sinceMs : nowMs,
    ...(outcome.passed ? {} : { message: outcome.message }),
  };
}
