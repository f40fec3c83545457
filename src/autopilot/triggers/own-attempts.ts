/**
 * Which events of runs were made by the autopilot's own attempts. An attempt is judged by its verdict and counted by the budgets; were
 * its events signals as well, a failed one would ask for the next for ever. What a run says after its attempt has ended counts. Pure.
 *
 * Source: spec cli §15.2; cli:W-56.
 */
import type { AttemptMark } from "../contract.ts";

/** From the start of an attempt to its end; infinity while it is open. Milliseconds. */
export interface AttemptSpan {
  readonly runtimeRunId: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** @param marks in their order, from well before the first event that is asked about to the last one stored */
export function attemptSpans(marks: readonly AttemptMark[]): readonly AttemptSpan[] {
  const open = new Map<string, AttemptSpan>();
  const spans: AttemptSpan[] = [];
  for (const { attemptId, atMs, runtimeRunId } of marks) {
    if (runtimeRunId !== null) {
      open.set(attemptId, { runtimeRunId, fromMs: atMs, toMs: Number.POSITIVE_INFINITY });
      continue;
    }
    const span = open.get(attemptId);
    open.delete(attemptId);
    if (span !== undefined) spans.push({ ...span, toMs: atMs });
  }
  return [...spans, ...open.values()];
}

/** Whether what happened in this run then was an attempt's own doing. */
export function isOfAttempt(spans: readonly AttemptSpan[], runtimeRunId: string, atMs: number): boolean {
  return spans.some((span) => span.runtimeRunId === runtimeRunId && atMs >= span.fromMs && atMs <= span.toMs);
}
