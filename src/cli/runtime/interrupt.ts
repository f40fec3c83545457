/**
 * SIGINT, SIGTERM and SIGHUP while a run is under way: the first asks it to stop in good order, the second kills what runs and ends at once.
 * Installed only for the length of a run; every other command dies of the signal itself.
 */
import { killDescendants } from "../../system/descendants.ts";
import { isIgnored } from "../../system/ignored-signal.ts";

export interface Interrupt {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** Once a signal has come. */
  exitCode(): 129 | 130 | 143 | undefined;
  remove(): void;
}

/** SIGHUP: the terminal is gone; without an answer to it children, in sessions of their own, would go on alone. */
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof exitCodes;
const stopSignals: readonly StopSignal[] = ["SIGHUP", "SIGINT", "SIGTERM"];

/** @param say told of each signal, in words for people */
export function watchSignals(say: (text: string) => void): Interrupt {
  const controller = new AbortController();
  let first: StopSignal | undefined;
  const heard = stopSignals.filter((name) => !isIgnored(name));
  const received = (name: StopSignal) => {
    if (first !== undefined) {
      // Whoever asks twice does not want to wait, and does not want anything to go on either.
      killDescendants();
      process.exit(exitCodes[name]);
    }
    first = name;
    say(`${name}: stopping; once more ends at once`);
    controller.abort(name);
  };
  for (const name of heard) process.on(name, received);
  return {
    signal: controller.signal,
    exitCode: () => (first === undefined ? undefined : exitCodes[first]),
    remove: () => {
      for (const name of heard) process.off(name, received);
    },
  };
}
