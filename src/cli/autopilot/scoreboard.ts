/** `akc autopilot scoreboard`: how rollouts and repairs went, and how the objectives stand. */
import { scopeName } from "../../autopilot/model.ts";
import { burnJson } from "../../autopilot/score/burn-json.ts";
import { chartSvg } from "../../autopilot/score/chart/chart.ts";
import { kpiJson } from "../../autopilot/score/scoreboard.ts";
import { systemClock } from "../../system/clock.ts";
import { writeFileAtomic } from "../../system/files.ts";
import { command } from "../command.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { readScores, type Scores } from "./score/read-scores.ts";
import { scoresText } from "./score/score-text.ts";
import { windowArgs, windowOfArgs } from "./score/window-args.ts";
import { settingsArgs, settingsEnvironment, settingsOf } from "./settings.ts";
import { namedScope, scopeArgs } from "./which-scopes.ts";

export const scoreboard = command({
  path: "autopilot scoreboard",
  summary: "Show how rollouts and repairs went, and how objectives stand.",
  notes: [
    "Everything is counted from the autopilot's own memory, at this moment; nothing has to run and no file is needed. A rollout belongs to the window in which it began.",
    "With the controller's configuration, scopes that are no longer watched are marked; what they did in the window counts all the same.",
    "Objectives are those of the configuration, else rollouts 95 % and standing 99 % over 30 days. An objective of which too little was seen is inconclusive: neither good nor bad.",
  ],
  examples: [
    { command: "akc autopilot scoreboard", says: "The last week, all scopes." },
    {
      command: "akc autopilot scoreboard --tenant-id acme --repo-id shop --window 30d --svg score.svg",
      says: "One scope, the last 30 days, and a picture of it.",
    },
    {
      command: "akc autopilot scoreboard -o json | jq '.scopes[].slos[] | select(.verdict == \"burning\")'",
      says: "Whose budget burns?",
    },
  ],
  exits: [0, 1, 2],
  environment: settingsEnvironment,
  args: {
    ...settingsArgs,
    ...scopeArgs,
    ...windowArgs,
    svg: { type: "string", valueHint: "FILE", description: "Write a picture as well." },
  },
  async run(args, session) {
    const { io } = session;
    const nowMs = systemClock.nowMs();
    const named = namedScope(args);
    const window = windowOfArgs(args, nowMs);
    const { outputsRoot, slos, watches } = await settingsOf(io, args);
    const scores = await readScores(io, {
      outputsRoot,
      named,
      window,
      nowMs,
      slosOf: slos,
      watches: await watches(),
    });
    if (args.svg !== undefined) await writeFileAtomic(args.svg, svgOf(scores));
    await session.print({ data: dataOf(scores), text: () => scoresText(scores, io.stdout) });
    if (scores.scopes.length === 0) io.words("the autopilot knows no scope here\n");
    return scores.leftOut === 0 ? 0 : 1;
  },
});

function svgOf({ scopes, bars }: Scores): string {
  const [only] = scopes;
  const alone = scopes.length === 1 && only !== undefined;
  return chartSvg({
    about: alone ? scopeName(only.scope) : `${scopes.length} scopes`,
    windows: bars,
    objectives: scopes.flatMap(({ scope, burns }) =>
      burns.map((burn) => ({ scope: alone ? "" : scopeName(scope), burn })),
    ),
  });
}

function dataOf({ scopes, total }: Scores): Plain {
  return {
    kind: "AutopilotScoreboard",
    window_start_ms: total.window.startMs,
    window_end_ms: total.window.endMs,
    scopes: scopes.map(({ scope, watched, board, burns }) => ({
      tenant_id: scope.tenantId,
      repo_id: scope.repoId,
      watched: watched ?? null,
      kpi: plainOf(kpiJson(board.kpi)),
      slos: burns.map((burn) => plainOf(burnJson(burn))),
    })),
    total: { kpi: plainOf(kpiJson(total.kpi)) },
  };
}
