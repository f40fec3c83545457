/**
 * Draws a small run's graph for a terminal: layers as columns from left to right, a line a step, lines between them. Undefined where
 * it does not fit; then the same is told as a list. Pure.
 */
import { layoutGraph } from "../../../picture/layout.ts";
import type { RunPicture } from "../../../picture/model.ts";
import type { Style } from "../style.ts";
import { fit, printable, width } from "../text.ts";
import { paintOf, signOf, timeOf } from "./signs.ts";
import { Sheet } from "./strokes.ts";

export type Drawable = Pick<RunPicture, "steps" | "edges" | "criticalPath" | "asOfMs">;

interface Line {
  readonly from: number;
  readonly to: number;
  /** Columns below each other that all start at the same step run on one track. */
  readonly source: number;
}

const rowsMax = 80;
const stepsMax = 200;
const nameColumnsMin = 8;

/** @param columns width of the terminal @returns lines with colours */
export function drawGraph(picture: Drawable, columns: number, style: Style): readonly string[] | undefined {
  if (picture.steps.length === 0 || picture.steps.length > stepsMax) return undefined;
  const widest = picture.steps.reduce((most, { name }) => Math.max(most, width(printable(name))), 0);
  for (const [nameColumns, timed] of [
    [widest, true],
    [widest, false],
    [Math.max(nameColumnsMin, Math.ceil(widest / 2)), false],
    [nameColumnsMin, false],
  ] as const) {
    const lines = drawn(picture, { nameColumns, timed, columns, style });
    if (lines !== undefined) return lines;
  }
  return undefined;
}

interface Wanted {
  readonly nameColumns: number;
  readonly timed: boolean;
  readonly columns: number;
  readonly style: Style;
}

function drawn(picture: Drawable, wanted: Wanted): readonly string[] | undefined {
  const { steps, edges, asOfMs } = picture;
  const layout = layoutGraph(steps, edges, {
    width: 1,
    height: 0,
    gapX: 1,
    gapY: 1,
    rowsMax: Number.MAX_SAFE_INTEGER,
  });
  const rowOf = (y: number) => Math.floor(y);
  const height = layout.places.reduce((most, { y }) => Math.max(most, rowOf(y)), 0) + 1;
  if (height > rowsMax) return undefined;
  const labels = steps.map((step) => {
    const name = fit(printable(step.name), wanted.nameColumns);
    return `${signOf(step.phase)} ${name}${wanted.timed ? ` ${timeOf(step, asOfMs)}` : ""}`;
  });
  const layerCount = layout.layers.length;
  const wide = Array.from({ length: layerCount }, () => 0);
  for (const [number, { layer }] of steps.entries())
    wide[layer] = Math.max(wide[layer] ?? 0, width(labels[number] ?? ""));
  const gaps: Line[][] = Array.from({ length: layerCount }, () => []);
  for (const [at, { from, to }] of edges.entries()) {
    const first = steps[from]?.layer ?? 0;
    const last = steps[to]?.layer ?? 0;
    const route = layout.routes[at] ?? [];
    const rows = [route[0], ...route.filter((_, point) => point % 2 === 1)].map((point) =>
      rowOf(point?.y ?? 0),
    );
    // Without its bends an edge cannot be led around what is between.
    if (rows.length !== last - first + 1) return undefined;
    for (let step = 1; step < rows.length; step += 1) {
      const source = step === 1 ? from : steps.length + at * layerCount + step;
      gaps[first + step - 1]?.push({ from: rows[step - 1] ?? 0, to: rows[step] ?? 0, source });
    }
  }
  const tracks = gaps.map(tracksOf);
  const starts: number[] = [];
  let column = 0;
  for (const [layer, columnsOf] of wide.entries()) {
    starts.push(column);
    const count = tracks[layer]?.count ?? 0;
    column += columnsOf + (layer === layerCount - 1 ? 0 : count * 2 + 3);
  }
  if (column >= wanted.columns) return undefined;
  const sheet = new Sheet();
  drawLines({ sheet, picture, gaps, tracks, starts, wide, labels, rowOf, layout });
  return painted(sheet, { picture, starts, labels, rowOf, layout, style: wanted.style });
}

interface Tracks {
  readonly count: number;
  readonly ofSource: ReadonlyMap<number, number>;
}

/** Whoever runs beside another gets a track of its own; lines that go straight need none. */
function tracksOf(lines: readonly Line[]): Tracks {
  const spans = new Map<number, { from: number; to: number }>();
  for (const { from, to, source } of lines) {
    const span = spans.get(source) ?? { from, to: from };
    spans.set(source, { from: Math.min(span.from, to, from), to: Math.max(span.to, to, from) });
  }
  const ends: { from: number; to: number }[][] = [];
  const ofSource = new Map<number, number>();
  const bySize = [...spans].sort(([, a], [, b]) => a.from - b.from || a.to - b.to);
  for (const [source, span] of bySize) {
    if (span.from === span.to) {
      ofSource.set(source, 0);
      continue;
    }
    let track = ends.findIndex((taken) => taken.every(({ from, to }) => to < span.from || from > span.to));
    if (track < 0) track = ends.push([]) - 1;
    ends[track]?.push(span);
    ofSource.set(source, track);
  }
  return { count: Math.max(1, ends.length), ofSource };
}

interface Parts {
  readonly sheet: Sheet;
  readonly picture: Drawable;
  readonly gaps: readonly (readonly Line[])[];
  readonly tracks: readonly Tracks[];
  readonly starts: readonly number[];
  readonly wide: readonly number[];
  readonly labels: readonly string[];
  readonly rowOf: (y: number) => number;
  readonly layout: ReturnType<typeof layoutGraph>;
}

function drawLines({ sheet, picture, gaps, tracks, starts, wide, labels, rowOf, layout }: Parts): void {
  for (const [layer, lines] of gaps.entries()) {
    const begin = (starts[layer] ?? 0) + (wide[layer] ?? 0) + 1;
    const end = (starts[layer + 1] ?? begin) - 2;
    for (const { from, to, source } of lines) {
      const track = begin + 1 + (tracks[layer]?.ofSource.get(source) ?? 0) * 2;
      const step = picture.steps[source];
      // From the end of the label on; a line that only passes, through the whole layer.
      const leaves =
        step === undefined
          ? (starts[layer] ?? 0) - 2
          : (starts[layer] ?? 0) + width(labels[source] ?? "") + 1;
      sheet.across(from, leaves, from === to ? end : track);
      if (from === to) continue;
      sheet.along(track, from, to);
      sheet.across(to, track, end);
    }
  }
  for (const [number, { x: _, y }] of layout.places.entries()) {
    const column = starts[picture.steps[number]?.layer ?? 0] ?? 0;
    sheet.put(rowOf(y), column, cellsOf(labels[number] ?? ""));
  }
}

/** A character of two columns takes two cells, the second one empty. */
function cellsOf(text: string): readonly string[] {
  return [...text].flatMap((char) => (width(char) === 2 ? [char, ""] : width(char) === 0 ? [] : [char]));
}

/** Colours go on last: they are characters of no width. */
function painted(
  sheet: Sheet,
  {
    picture,
    labels,
    rowOf,
    layout,
    style,
  }: Omit<Parts, "sheet" | "gaps" | "tracks" | "wide"> & { readonly style: Style },
): readonly string[] {
  const critical = new Set(picture.criticalPath);
  const rows = sheet.lines();
  const marks = new Map<number, { number: number; layer: number }[]>();
  for (const [number, { y }] of layout.places.entries()) {
    const row = rowOf(y);
    const layer = picture.steps[number]?.layer ?? 0;
    marks.set(row, [...(marks.get(row) ?? []), { number, layer }]);
  }
  return rows.map((line, row) => {
    let rest = line;
    let text = "";
    for (const { number } of (marks.get(row) ?? []).sort((a, b) => a.layer - b.layer)) {
      const step = picture.steps[number];
      const label = cellsOf(labels[number] ?? "")
        .join("")
        .trimEnd();
      const at = rest.indexOf(label);
      if (step === undefined || at < 0) continue;
      const sign = signOf(step.phase);
      const words = label.slice(sign.length);
      const strong = critical.has(number) ? style.strong(words) : words;
      text += style.faint(rest.slice(0, at)) + paintOf(step.phase, style)(sign) + strong;
      rest = rest.slice(at + label.length);
    }
    return text + style.faint(rest);
  });
}
