/**
 * One budget of time for a chain of waits, and one signal that really ends what is under way when it is over.
 * Never restarts: what was spent on the first wait is gone for the last.
 */
import { AkcError, type ErrorDetails } from "../errors.ts";
import { limits } from "../limits.ts";

export interface Deadline {
  /** Aborts when the time is over or the outer signal does. */
  readonly signal: AbortSignal;
  /** Whatever `promise` does, it is not waited for longer than the deadline. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** @throws AkcError HTTP_TIMEOUT or CANCELLED once it is over. */
  throwIfOver(details: ErrorDetails): void;
  /** Lets the timer go and closes what is still open; must be called however the chain ended. */
  end(): void;
}

/** `timeoutMs` is held between 1 and `limits.routeTimeoutMsMax`; an abort of `outer` is CANCELLED, the rest HTTP_TIMEOUT. */
export function startDeadline(timeoutMs: number, outer: AbortSignal | undefined): Deadline {
  const control = new AbortController();
  // Not one promise for all races: it would hold what every one of them came to until the end.
  const waiting = new Set<(cause: AkcError) => void>();
  let over: AkcError | undefined;
  const stop = (code: "HTTP_TIMEOUT" | "CANCELLED") => {
    over ??= new AkcError(code);
    control.abort();
    for (const refuse of waiting) refuse(over);
    waiting.clear();
  };
  const cancel = () => stop("CANCELLED");
  const boundedMs = Math.min(Math.max(1, timeoutMs), limits.routeTimeoutMsMax);
  const timer = setTimeout(() => stop("HTTP_TIMEOUT"), boundedMs);
  outer?.addEventListener("abort", cancel, { once: true });
  if (outer?.aborted === true) cancel();
  return {
    signal: control.signal,
    race: <T>(promise: Promise<T>) =>
      new Promise<T>((resolve, refuse) => {
        if (over === undefined) waiting.add(refuse);
        else refuse(over);
        promise.then(resolve, refuse).finally(() => waiting.delete(refuse));
      }),
    throwIfOver: (details) => {
      if (over !== undefined) throw new AkcError(over.code, { details });
    },
    end: () => {
      clearTimeout(timer);
      control.abort();
      outer?.removeEventListener("abort", cancel);
    },
  };
}
