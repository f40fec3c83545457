/**
 * Shows a run while it goes: a live picture on a terminal, one line for each finished, failed, retried or blocked action
 * anywhere else. Words only: everything goes to stderr.
 */
import type { AskingWatch } from "../../../run/settle.ts";
import type { Io } from "../../io.ts";
import { styleOf } from "../style.ts";
import { printable } from "../text.ts";
import { Board, type Moment, type PlannedStep } from "./board.ts";
import { Picture } from "./picture.ts";
import { answerLine, askingPlainLine, countsRow, type Header, headerRow, plainLine } from "./rows.ts";

export interface Watcher {
  /** @param before what happened before anybody watched */
  planned(header: Header, steps: readonly PlannedStep[], before?: readonly Moment[]): void;
  happened(moment: Moment): void;
  /** Outside systems are asked, now that the work is done. */
  readonly asking: AskingWatch;
  /** Words from elsewhere, one line without its end. */
  say(text: string): void;
  /** The last picture, or the last line. */
  finish(): void;
}

/** Often enough to look alive, rare enough to cost nothing. */
const frameMs = 100;

export function watchRun(io: Io, nowMs: () => number): Watcher {
  return io.stderr.canRedraw ? new LiveWatcher(io, nowMs) : new PlainWatcher(io, nowMs);
}

/** For `--quiet`. */
export const silentWatcher: Watcher = {
  planned: () => undefined,
  happened: () => undefined,
  asking: { began: () => undefined, answered: () => undefined, noted: () => undefined },
  say: () => undefined,
  finish: () => undefined,
};

class LiveWatcher implements Watcher {
  readonly #board = new Board();
  readonly #picture: Picture;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  #header: Header | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #unanswered = new Set<string>();
  readonly asking: AskingWatch = {
    began: (ids) => {
      for (const id of ids) this.#unanswered.add(id);
    },
    answered: ({ bindingId }) => this.#unanswered.delete(bindingId),
    noted: (note) => this.say(printable(note)),
  };

  constructor(io: Io, nowMs: () => number) {
    const screen = {
      columns: () => io.stderr.columns(),
      rows: () => io.stderr.rows(),
      write: (text: string) => io.words(text),
    };
    this.#picture = new Picture(screen, styleOf(io.stderr.color));
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
  }

  planned(header: Header, steps: readonly PlannedStep[], before: readonly Moment[] = []): void {
    this.#header = header;
    this.#board.plan(steps, before);
    this.#timer ??= setInterval(() => this.#draw(), frameMs);
    this.#draw();
  }

  happened(moment: Moment): void {
    this.#board.apply(moment);
  }

  say(text: string): void {
    this.#picture.say(`${text}\n`);
    this.#draw();
  }

  finish(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unanswered.clear();
    this.#draw();
  }

  #draw(): void {
    if (this.#header === undefined) return;
    const shown = {
      header: this.#header,
      startedAtMs: this.#startedAtMs,
      nowMs: this.#nowMs(),
      asking: [...this.#unanswered],
    };
    this.#picture.draw(this.#picture.lines(this.#board, shown));
  }
}

class PlainWatcher implements Watcher {
  readonly #board = new Board();
  readonly #io: Io;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  /** Lines since the last write: a hundred thousand small writes would cost more than the steps. */
  #unwritten: string[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #finished = false;
  readonly asking: AskingWatch = {
    began: (ids) => this.say(askingPlainLine(ids)),
    answered: (answer) => this.say(answerLine(answer)),
    noted: (note) => this.say(printable(note)),
  };

  constructor(io: Io, nowMs: () => number) {
    this.#io = io;
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
  }

  planned(header: Header, steps: readonly PlannedStep[], before: readonly Moment[] = []): void {
    this.#board.plan(steps, before);
    this.say(headerRow(header, Number.POSITIVE_INFINITY, styleOf(false)));
  }

  happened(moment: Moment): void {
    const text = plainLine(this.#board.apply(moment));
    if (text !== undefined) this.say(text);
  }

  say(text: string): void {
    this.#unwritten.push(text);
    this.#timer ??= setTimeout(() => this.#write(), frameMs);
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    if (this.#board.total > 0) {
      this.#unwritten.push(countsRow(this.#board, this.#nowMs() - this.#startedAtMs));
    }
    this.#write();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unwritten.length === 0) return;
    this.#io.words(`${this.#unwritten.join("\n")}\n`);
    this.#unwritten = [];
  }
}
