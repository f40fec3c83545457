/**
 * Which chain of steps a run's length came from, by the times that were: from the step that ended last back to the one that it
 * waited for longest, and so on. Pure; where nothing is known of edges, the last step alone is the answer.
 */
import type { PicturedEdge, PicturedStep } from "./model.ts";

/** One step of the chain with its times, in milliseconds since the epoch. */
export interface CriticalLeg {
  /** Number of the step. */
  readonly step: number;
  /** When the step before it on the chain had ended: from here on it could have begun. */
  readonly readyAtMs: number;
  /** Its first attempt. */
  readonly startedAtMs: number;
  /** Its last attempt; `asOfMs` while it goes on. */
  readonly endedAtMs: number;
}

interface Timed {
  readonly steps: readonly Pick<PicturedStep, "attempts">[];
  readonly edges: readonly Pick<PicturedEdge, "from" | "to">[];
  readonly asOfMs: number;
}

/** Numbers of steps in order of time; empty while none has begun. */
export function criticalPath({ steps, edges, asOfMs }: Timed): readonly number[] {
  const ends = steps.map((step) => endOf(step, asOfMs));
  // The one of its predecessors that ended last is what a step waited for; of several, the first.
  const latest = new Int32Array(steps.length).fill(-1);
  for (const { from, to } of edges) {
    const end = ends[from];
    if (end === undefined || ends[to] === undefined) continue;
    const known = latest[to] ?? -1;
    if (known < 0 || end > (ends[known] ?? end) || (end === ends[known] && from < known)) latest[to] = from;
  }
  let at = -1;
  for (const [number, end] of ends.entries()) {
    if (end !== undefined && (at < 0 || end > (ends[at] ?? end))) at = number;
  }
  const path: number[] = [];
  // Bounded: an edge that goes back would otherwise lead around for ever.
  while (at >= 0 && path.length < steps.length) {
    path.push(at);
    at = latest[at] ?? -1;
  }
  return path.reverse();
}

/** @param path as `criticalPath` gives it @param startedAtMs when the run began */
export function criticalLegs(
  path: readonly number[],
  steps: readonly Pick<PicturedStep, "attempts">[],
  startedAtMs: number,
  asOfMs: number,
): readonly CriticalLeg[] {
  const legs: CriticalLeg[] = [];
  let readyAtMs = startedAtMs;
  for (const number of path) {
    const step = steps[number];
    const first = step?.attempts[0];
    const endedAtMs = step === undefined ? undefined : endOf(step, asOfMs);
    if (first === undefined || endedAtMs === undefined) continue;
    legs.push({ step: number, readyAtMs, startedAtMs: first.startedAtMs, endedAtMs });
    readyAtMs = endedAtMs;
  }
  return legs;
}

/** When the last attempt ended, undefined where there was none. */
function endOf({ attempts }: Pick<PicturedStep, "attempts">, asOfMs: number): number | undefined {
  const last = attempts.at(-1);
  return last === undefined ? undefined : (last.endedAtMs ?? Math.max(asOfMs, last.startedAtMs));
}
