/**
 * How a divergence is told: for people as a few aligned lines, for programs by its documented keys.
 */
import { errorCodes } from "../../errors.ts";
import type { Divergence } from "../../replay/divergence.ts";
import type { Verification } from "../../replay/verify.ts";
import type { Io } from "../io.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";

/** How many are shown whole with `--all`. */
export const divergencesShownMax = 50;

export function divergenceData({ place, event_seq, event_type, name, expected, found }: Divergence): {
  readonly [key: string]: Plain;
} {
  return { place, event_seq, event_type, name, expected, found };
}

export function divergenceText(divergence: Divergence): string {
  const { place, event_seq: seq, event_type: type, name, expected, found } = divergence;
  const rows = [
    ["place", place],
    ...(seq === null ? [] : [["event", `${seq}${type === null ? "" : ` ${type}`}`]]),
    ["name", name],
    ["expected", expected],
    ["found", found],
  ];
  return rows.map(([key, value]) => `  ${(key ?? "").padEnd(8)}  ${printable(value ?? "")}`).join("\n");
}

/** On stderr, for logs and for people who look at the first line only. */
export function sayDiverged(io: Io, { divergences, divergenceCount }: Verification): void {
  const { message, hint } = errorCodes.REPLAY_DIVERGED;
  const [first] = divergences;
  const more = divergenceCount > 1 ? `\n  and ${divergenceCount - 1} more` : "";
  const text = first === undefined ? "" : `\n${divergenceText(first)}`;
  io.words(`error: ${message} [REPLAY_DIVERGED]${text}${more}\nhint: ${hint}\n`);
}
