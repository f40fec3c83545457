/**
 * How the commands call things, for the live page: the same functions that `akc lease list` and `akc autopilot status` answer
 * by. Reads only; what a command would say on stderr is not said for every look.
 */
import { openAutopilotStore } from "../../autopilot/state/open.ts";
import { AkcError } from "../../errors.ts";
import { systemClock } from "../../system/clock.ts";
import type { Words } from "../../ui/model.ts";
import { readScores } from "../autopilot/score/read-scores.ts";
import type { AutopilotSettings } from "../autopilot/settings.ts";
import { viewOf } from "../autopilot/status-data.ts";
import type { Io } from "../io.ts";
import { livenessOf, livenessText } from "../lease/liveness.ts";

export function wordsOf(io: Io, settings: AutopilotSettings): Words {
  const quiet: Io = { ...io, words: () => undefined };
  const { outputsRoot } = settings;
  return {
    holder: (lease, nowMs) => ({
      isHeld: livenessOf(lease, nowMs).kind === "held",
      text: livenessText(lease, nowMs),
    }),
    async autopilot() {
      const store = await openAutopilotStore(outputsRoot, { create: false }).catch(absent);
      if (store === undefined) return undefined;
      try {
        return await viewOf(quiet, store, settings, () => true, systemClock.nowMs());
      } finally {
        await store.close();
      }
    },
    async scores(windowMs) {
      const nowMs = systemClock.nowMs();
      const window = { startMs: nowMs - windowMs, endMs: nowMs };
      const watches = await settings.watches();
      return readScores(quiet, { outputsRoot, named: {}, window, nowMs, slosOf: settings.slos, watches });
    },
  };
}

/** No autopilot has worked there. */
function absent(cause: unknown): undefined {
  if (!(cause instanceof AkcError) || cause.code !== "FILE_NOT_FOUND") throw cause;
  return undefined;
}
