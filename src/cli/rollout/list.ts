/** `akc rollout list`: rollouts, newest first, and where they stand. */
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { styleOf } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { instant } from "../render/time.ts";
import { locatingArgs, locatingEnvironment } from "../runtime/locate.ts";
import { wholeNumber } from "../values.ts";
import { allRollouts, type FoundRollout } from "./find-rollout.ts";
import { paintPhase, rolloutData, standingText } from "./rollout-words.ts";

const shownDefault = 20;
const shownMax = 1_000;

export const list = command({
  path: "rollout list",
  summary: "List rollouts, newest first, and where they stand.",
  examples: [
    { command: "akc rollout list", says: "The newest ones." },
    {
      command: "akc rollout list -o json | jq '.items[] | select(.phase == \"paused\")'",
      says: "Those that wait for a person.",
    },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: {
    limit: { type: "string", valueHint: "N", description: `How many; else ${shownDefault}.` },
    ...locatingArgs,
  },
  async run(args, session) {
    const limit =
      args.limit === undefined ? shownDefault : wholeNumber("--limit", args.limit, { min: 1, max: shownMax });
    const nowMs = systemClock.nowMs();
    const shown = (await allRollouts(session.io, args, limit)).slice(0, limit);
    const place = session.io.stdout;
    await session.print({
      data: {
        kind: "RolloutList",
        items: shown.map(({ rollout }) => {
          const { resources, ...about } = rolloutData(rollout, nowMs);
          return { ...about, resource_count: rollout.units.length };
        }),
        total: shown.length,
      },
      text: () =>
        shown.length === 0
          ? ""
          : table(shown, columns(nowMs, place.color), place.isTerminal ? place.columns() : undefined),
    });
    if (shown.length === 0) session.io.words("there was no rollout here\n");
    return 0;
  },
});

function columns(nowMs: number, color: boolean): readonly Column<FoundRollout>[] {
  const style = styleOf(color);
  return [
    { title: "ROLLOUT", value: ({ rollout }) => rollout.rolloutId },
    { title: "STRATEGY", value: ({ rollout }) => rollout.strategy.kind, optional: true },
    {
      title: "RESOURCES",
      value: ({ rollout }) => String(rollout.units.length),
      align: "end",
      optional: true,
    },
    {
      title: "STARTED",
      value: ({ rollout }) => instant(rollout.startedMs).replace(/\.\d+Z$/, "Z"),
      optional: true,
    },
    {
      title: "PHASE",
      value: ({ rollout }) => standingText(rollout, nowMs),
      narrowest: 20,
      paint: (cell, { rollout }) => paintPhase(rollout, style)(cell),
    },
  ];
}
