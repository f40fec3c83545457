/** `akc runtime list`: the runs below an outputs root, newest first. */
import { limits } from "../../limits.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import type { Place } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import type { Style } from "../render/style.ts";
import { styleOf } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { elapsed, instant } from "../render/time.ts";
import { wholeNumber } from "../values.ts";
import { allRuns, type FoundRun, type LeftOut, locatingArgs, locatingEnvironment } from "./locate.ts";
import { durationMs, runData, standing } from "./run-view.ts";
import { shortIds } from "./short-id.ts";

const shownDefault = 50;
const columnsForWholeIds = 110;

export const list = command({
  path: "runtime list",
  summary: "List runs, newest first, and how they ended.",
  notes: [
    "A run that is `abandoned` was cut off: its process is gone and it has no outcome. Everything up to its last commit is kept.",
  ],
  examples: [
    { command: "akc runtime list --outputs-root out", says: "All runs below out/." },
    {
      command:
        "akc runtime list -o json | jq -r '.items[] | select(.standing == \"failed\") | .runtime_run_id'",
      says: "The ids of those that failed.",
    },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: {
    ...locatingArgs,
    limit: {
      type: "string",
      valueHint: "N",
      description: `Show at most N runs; ${shownDefault} by default.`,
    },
  },
  async run(args, session) {
    const max =
      args.limit === undefined
        ? shownDefault
        : wholeNumber("--limit", args.limit, { min: 1, max: limits.runsListedMax });
    const nowMs = systemClock.nowMs();
    const { runs, leftOut } = await allRuns(session.io, args);
    const shown = runs.slice(0, max);
    const place = session.io.stdout;
    await session.print({
      data: {
        kind: "RunList",
        items: shown.map((run) => runData(run, nowMs)),
        total: runs.length,
        ...(leftOut.length === 0 ? {} : { left_out: leftOut.map(leftOutData) }),
      },
      text: () =>
        shown.length === 0
          ? ""
          : table(
              shown,
              columns(nowMs, styleOf(place.color), idsFor(place, runs)),
              place.isTerminal ? place.columns() : undefined,
            ),
    });
    if (runs.length === 0 && leftOut.length === 0) {
      const here = printable(await outputsRootOf(session.io, args.outputsRoot));
      session.io.words(`no runs below ${here}; --outputs-root names another place\n`);
    }
    if (runs.length > shown.length) {
      session.io.words(`${runs.length - shown.length} older runs not shown; --limit shows more\n`);
    }
    return 0;
  },
});

function leftOutData({ scopeRoot, error }: LeftOut) {
  return { scope_root: scopeRoot, code: error.code };
}

/** Whole ids wherever there is room: in a pipe, and on a wide terminal. */
function idsFor(place: Place, runs: readonly FoundRun[]): (id: string) => string {
  if (!place.isTerminal || place.columns() >= columnsForWholeIds) return (id) => id;
  const short = shortIds(runs.map(({ row }) => row.context.runtimeRunId));
  return (id) => short.get(id) ?? id;
}

function columns(nowMs: number, style: Style, shown: (id: string) => string): Column<FoundRun>[] {
  return [
    { title: "RUN", value: ({ row }) => shown(row.context.runtimeRunId) },
    {
      title: "SCOPE",
      value: ({ row }) => printable(`${row.context.scope.tenantId}/${row.context.scope.repoId}`),
      narrowest: 10,
      optional: true,
    },
    { title: "MODE", value: ({ row }) => row.context.mode, optional: true },
    {
      title: "STANDING",
      value: ({ row }) => standing(row, nowMs),
      paint: (cell, { row }) => paintStanding(style, standing(row, nowMs), cell),
    },
    {
      title: "STARTED",
      value: ({ row }) => instant(row.startedAtMs).replace(/\.\d+Z$/, "Z"),
      optional: true,
    },
    { title: "TOOK", value: ({ row }) => elapsed(durationMs(row, nowMs)), align: "end", optional: true },
  ];
}

export function paintStanding(style: Style, word: string, cell: string): string {
  switch (word) {
    case "succeeded":
      return style.good(cell);
    case "running":
      return style.busy(cell);
    case "stopping":
    case "stopped":
      return style.warn(cell);
    default:
      return style.bad(cell);
  }
}
