/**
 * Tells being told to end from everything that may go wrong: whoever is in the middle of a look then has no answer, and that is no
 * fault of anything that was looked at. Pure.
 */
import { AkcError } from "../errors.ts";

/**
 * Runs `work`; what it throws once the signal has aborted is the signal's own error, or CANCELLED.
 * @throws AkcError CANCELLED; what `work` throws otherwise
 */
export async function cutBy<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!signal.aborted) throw cause;
    // A lease that was lost says so itself.
    if (signal.reason instanceof AkcError) throw signal.reason;
    throw new AkcError("CANCELLED", { message: "it was told to end while it looked", cause });
  }
}

export function isCut(cause: unknown): boolean {
  return cause instanceof AkcError && cause.code === "CANCELLED";
}
