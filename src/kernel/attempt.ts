/**
 * Carries out one attempt: asks the adapter, bounds it in time, and turns whatever happens into a result.
 * Never decides, never writes; it always resolves.
 */
import type { ActionRequest, ActionResult, Adapter } from "../adapters/contract.ts";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";

/** Who carries an attempt out: an adapter, or something in its name. */
export type Actor = Pick<Adapter, "id" | "execute">;

/** Attempts of `noop` and simulated actions end at once: they need no timer of their own. */
export async function attempt(
  adapter: Actor,
  request: ActionRequest,
  { instant, clock }: { readonly instant: boolean; readonly clock: Clock },
): Promise<ActionResult> {
  if (instant) return adapter.execute(request).catch((cause) => adapterFailure(cause, 0));
  return bounded(adapter, request, clock);
}

async function bounded(adapter: Actor, request: ActionRequest, clock: Clock): Promise<ActionResult> {
  const startedAt = clock.monotonicMs();
  const controller = new AbortController();
  const abort = () => controller.abort(request.signal.reason);
  if (request.signal.aborted) abort();
  else request.signal.addEventListener("abort", abort, { once: true });
  const ended = new AbortController();
  // The adapter ends itself at timeoutMs; what follows is for one that does not.
  const overrunMs = Math.min(request.timeoutMs + limits.killGraceMs, 2 ** 31 - 1);
  clock.sleep(overrunMs, ended.signal).then(() => {
    if (!ended.signal.aborted) controller.abort(new AkcError("ADAPTER_FAILED"));
  });
  const late = new Promise<ActionResult>((resolve) => {
    const giveUp = async () => {
      await clock.sleep(limits.cancelGraceMs, ended.signal);
      const cancelled = request.signal.aborted;
      resolve({
        status: cancelled ? "cancelled" : "failed",
        outputs: {},
        error: {
          code: cancelled ? "CANCELLED" : "ADAPTER_FAILED",
          message: `adapter ${adapter.id} did not end when it was told to`,
          retryable: false,
        },
        durationMs: clock.monotonicMs() - startedAt,
      });
    };
    if (controller.signal.aborted) giveUp();
    else controller.signal.addEventListener("abort", giveUp, { once: true });
  });
  try {
    const result = await Promise.race([
      adapter
        .execute({ ...request, signal: controller.signal })
        .catch((cause) => adapterFailure(cause, clock.monotonicMs() - startedAt)),
      late,
    ]);
    // Only a run that is cut cancels; an attempt that was told to end for another reason has failed.
    return result.status === "cancelled" && !request.signal.aborted ? overran(result, request) : result;
  } finally {
    ended.abort();
    request.signal.removeEventListener("abort", abort);
  }
}

function overran(result: ActionResult, { timeoutMs }: ActionRequest): ActionResult {
  const message = `it was told to end: it took longer than ${Math.round(timeoutMs)} ms`;
  return { ...result, status: "failed", error: { code: "ADAPTER_FAILED", message, retryable: true } };
}

/** A rejection is the adapter's fault, not the action's; a typed one keeps its code. */
function adapterFailure(cause: unknown, durationMs: number): ActionResult {
  const error =
    cause instanceof AkcError
      ? { code: cause.code, message: cause.message, retryable: cause.class === "retryable" }
      : { code: "ADAPTER_FAILED" as const, message: messageOf(cause), retryable: true };
  return { status: "failed", outputs: {}, error, durationMs };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}`.slice(0, 500) : "the adapter threw";
}
