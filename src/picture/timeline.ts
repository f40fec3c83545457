/**
 * The time line of a run: of every step the stretches in which it waited, worked, waited for its next try, or for a signal. Pure;
 * what still goes on ends where the picture ends.
 */
import type { PicturedAttempt, PicturedStep, RunPicture } from "./model.ts";

export type StretchKind =
  /** What it needed was done, and it had no place yet. */
  | "ready"
  | "work"
  /** Between two tries. */
  | "retry"
  /** For a signal or a clock. */
  | "wait";

export interface Stretch {
  readonly kind: StretchKind;
  /** Milliseconds since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  /** How the attempt ended that it is part of; absent while it goes on, and where it is none. */
  readonly end?: PicturedAttempt["end"];
}

export interface TimelineRow {
  /** Number of the step. */
  readonly step: number;
  readonly stretches: readonly Stretch[];
}

export interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  /** Steps that began, in the order in which they did. */
  readonly rows: readonly TimelineRow[];
}

type Timed = Pick<RunPicture, "steps" | "edges" | "asOfMs"> & {
  readonly run: Pick<RunPicture["run"], "startedAtMs">;
};

export function timelineOf({ run, steps, edges, asOfMs }: Timed): Timeline {
  const ready = new Float64Array(steps.length).fill(run.startedAtMs);
  for (const { from, to } of edges) {
    const end = steps[from]?.attempts.at(-1)?.endedAtMs;
    if (end !== undefined) ready[to] = Math.max(ready[to] ?? 0, end);
  }
  const rows: TimelineRow[] = [];
  let toMs = Math.max(asOfMs, run.startedAtMs);
  for (const [step, pictured] of steps.entries()) {
    if (pictured.attempts.length === 0) continue;
    const stretches = stretchesOf(pictured, ready[step] ?? run.startedAtMs, asOfMs);
    toMs = Math.max(toMs, stretches.at(-1)?.toMs ?? toMs);
    rows.push({ step, stretches });
  }
  rows.sort((left, right) => beganAt(steps, left) - beganAt(steps, right) || left.step - right.step);
  return { fromMs: run.startedAtMs, toMs, rows };
}

function beganAt(steps: readonly Pick<PicturedStep, "attempts">[], { step }: TimelineRow): number {
  return steps[step]?.attempts[0]?.startedAtMs ?? 0;
}

/** In order, without gaps from the first attempt on, none of negative length. */
function stretchesOf(
  { attempts, phase }: Pick<PicturedStep, "attempts" | "phase">,
  readyAtMs: number,
  asOfMs: number,
): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let at = attempts[0]?.startedAtMs ?? readyAtMs;
  if (readyAtMs < at) stretches.push({ kind: "ready", fromMs: readyAtMs, toMs: at });
  for (const attempt of attempts) {
    const startedAtMs = Math.max(at, attempt.startedAtMs);
    if (startedAtMs > at) stretches.push({ kind: "retry", fromMs: at, toMs: startedAtMs });
    const endedAtMs = Math.max(startedAtMs, attempt.endedAtMs ?? asOfMs);
    const waitedFromMs = Math.min(endedAtMs, Math.max(startedAtMs, attempt.waitedFromMs ?? endedAtMs));
    const end = attempt.end === undefined ? {} : { end: attempt.end };
    stretches.push({ kind: "work", fromMs: startedAtMs, toMs: waitedFromMs, ...end });
    if (waitedFromMs < endedAtMs)
      stretches.push({ kind: "wait", fromMs: waitedFromMs, toMs: endedAtMs, ...end });
    at = endedAtMs;
  }
  if (phase === "retrying" && at < asOfMs) stretches.push({ kind: "retry", fromMs: at, toMs: asOfMs });
  return stretches;
}

/** From the first attempt's beginning to the last one's end. */
export function tookMs({ attempts }: Pick<PicturedStep, "attempts">, asOfMs: number): number | undefined {
  const first = attempts[0];
  const last = attempts.at(-1);
  if (first === undefined || last === undefined) return undefined;
  return Math.max(0, (last.endedAtMs ?? asOfMs) - first.startedAtMs);
}

/** Round instants on the axis: about `count` of them. Milliseconds after the beginning. */
export function axisTicks(lengthMs: number, count: number): readonly number[] {
  const wanted = Math.max(1, lengthMs / Math.max(1, count));
  const step = roundLengths.find((length) => length >= wanted) ?? Math.ceil(wanted / dayMs) * dayMs;
  const ticks: number[] = [];
  for (let at = 0; at <= lengthMs; at += step) ticks.push(at);
  return ticks;
}

const dayMs = 86_400_000;
const roundLengths = [
  1,
  2,
  5,
  10,
  20,
  50,
  100,
  200,
  500,
  1_000,
  2_000,
  5_000,
  10_000,
  15_000,
  30_000,
  60_000,
  120_000,
  300_000,
  600_000,
  900_000,
  1_800_000,
  3_600_000,
  7_200_000,
  14_400_000,
  21_600_000,
  43_200_000,
  dayMs,
];
