/**
 * SIGINT and SIGTERM while a run is under way: the first asks it to stop in good order, the second kills what runs and ends at once.
 * Installed only for the length of a run; every other command dies of the signal itself.
 */
import { constants } from "node:os";
import { killDescendants } from "../../system/descendants.ts";

export interface Interrupt {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** 130 or 143 once a signal has come. */
  exitCode(): 130 | 143 | undefined;
  remove(): void;
}

const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** @param say told of each signal, in words for people */
export function watchSignals(say: (text: string) => void): Interrupt {
  const controller = new AbortController();
  let first: (typeof stopSignals)[number] | undefined;
  const exitCodeOf = (name: (typeof stopSignals)[number]) => (name === "SIGINT" ? 130 : 143);
  const received = (name: (typeof stopSignals)[number]) => {
    if (first !== undefined) {
      // Whoever asks twice does not want to wait, and does not want anything to go on either.
      killDescendants();
      process.exit(128 + constants.signals[name]);
    }
    first = name;
    say(`${name}: stopping; once more ends at once`);
    controller.abort(name);
  };
  for (const name of stopSignals) process.on(name, received);
  return {
    signal: controller.signal,
    exitCode: () => (first === undefined ? undefined : exitCodeOf(first)),
    remove: () => {
      for (const name of stopSignals) process.off(name, received);
    },
  };
}
