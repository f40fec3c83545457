/** `akc runtime list`: the runs below an outputs root, newest first. */
import { limits } from "../../limits.ts";
import type { PhaseCounts } from "../../store/contract.ts";
import { countPhases, standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { command, type Session } from "../command.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Place } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import type { Style } from "../render/style.ts";
import { styleOf } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { elapsed, instant } from "../render/time.ts";
import { wholeNumber } from "../values.ts";
import { type Judged, lastVerdict, paintVerdict, verdictData } from "./judged.ts";
import {
  allRuns,
  type FoundRun,
  type LeftOut,
  locatingArgs,
  locatingEnvironment,
  withStore,
} from "./locate.ts";
import { recoverStale } from "./recover.ts";
import { durationMs, runData } from "./run-view.ts";
import { shortIds } from "./short-id.ts";
import { heldData, heldText, type StaleRuns, staleData, staleRuns, staleText } from "./stale.ts";

const shownDefault = 50;
const columnsForWholeIds = 110;

export const list = command({
  path: "runtime list",
  summary: "List runs, newest first, and how they ended.",
  notes: [
    "A run that is `abandoned` was cut off: its process is gone and it has no outcome. Everything up to its last commit is kept, and `akc runtime resume` goes on with it.",
    "--recover-stale goes on with such runs one after the other, as they were started; runs that were stopped, or that wait only for somebody to run a part of them again, are left alone. Exit code 0 means that every run that it continued succeeded.",
  ],
  examples: [
    { command: "akc runtime list --outputs-root out", says: "All runs below out/." },
    {
      command:
        "akc runtime list -o json | jq -r '.items[] | select(.standing == \"failed\") | .runtime_run_id'",
      says: "The ids of those that failed.",
    },
    {
      command: "akc runtime list --recover-stale",
      says: "After a power cut: go on with whatever was cut off.",
    },
  ],
  exits: [0, 1, 2, 129, 130, 143],
  environment: locatingEnvironment,
  args: {
    ...locatingArgs,
    limit: {
      type: "string",
      valueHint: "N",
      description: `Show at most N runs; ${shownDefault} by default. With --recover-stale: continue at most N.`,
    },
    stale: {
      type: "boolean",
      description: "Only runs whose process died before they were done, and why that is known.",
    },
    recoverStale: { type: "boolean", description: "Go on with these, one after the other." },
  },
  async run(args, session) {
    const max =
      args.limit === undefined
        ? shownDefault
        : wholeNumber("--limit", args.limit, { min: 1, max: limits.runsListedMax });
    const nowMs = systemClock.nowMs();
    const { runs, leftOut } = await allRuns(session.io, args);
    if (args.stale === true || args.recoverStale === true) {
      const stale = await staleRuns(runs, nowMs);
      return args.recoverStale === true
        ? recoverStale(
            session,
            args.limit === undefined ? stale.stale : stale.stale.slice(0, max),
            stale.held,
          )
        : listStale(session, stale, { max, nowMs, leftOut });
    }
    const shown = await withJudgement(await withWaiting(runs.slice(0, max), nowMs));
    const place = session.io.stdout;
    await session.print({
      data: {
        kind: "RunList",
        items: shown.map((run) => ({
          ...runData(run, nowMs, run.counts),
          validity: run.judged === undefined ? null : verdictData(run.judged),
        })),
        total: runs.length,
        ...(leftOut.length === 0 ? {} : { left_out: leftOut.map(leftOutData) }),
      },
      text: () =>
        shown.length === 0
          ? ""
          : table(
              shown,
              columns(shown, nowMs, styleOf(place.color), idsFor(place, runs)),
              place.isTerminal ? place.columns() : undefined,
            ),
    });
    if (runs.length === 0 && leftOut.length === 0) {
      const here = printable(await outputsRootOf(session.io, args.outputsRoot));
      const whose = [
        ...(args.tenantId === undefined ? [] : [`tenant ${args.tenantId}`]),
        ...(args.repoId === undefined ? [] : [`repository ${args.repoId}`]),
      ].join(" and ");
      session.io.words(
        `no runs${whose === "" ? "" : ` of ${printable(whose)}`} below ${here}; --outputs-root names another place\n`,
      );
    }
    if (runs.length > shown.length) {
      session.io.words(`${runs.length - shown.length} older runs not shown; --limit shows more\n`);
    }
    return 0;
  },
});

async function listStale(
  session: Session,
  { stale, held }: StaleRuns,
  {
    max,
    nowMs,
    leftOut,
  }: { readonly max: number; readonly nowMs: number; readonly leftOut: readonly LeftOut[] },
): Promise<ExitCode> {
  const { stdout: place } = session.io;
  const shown = stale.slice(0, max);
  await session.print({
    data: {
      kind: "RunList",
      items: shown.map((run) => staleData(run, nowMs)),
      total: stale.length,
      held: held.map((run) => heldData(run, nowMs)),
      ...(leftOut.length === 0 ? {} : { left_out: leftOut.map(leftOutData) }),
    },
    text: () => {
      const columnsMax = place.isTerminal ? place.columns() : undefined;
      return staleText(shown, nowMs, { style: styleOf(place.color), columnsMax });
    },
  });
  if (stale.length === 0) session.io.words("no run is stale\n");
  for (const run of held) session.io.words(`${heldText(run, nowMs)}\n`);
  if (stale.length > shown.length) {
    session.io.words(`${stale.length - shown.length} more not shown; --limit shows more\n`);
  }
  return 0;
}

interface CountedRun extends FoundRun {
  /** Of runs that go on: others need none to say how they stand. */
  readonly counts?: PhaseCounts;
}

interface ShownRun extends CountedRun {
  /** Absent where it was not judged by outside evidence. */
  readonly judged?: Judged | undefined;
}

/** A state is opened once for all its runs. */
async function withJudgement(runs: readonly CountedRun[]): Promise<readonly ShownRun[]> {
  const ended = runs.filter(({ row }) => row.outcome !== null);
  const found = new Map<CountedRun, Judged | undefined>();
  for (const [scopeRoot, ofScope] of Map.groupBy(ended, (run) => run.scopeRoot)) {
    await withStore(scopeRoot, async (store) => {
      for (const run of ofScope) {
        const reader = await store.openRun(run.row.context.runtimeRunId);
        try {
          found.set(run, await lastVerdict(reader, run.row));
        } finally {
          await reader.close();
        }
      }
    });
  }
  return runs.map((run) => ({ ...run, judged: found.get(run) }));
}

/** A run that waits for days looks like one that runs until its actions are counted. */
async function withWaiting(runs: readonly FoundRun[], nowMs: number): Promise<readonly CountedRun[]> {
  const counted: CountedRun[] = [];
  for (const run of runs) {
    if (standing(run.row, nowMs) !== "running") {
      counted.push(run);
      continue;
    }
    const counts = await withStore(run.scopeRoot, async (store) => {
      const reader = await store.openRun(run.row.context.runtimeRunId);
      try {
        return countPhases(await reader.actions());
      } finally {
        await reader.close();
      }
    });
    counted.push({ ...run, counts });
  }
  return counted;
}

function leftOutData({ scopeRoot, error }: LeftOut) {
  return { scope_root: scopeRoot, code: error.code };
}

/** Whole ids wherever there is room: in a pipe, and on a wide terminal. */
function idsFor(place: Place, runs: readonly FoundRun[]): (id: string) => string {
  if (!place.isTerminal || place.columns() >= columnsForWholeIds) return (id) => id;
  const short = shortIds(runs.map(({ row }) => row.context.runtimeRunId));
  return (id) => short.get(id) ?? id;
}

function columns(
  runs: readonly ShownRun[],
  nowMs: number,
  style: Style,
  idOf: (id: string) => string,
): Column<ShownRun>[] {
  return [
    { title: "RUN", value: ({ row }) => idOf(row.context.runtimeRunId) },
    {
      title: "SCOPE",
      value: ({ row }) => printable(`${row.context.scope.tenantId}/${row.context.scope.repoId}`),
      narrowest: 10,
      optional: true,
    },
    { title: "MODE", value: ({ row }) => row.context.mode, optional: true },
    {
      title: "STANDING",
      value: ({ row, counts }) => standing(row, nowMs, counts),
      paint: (cell, { row, counts }) => paintStanding(style, standing(row, nowMs, counts), cell),
    },
    // Most bundles have no criteria.
    ...(runs.some(({ judged }) => judged !== undefined)
      ? [
          {
            title: "VALIDITY",
            value: ({ judged }: ShownRun) => judged?.verdict ?? "",
            paint: (cell: string, { judged }: ShownRun) =>
              judged === undefined ? cell : paintVerdict(style, judged.verdict, cell),
          },
        ]
      : []),
    {
      title: "STARTED",
      value: ({ row }) => instant(row.startedAtMs).replace(/\.\d+Z$/, "Z"),
      optional: true,
    },
    { title: "TOOK", value: ({ row }) => elapsed(durationMs(row, nowMs)), align: "end", optional: true },
  ];
}

function paintStanding(style: Style, word: string, cell: string): string {
  switch (word) {
    case "succeeded":
      return style.good(cell);
    case "running":
      return style.busy(cell);
    case "stopping":
    case "stopped":
    case "waiting":
      return style.warn(cell);
    default:
      return style.bad(cell);
  }
}
