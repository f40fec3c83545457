/**
 * From single answers to a verdict: so many in a row turn it, one alone does not. Pure.
 */
export interface Thresholds {
  readonly success_threshold: number;
  readonly failure_threshold: number;
}

/** `unknown` until the first threshold is reached. */
export type Verdict = "unknown" | "passing" | "failing";

export interface ThresholdState {
  readonly verdict: Verdict;
  /** Answers of one kind since the last of the other; one of the two is 0. */
  readonly successesInRow: number;
  readonly failuresInRow: number;
}

export const nothingAsked: ThresholdState = { verdict: "unknown", successesInRow: 0, failuresInRow: 0 };

/** What one more answer makes of it. */
export function counted(state: ThresholdState, passed: boolean, thresholds: Thresholds): ThresholdState {
  const successesInRow = passed ? state.successesInRow + 1 : 0;
  const failuresInRow = passed ? 0 : state.failuresInRow + 1;
  if (successesInRow >= thresholds.success_threshold)
    return { verdict: "passing", successesInRow, failuresInRow };
  if (failuresInRow >= thresholds.failure_threshold)
    return { verdict: "failing", successesInRow, failuresInRow };
  return { verdict: state.verdict, successesInRow, failuresInRow };
}
