/**
 * Passes until everything stands, a pass can do nothing more, or the bundle's number of them is reached. Says at the end how it
 * went, also when it is cut off.
 *
 * Source: spec reconcile §3.2; W-12.
 */
import type { Decision } from "../policy/model.ts";
import type { Resync } from "./backoff.ts";
import { cutBy } from "./cut.ts";
import { reconcileEvents } from "./model.ts";
import { type Reconciled, type ReconcileInput, reconcile } from "./reconcile.ts";

export interface Passes extends Reconciled {
  readonly attempts: number;
  /** By the steady clock, from the first look to the last. */
  readonly windowMs: number;
  /** Of that, slept between passes. */
  readonly waitMs: number;
}

/** @throws as `reconcile`; AkcError CANCELLED when it was told to end while it looked */
export async function reconcileUntilSettled(
  input: Omit<ReconcileInput, "attempt">,
  resync: Resync,
): Promise<Passes> {
  const { clock, signal, ledger, policy, simulate, desired } = input;
  const startedMs = clock.monotonicMs();
  const { iterations: max } = resync;
  let waitMs = 0;
  let denied: Decision | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const intervalMs = attempt < max ? resync.delayMs(attempt - 1) : 0;
    const pass = { ...input, attempt: { attempt, max, intervalMs, startedMs } };
    const result = await cutBy(signal, () => reconcile(pass));
    denied = result.denied ?? denied;
    if (attempt >= max || signal.aborted || isSettled(result)) {
      const windowMs = Math.round(clock.monotonicMs() - startedMs);
      await ledger.record({
        events: [
          {
            type: reconcileEvents.finished,
            payload: {
              converged: result.converged,
              mode: simulate ? "simulate" : policy.mode,
              attempts: attempt,
              window_ms: windowMs,
              wait_ms: waitMs,
              resource_count: desired.length,
            },
          },
        ],
      });
      return { ...result, ...(denied === undefined ? {} : { denied }), attempts: attempt, windowMs, waitMs };
    }
    const sleptFrom = clock.monotonicMs();
    await clock.sleep(intervalMs, signal);
    waitMs += Math.round(clock.monotonicMs() - sleptFrom);
  }
}

/** Whether another pass could do no more: it waits for a person, or was brought back and must not begin anew by itself. */
function isSettled({ converged, rollout, denied }: Reconciled): boolean {
  return converged || denied !== undefined || (rollout !== undefined && rollout.phase !== "completed");
}
