/**
 * Keeps a run's lease while it is worked on, and says at once when it is lost. It never takes one over.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { RunWriter } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";

/**
 * Renews the lease as long as `work` goes on. The signal that it is given aborts, with the error as its reason, when the
 * lease is lost, or when it has expired and the store took no renewal until then; all effects must then end, and nothing more
 * is to be written.
 */
export async function keepingLease<T>(
  writer: RunWriter,
  clock: Clock,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  let timer: Timer | undefined;
  let over = false;
  const renewIn = (pauseMs: number): void => {
    // Time that really passes: a lease is between processes, and none of them has another's clock in hand.
    timer = setTimeout(() => writer.renew(clock.nowMs()).then(renewed, refused), pauseMs);
  };
  const renewed = (): void => {
    if (!over) renewIn(limits.leaseRenewMs);
  };
  const refused = (cause: unknown): void => {
    if (over) return;
    // A store that is busy or full for a while has not given the lease to anybody: it is ours until it expires.
    const isLost = cause instanceof AkcError && cause.code === "LEASE_LOST";
    if (isLost || clock.nowMs() >= writer.lease.expiresAtMs) lost.abort(cause);
    else renewIn(limits.leaseRetryMs);
  };
  renewIn(limits.leaseRenewMs);
  try {
    return await work(lost.signal);
  } finally {
    over = true;
    clearTimeout(timer);
  }
}
