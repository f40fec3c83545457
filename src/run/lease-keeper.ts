/**
 * Keeps a run's lease while it is worked on, and says at once when it is lost. It never takes one over.
 */
import { limits } from "../limits.ts";
import type { RunWriter } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";

export interface LeaseKeeper {
  stop(): void;
}

/** @param onLost called once, when a renewal is refused; the holder must then stop all effects */
export function keepLease(writer: RunWriter, clock: Clock, onLost: (cause: unknown) => void): LeaseKeeper {
  let lost = false;
  const timer = setInterval(() => {
    writer.renew(clock.nowMs()).catch((cause) => {
      if (lost) return;
      lost = true;
      clearInterval(timer);
      onLost(cause);
    });
  }, limits.leaseRenewMs);
  return { stop: () => clearInterval(timer) };
}
