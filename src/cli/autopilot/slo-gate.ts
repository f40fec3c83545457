/**
 * `akc autopilot slo-gate`: the documented checker of scoreboard files, of akc and of the old runtime.
 *
 * Source: spec cli §16.3.
 */
import { existsSync } from "node:fs";
import { readScoreboards } from "../../autopilot/chronicle/scoreboard-files.ts";
import { checkSlos, type SloFailure, type SloReport } from "../../autopilot/score/slo-check.ts";
import { readSloTargets, usualTargets } from "../../autopilot/score/slo-targets.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";
import { command, commonArgs } from "../command.ts";
import type { Place } from "../io.ts";
import { styleOf } from "../render/style.ts";
import { table } from "../render/table.ts";
import { counted, printable } from "../render/text.ts";
import { instant } from "../render/time.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { namedScope, scopeArgs } from "./which-scopes.ts";

const shippedPath = "configs/slo/reliability_scoreboard_targets.json";

export const sloGate = command({
  path: "autopilot slo-gate",
  summary: "Check the last scoreboards of every scope against targets; exit 2 where one is missed.",
  notes: [
    "It reads files: `.akc/autopilot/scoreboards/` of every scope. Of each scope the last windows count, as many as the targets ask for, and each must begin where the one before it ended.",
    "A figure that a scoreboard does not have, a file that is none, and an outputs root without any scoreboard have failed.",
  ],
  examples: [
    { command: "akc autopilot slo-gate --outputs-root out", says: "By the targets that akc ships." },
    {
      command:
        "akc autopilot slo-gate --outputs-root out --targets-path slo.json --tenant-id acme --repo-id shop --format json",
      says: "One scope, by other targets, for a pipeline.",
    },
  ],
  exits: [0, 2],
  environment: settingsEnvironment,
  args: {
    ...settingsArgs,
    ...scopeArgs,
    output: { ...commonArgs.output, alias: ["o", "format"] },
    targetsPath: {
      type: "string",
      valueHint: "FILE",
      description: `The targets; else ${shippedPath} of the working directory, else those that akc ships.`,
    },
  },
  async run(args, session) {
    const named = namedScope(args);
    const path = args.targetsPath ?? (existsSync(shippedPath) ? shippedPath : undefined);
    const targets =
      path === undefined
        ? usualTargets
        : readSloTargets(await readFileBounded(path, limits.autopilotScoreboardBytesMax), path);
    const { outputsRoot } = await settingsOf(session.io, args);
    const { boards, unreadable } = await readScoreboards(outputsRoot, named);
    const report = checkSlos(boards, unreadable, targets);
    for (const { path: file, why } of unreadable) {
      session.io.words(`warning: ${printable(file)}: ${printable(why)}\n`);
    }
    await session.print({
      data: { ...report, failures: report.failures.map((failure) => ({ ...failure })) },
      text: () => reportText(report, session.io.stdout),
    });
    return report.passed ? 0 : 2;
  },
});

function reportText(report: SloReport, place: Place): string {
  const style = styleOf(place.color);
  const { scopes_evaluated: scopes, required_consecutive_windows: windows } = report;
  const about = `${counted(scopes.length, "scope")}, ${counted(windows, "window")} each`;
  if (report.passed) return `${style.good("passed")}  ${about}`;
  const rows = table<SloFailure>(
    report.failures,
    [
      { title: "SCOPE", value: ({ scope }) => printable(scope ?? "any"), narrowest: 10 },
      {
        title: "WINDOW ENDS",
        value: ({ window_end_ms: at }) => (at === null ? "–" : instant(at).slice(0, 16)),
      },
      { title: "FIGURE", value: ({ metric }) => printable(metric), narrowest: 16 },
      {
        title: "IS",
        value: ({ actual }) => printable(String(actual ?? "missing")),
        align: "end",
        narrowest: 7,
      },
      { title: "MUST BE", value: wantedText },
    ],
    place.isTerminal ? place.columns() : undefined,
  );
  return `${style.bad("failed")}  ${about}\n\n${rows}`;
}

function wantedText({ comparator, expected }: SloFailure): string {
  switch (comparator) {
    case "present":
      return "there";
    case "adjacent":
      return `${expected}, where the one before ended`;
    default:
      return `${signs[comparator]} ${expected}`;
  }
}

const signs = { gte: "≥", lte: "≤", gt: ">", lt: "<" } as const;
