/**
 * The documented checker of scoreboards: whether the last windows of every scope, one right after the other, meet the targets.
 * Pure; a figure that is not there has failed, and is never passed on as a number that JSON has no form for.
 *
 * Source: spec cli §16.3.
 */
import type { Comparator, SloTarget, SloTargets } from "./slo-targets.ts";

/** A scoreboard as it was read, of akc or of the old runtime. */
export interface CheckedBoard {
  /** `<tenant>/<repo>` */
  readonly scope: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly kpi: Readonly<Record<string, number | null>>;
}

/** A file that is none. */
export interface UnreadableBoard {
  readonly scope: string;
  readonly path: string;
  readonly why: string;
}

export interface SloFailure {
  /** Null when no scope has any scoreboard. */
  readonly scope: string | null;
  readonly window_start_ms: number | null;
  readonly window_end_ms: number | null;
  readonly metric: string;
  /** `present`: the figure is not there. `adjacent`: the window does not begin where the one before it ended. */
  readonly comparator: Comparator | "present" | "adjacent";
  readonly actual: number | string | null;
  readonly expected: number | boolean;
}

/** The documented keys. */
export interface SloReport {
  readonly passed: boolean;
  readonly required_consecutive_windows: number;
  readonly scopes_evaluated: readonly string[];
  /** Scoreboards that were found, by scope. */
  readonly window_counts: Readonly<Record<string, number>>;
  readonly failures: readonly SloFailure[];
}

export function checkSlos(
  boards: readonly CheckedBoard[],
  unreadable: readonly UnreadableBoard[],
  { requiredWindows, targets }: SloTargets,
): SloReport {
  const scopes = [...new Set([...boards, ...unreadable].map(({ scope }) => scope))].sort();
  const of = (scope: string) => boards.filter((board) => board.scope === scope);
  const failures: readonly SloFailure[] =
    scopes.length === 0
      ? [
          {
            ...noWindow,
            scope: null,
            metric: "scoreboards",
            comparator: "present",
            actual: null,
            expected: true,
          },
        ]
      : [
          ...unreadable.map(unreadableFailure),
          ...scopes.flatMap((scope) => failuresOf(scope, of(scope), requiredWindows, targets)),
        ];
  return {
    passed: failures.length === 0,
    required_consecutive_windows: requiredWindows,
    scopes_evaluated: scopes,
    window_counts: Object.fromEntries(scopes.map((scope) => [scope, of(scope).length])),
    failures,
  };
}

const noWindow = { window_start_ms: null, window_end_ms: null } as const;

function unreadableFailure({ scope, path }: UnreadableBoard): SloFailure {
  return { ...noWindow, scope, metric: "scoreboard", comparator: "present", actual: path, expected: true };
}

function failuresOf(
  scope: string,
  boards: readonly CheckedBoard[],
  required: number,
  targets: readonly SloTarget[],
): readonly SloFailure[] {
  const last = boards.toSorted((a, b) => a.endMs - b.endMs || a.startMs - b.startMs).slice(-required);
  const missing: readonly SloFailure[] =
    last.length >= required
      ? []
      : [
          {
            ...noWindow,
            scope,
            metric: "required_consecutive_windows",
            comparator: "gte",
            actual: last.length,
            expected: required,
          },
        ];
  return [
    ...missing,
    ...last.flatMap((board, at) => {
      const before = last[at - 1];
      const about = { scope, window_start_ms: board.startMs, window_end_ms: board.endMs };
      const gap: readonly SloFailure[] =
        before === undefined || before.endMs === board.startMs
          ? []
          : [
              {
                ...about,
                metric: "consecutive_windows",
                comparator: "adjacent",
                actual: board.startMs,
                expected: before.endMs,
              },
            ];
      return [...gap, ...targets.flatMap((target) => missed(board, about, target))];
    }),
  ];
}

function missed(
  board: CheckedBoard,
  about: Pick<SloFailure, "scope" | "window_start_ms" | "window_end_ms">,
  { metric, comparator, expected }: SloTarget,
): readonly SloFailure[] {
  const actual = board.kpi[metric];
  if (typeof actual !== "number" || !Number.isFinite(actual)) {
    return [{ ...about, metric, comparator: "present", actual: null, expected: true }];
  }
  return holds(actual, comparator, expected) ? [] : [{ ...about, metric, comparator, actual, expected }];
}

function holds(actual: number, comparator: Comparator, expected: number): boolean {
  switch (comparator) {
    case "gte":
      return actual >= expected;
    case "lte":
      return actual <= expected;
    case "gt":
      return actual > expected;
    case "lt":
      return actual < expected;
  }
}
