/** What was found of a run that goes on: in words, as moments of its picture, and as the shape of docs/json-output.md. */
import type { FoundPast, StandingBefore } from "../../run/continuation/found.ts";
import type { Plain } from "../render/output.ts";
import type { Moment } from "../render/progress/board.ts";
import { counted, printable } from "../render/text.ts";

/** Names told in words; the data has all of them. */
const namesMax = 5;

/** Lines for people. */
export function foundWords(found: FoundPast): readonly string[] {
  const { afterSeq, succeeded, interrupted, pending, reopened, again, leftover } = found;
  if (afterSeq === 0) return ["the run died before its first event; it begins"];
  const why = leftover.kind === "work" ? reasons[leftover.why] : "";
  const lines = [`goes on after event ${afterSeq}${why}: ${counted(succeeded, "action")} had succeeded`];
  const say = (names: readonly string[], text: string) => {
    if (names.length > 0) lines.push(`  ${text}: ${listed(names)}`);
  };
  say(interrupted, "was under way, is done again");
  say(again, "is run again");
  say(reopened, "was cancelled, waits again");
  say(pending, "waited, waits on");
  return lines;
}

const reasons = {
  abandoned: ", its process is gone",
  stopped: ", it was stopped",
  exhausted: ", it was out of time or bounds",
  broken: ", akc or the disk failed",
  rerun: "",
} as const;

export function momentsBefore({ standing }: FoundPast): readonly Moment[] {
  return standing.map(momentBefore);
}

function momentBefore({ id, label, phase, why, signal, dueAtMs }: StandingBefore): Moment {
  const when = { id, label, atMs: 0 };
  switch (phase) {
    case "succeeded":
      return { ...when, kind: "succeeded" };
    case "suspended":
      return { ...when, kind: "suspended", signal, dueAtMs };
    case "failed":
    case "denied":
      return { ...when, kind: phase, why };
    case "blocked":
      return { ...when, kind: "blocked", by: [] };
  }
}

export function foundData(found: FoundPast): Plain {
  const { leftover, afterSeq, succeeded, interrupted, pending, reopened, again } = found;
  return {
    why: leftover.kind === "work" ? leftover.why : leftover.kind,
    after_seq: afterSeq,
    succeeded_before: succeeded,
    interrupted,
    run_again: again,
    reopened,
    pending,
  };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesMax).map(printable).join(", ");
  return names.length > namesMax ? `${shown} and ${names.length - namesMax} more` : shown;
}
