/**
 * Holds a run that nobody else holds for as long as something is done with it, and gives it back however that goes.
 */
import type { RunWriter, Store } from "../store/contract.ts";
import { thisProcess } from "../store/sqlite/holder.ts";
import type { Clock } from "../system/clock.ts";
import { keepingLease } from "./lease-keeper.ts";

/**
 * @param work `lost` aborts with the reason when the lease is lost: nothing may be written any more
 * @throws AkcError LEASE_HELD naming the holder, RUN_NOT_FOUND; what `work` throws
 */
export async function takingOver<T>(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  runtimeRunId: string,
  work: (writer: RunWriter, lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const writer = await store.resumeRun(runtimeRunId, thisProcess(), clock.nowMs());
  try {
    return await keepingLease(writer, clock, (lost) => work(writer, lost));
  } finally {
    await writer.close();
  }
}
