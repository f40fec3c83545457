/**
 * A door that is shut when the time of its validator is over: whatever comes after is refused, also from a validator that obeys
 * no signal.
 */
import { AkcError } from "../../errors.ts";
import type { Door } from "../../validators/contract.ts";

/** @param over aborts when nothing more may pass */
export function gatedDoor(door: Door, over: AbortSignal): Door {
  function pass<T>(signal: AbortSignal, use: (either: AbortSignal) => Promise<T>): Promise<T> {
    if (over.aborted || signal.aborted) return Promise.reject(new AkcError("CANCELLED"));
    return use(AbortSignal.any([over, signal]));
  }
  return {
    fetch: (request, signal) => pass(signal, (either) => door.fetch(request, either)),
    run: (request, signal) => pass(signal, (either) => door.run(request, either)),
    readMade: (name, signal) => pass(signal, (either) => door.readMade(name, either)),
  };
}
