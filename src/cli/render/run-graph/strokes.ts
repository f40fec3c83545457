/** A sheet of characters on which lines of box-drawing meet as lines do. It knows nothing of graphs. */

const [up, right, down, left] = [1, 2, 4, 8];
/** By which sides meet; ends of lines are drawn through, so that they touch what they lead to. */
const strokes = " │─└││┌├─┘─┴┐┤┬┼";

export class Sheet {
  readonly #rows: { lines: number; char: string | undefined }[][] = [];

  /** From one column to another in a row, both included. */
  across(row: number, from: number, to: number): void {
    const [first, last] = from <= to ? [from, to] : [to, from];
    for (let column = first; column < last; column += 1) {
      this.#cell(row, column).lines |= right;
      this.#cell(row, column + 1).lines |= left;
    }
  }

  /** From one row to another in a column, both included. */
  along(column: number, from: number, to: number): void {
    const [first, last] = from <= to ? [from, to] : [to, from];
    for (let row = first; row < last; row += 1) {
      this.#cell(row, column).lines |= down;
      this.#cell(row + 1, column).lines |= up;
    }
  }

  /** Characters over whatever is there; each one column wide. */
  put(row: number, column: number, text: readonly string[]): void {
    for (const [at, char] of text.entries()) this.#cell(row, column + at).char = char;
  }

  lines(): string[] {
    return this.#rows.map((cells) =>
      Array.from(cells, (cell) => (cell === undefined ? " " : (cell.char ?? strokes[cell.lines] ?? " ")))
        .join("")
        .trimEnd(),
    );
  }

  #cell(row: number, column: number) {
    while (this.#rows.length <= row) this.#rows.push([]);
    const cells = this.#rows[row] ?? [];
    while (cells.length <= column) cells.push({ lines: 0, char: undefined });
    const cell = cells[column];
    if (cell === undefined) throw new RangeError(`no cell ${row}, ${column}`);
    return cell;
  }
}
