/**
 * The live picture of a run on a terminal: a few lines that are drawn over in place, stable when the window changes.
 * It never hides the cursor and never switches screens: whatever happens, the terminal stays usable.
 */
import type { Style } from "../style.ts";
import { fit, width } from "../text.ts";
import type { Board } from "./board.ts";
import { askingText, countsRow, type Header, headerRow, labelColumns, stepRow } from "./rows.ts";

export interface Screen {
  columns(): number;
  rows(): number;
  write(text: string): void;
}

/** What is shown beside the steps. */
export interface Shown {
  readonly header: Header;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** Bindings that have not answered yet. */
  readonly asking?: readonly string[];
}

const eraseToEnd = "\u001b[0J";

export class Picture {
  readonly #screen: Screen;
  readonly #style: Style;
  /** Widths of the lines on the screen now, to know how many rows they take after a resize. */
  #drawn: number[] = [];

  constructor(screen: Screen, style: Style) {
    this.#screen = screen;
    this.#style = style;
  }

  /** The lines of the picture for a window of this size. */
  lines(board: Board, { header, startedAtMs, nowMs, asking = [] }: Shown): string[] {
    const columns = Math.max(20, this.#screen.columns());
    const below = asking.length === 0 ? [] : [fit(askingText(asking), columns - 1)];
    // Header, counts and the line of the prompt stay visible below the steps.
    const stepsMax = Math.max(1, this.#screen.rows() - 4 - below.length);
    const steps = board.visible(stepsMax);
    const at = { nowMs, columns: columns - 1, labelColumns: labelColumns(steps, columns) };
    return [
      headerRow(header, columns - 1, this.#style),
      ...steps.map((step) => stepRow(step, board, at, this.#style)),
      fit(countsRow(board, nowMs - startedAtMs), columns - 1),
      ...below,
    ];
  }

  draw(lines: readonly string[]): void {
    this.#screen.write(`${this.#back()}${lines.join("\n")}\n`);
    this.#drawn = lines.map(width);
  }

  /** Writes words above the picture; the next `draw` puts it back. */
  say(text: string): void {
    this.#screen.write(`${this.#back()}${text}`);
    this.#drawn = [];
  }

  /** To the first column of the picture's first line, with everything below erased. */
  #back(): string {
    const columns = Math.max(1, this.#screen.columns());
    const rows = this.#drawn.reduce((sum, wide) => sum + Math.max(1, Math.ceil(wide / columns)), 0);
    return rows === 0 ? "" : `\u001b[${rows}F${eraseToEnd}`;
  }
}
