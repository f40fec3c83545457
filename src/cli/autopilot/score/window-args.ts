/** Which stretch of time a scoreboard is of, from flags: the last one of a length, or one between two moments. */
import type { ScoreWindow } from "../../../autopilot/score/kpi.ts";
import { AkcError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { duration } from "../../values.ts";

export const windowArgs = {
  window: {
    type: "string",
    valueHint: "TIME",
    description: "The last so many days or hours, e.g. 7d or 12h; else 7d.",
  },
  from: {
    type: "string",
    valueHint: "MOMENT",
    description:
      "Instead: from this moment, as 2026-11-01, 2026-11-01T08:00Z or milliseconds since the epoch.",
  },
  to: { type: "string", valueHint: "MOMENT", description: "With --from: until then; else until now." },
} as const;

/** @throws AkcError USAGE */
export function windowOfArgs(
  args: {
    readonly window?: string | undefined;
    readonly from?: string | undefined;
    readonly to?: string | undefined;
  },
  nowMs: number,
): ScoreWindow {
  if (args.from === undefined) {
    if (args.to !== undefined) throw new AkcError("USAGE", { message: "--to needs --from" });
    const range = { min: 60_000, max: limits.autopilotDurationMsMax };
    const lengthMs =
      args.window === undefined
        ? limits.autopilotScoreWindowMsDefault
        : duration("--window", args.window, range);
    return { startMs: nowMs - lengthMs, endMs: nowMs };
  }
  if (args.window !== undefined) {
    throw new AkcError("USAGE", { message: "--window and --from cannot be given together" });
  }
  const startMs = moment("--from", args.from);
  const endMs = args.to === undefined ? nowMs : moment("--to", args.to);
  if (startMs < endMs) return { startMs, endMs };
  throw new AkcError("USAGE", {
    message: args.to === undefined ? "--from is in the future" : "--from is not before --to",
  });
}

const written = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z)?$/;

function moment(flag: string, text: string): number {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : written.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isSafeInteger(ms)) return ms;
  throw new AkcError("USAGE", {
    message: `${flag} cannot be "${text}"`,
    hint: "It is a moment in UTC such as 2026-11-01, 2026-11-01T08:00Z, or milliseconds since the epoch.",
  });
}
