/**
 * What each exit code means, in one place for the help texts and docs/exit-codes.md.
 * The number of an error comes from its class (errors.ts); nothing here decides one.
 */
export const exitCodes = {
  0: "succeeded",
  1: "the work was done and did not succeed, or akc itself failed",
  2: "wrong use, bad input, or denied by the policy",
  3: "the world diverged from what the bundle wants",
  4: "no verdict: the facts to judge by are missing",
  5: "a conflict: another process is at it, or it does not stand as the command needs it",
  7: "what stands is not what the bundle wants (asked for with --exit-code)",
  129: "the terminal was closed (SIGHUP)",
  130: "interrupted (SIGINT)",
  143: "terminated (SIGTERM)",
} as const;

export type ExitCode = keyof typeof exitCodes;

const known: readonly ExitCode[] = [0, 1, 2, 3, 4, 5, 7, 129, 130, 143];

/** A code that the documentation lists; anything else is a failure. */
export function asExitCode(code: number): ExitCode {
  return known.find((exit) => exit === code) ?? 1;
}
