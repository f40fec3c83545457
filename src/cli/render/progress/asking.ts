/**
 * One line about outside systems that have not answered yet, drawn over in place on a terminal and nowhere else. It is gone when the
 * last one has answered, and never part of a result.
 */
import type { AskingWatch } from "../../../run/settle.ts";
import type { Io } from "../../io.ts";
import { styleOf } from "../style.ts";
import { fit, printable } from "../text.ts";
import { elapsed } from "../time.ts";
import { Picture } from "./picture.ts";
import { askingText } from "./rows.ts";

/** Often enough to look alive, rare enough to cost nothing. */
const frameMs = 100;

export interface AskingLine extends AskingWatch {
  /** Words from elsewhere, one line without its end. */
  say(text: string): void;
  /** Takes the line away. May be called again. */
  finish(): void;
}

export function askingLine(io: Io, nowMs: () => number): AskingLine {
  if (!io.stderr.canRedraw) {
    const silent = () => undefined;
    const say = (text: string) => io.words(`${text}\n`);
    return { began: silent, answered: silent, noted: (note) => say(printable(note)), say, finish: silent };
  }
  const screen = {
    columns: () => io.stderr.columns(),
    rows: () => io.stderr.rows(),
    write: (text: string) => io.words(text),
  };
  const picture = new Picture(screen, styleOf(io.stderr.color));
  const waiting = new Set<string>();
  let beganAtMs = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const draw = () => {
    if (waiting.size === 0) return picture.say("");
    const line = `${askingText([...waiting])} · ${elapsed(nowMs() - beganAtMs)}`;
    picture.draw([fit(line, Math.max(20, io.stderr.columns()) - 1)]);
  };
  return {
    began(bindingIds) {
      beganAtMs = nowMs();
      for (const id of bindingIds) waiting.add(id);
      timer ??= setInterval(draw, frameMs);
    },
    answered: ({ bindingId }) => waiting.delete(bindingId),
    noted: (note) => picture.say(`${printable(note)}\n`),
    say: (text) => picture.say(`${text}\n`),
    finish() {
      clearInterval(timer);
      waiting.clear();
      draw();
    },
  };
}
