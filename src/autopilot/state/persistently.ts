/**
 * Tries again while another process's transaction keeps the state busy, without keeping this process from anything else.
 * It never tries what failed for another reason.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { guarded } from "../../store/sqlite/faults.ts";

/**
 * @param work one transaction, synchronous; it is done again from its beginning.
 * @throws AkcError STORE_BUSY after `limits.storeBusyTimeoutMs`, DISK_FULL, STORE_UNWRITABLE, STORE_IO, STORE_DAMAGED, and what
 *   `work` throws
 */
export async function persistently<T>(path: string, work: () => T): Promise<T> {
  const startedAt = performance.now();
  for (;;) {
    try {
      return guarded(path, work);
    } catch (fault) {
      const busy = fault instanceof AkcError && fault.code === "STORE_BUSY";
      if (!busy || performance.now() - startedAt >= limits.storeBusyTimeoutMs) throw fault;
      await Bun.sleep(pauseMs * (0.5 + Math.random()));
    }
  }
}

const pauseMs = 20;
