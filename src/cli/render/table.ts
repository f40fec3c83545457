/**
 * A table for people: aligned columns without lines. On a terminal it fits the width by cutting the columns that allow
 * it; anywhere else nothing is cut and nothing wraps.
 */
import { fit, padEnd, padStart, width } from "./text.ts";

export interface Column<Row> {
  readonly title: string;
  /** Already harmless text (`printable`), without colours. */
  value(row: Row): string;
  readonly align?: "end";
  /** How narrow it may become; absent means that it is never cut. */
  readonly narrowest?: number;
  /** Left out, the last one first and `sooner` before others, where even the narrowest lines do not fit. */
  readonly optional?: true | "sooner";
  /** Colours the finished cell. */
  paint?(cell: string, row: Row): string;
}

const gap = "  ";

/** @param columnsMax width to fit into; undefined where there is no terminal. */
export function table<Row>(
  rows: readonly Row[],
  wanted: readonly Column<Row>[],
  columnsMax: number | undefined,
): string {
  const columns = columnsMax === undefined ? wanted : fitting(rows, wanted, columnsMax);
  const cells = rows.map((row) => columns.map((column) => column.value(row)));
  const natural = columns.map((column, index) =>
    cells.reduce((widest, line) => Math.max(widest, width(line[index] ?? "")), width(column.title)),
  );
  const wide = columnsMax === undefined ? natural : shrink(natural, columns, columnsMax);
  const cellOf = (index: number, text: string) => {
    const column = columns[index];
    const room = wide[index] ?? 0;
    const cut = fit(text, room);
    if (column?.align === "end") return padStart(cut, room);
    return index === columns.length - 1 ? cut : padEnd(cut, room);
  };
  const head = columns.map((column, index) => cellOf(index, column.title)).join(gap);
  const body = rows.map((row, at) =>
    columns
      .map((column, index) => {
        const cell = cellOf(index, cells[at]?.[index] ?? "");
        return column.paint ? column.paint(cell, row) : cell;
      })
      .join(gap),
  );
  return [head, ...body].map((text) => text.trimEnd()).join("\n");
}

/** Those columns for which there is room when each is as narrow as it may be. */
function fitting<Row>(
  rows: readonly Row[],
  wanted: readonly Column<Row>[],
  columnsMax: number,
): readonly Column<Row>[] {
  let columns = wanted;
  const least = ({ title, value, narrowest }: Column<Row>) => {
    const natural = rows.reduce((widest, row) => Math.max(widest, width(value(row))), width(title));
    return Math.min(natural, narrowest ?? natural);
  };
  const leasts = new Map(wanted.map((column) => [column, least(column)]));
  const needed = () =>
    columns.reduce((sum, column) => sum + (leasts.get(column) ?? 0), gap.length * (columns.length - 1));
  while (needed() > columnsMax) {
    const left =
      columns.findLast(({ optional }) => optional === "sooner") ??
      columns.findLast(({ optional }) => optional === true);
    if (left === undefined) break;
    columns = columns.filter((column) => column !== left);
  }
  return columns;
}

/** Takes from the widest column that can give until the line fits, or nothing can give any more. */
function shrink<Row>(
  natural: readonly number[],
  columns: readonly Column<Row>[],
  columnsMax: number,
): number[] {
  const wide = [...natural];
  let over = wide.reduce((sum, room) => sum + room, gap.length * (wide.length - 1)) - columnsMax;
  while (over > 0) {
    let giver = -1;
    for (const [index, column] of columns.entries()) {
      const room = wide[index] ?? 0;
      if (column.narrowest !== undefined && room > column.narrowest && room > (wide[giver] ?? 0))
        giver = index;
    }
    if (giver < 0) break;
    wide[giver] = (wide[giver] ?? 0) - 1;
    over--;
  }
  return wide;
}
