/**
 * Keeps a run's lease while it is worked on, and says at once when it is lost. It never takes one over.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { RunWriter } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";

/**
 * Renews the lease as long as `work` goes on. The signal that it is given aborts, with the error as its reason, when the
 * lease is lost, or when it is about to expire and the store takes no renewal; all effects must then end, and nothing more
 * is to be written.
 */
export async function keepingLease<T>(
  writer: RunWriter,
  clock: Clock,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const timer = setInterval(() => {
    writer.renew(clock.nowMs()).catch((cause) => {
      // A busy or full store may take the next one; until then nobody else can have the lease.
      const refused = cause instanceof AkcError && cause.code === "LEASE_LOST";
      if (!refused && clock.nowMs() + limits.leaseRenewMs < writer.lease.expiresAtMs) return;
      clearInterval(timer);
      lost.abort(cause);
    });
  }, limits.leaseRenewMs);
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(timer);
  }
}
