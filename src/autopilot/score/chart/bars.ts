/** The upper half of the chart: rollouts of each window as stacked bars, told apart by pattern as well as by colour. Pure. */
import type { ScoreWindow } from "../kpi.ts";
import { element, text, titled } from "./svg.ts";

/** Rollouts that started in a window, by how they ended. */
export interface BarWindow extends ScoreWindow {
  readonly kept: number;
  readonly failed: number;
  readonly rolledBack: number;
}

export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** From the bottom of a bar to its top. */
const kinds = [
  { key: "kept", label: "kept", class: "kept", pattern: undefined },
  { key: "failed", label: "failed", class: "failed", pattern: "url(#hatch)" },
  { key: "rolledBack", label: "rolled back", class: "back", pattern: "url(#dots)" },
] as const;

export const patterns = [
  element(
    "pattern",
    { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    element("rect", { width: 2.5, height: 6, class: "mark" }),
  ),
  element(
    "pattern",
    { id: "dots", width: 6, height: 6, patternUnits: "userSpaceOnUse" },
    element("circle", { cx: 3, cy: 3, r: 1.4, class: "mark" }),
  ),
].join("");

export function barsOf(windows: readonly BarWindow[], area: Area): string {
  const most = Math.max(1, ...windows.map(totalOf));
  const top = niceTop(most);
  const scale = area.height / top;
  const slot = area.width / Math.max(1, windows.length);
  const ticks = [0, top / 2, top].filter(Number.isInteger);
  const bottom = area.top + area.height;
  return [
    ...ticks.flatMap((value) => [
      element("line", {
        class: "grid",
        x1: area.left,
        x2: area.left + area.width,
        y1: bottom - value * scale,
        y2: bottom - value * scale,
      }),
      text({ class: "axis end", x: area.left - 8, y: bottom - value * scale + 4 }, String(value)),
    ]),
    ...windows.map((window, at) => bar(window, area.left + at * slot, slot, bottom, scale)),
  ].join("");
}

function bar(window: BarWindow, left: number, slot: number, bottom: number, scale: number): string {
  const width = Math.min(48, slot * 0.62);
  const x = left + (slot - width) / 2;
  let y = bottom;
  const parts = kinds.flatMap((kind) => {
    const height = window[kind.key] * scale;
    if (height === 0) return [];
    y -= height;
    const place = { x, y, width, height };
    return [
      element("rect", { ...place, class: kind.class }),
      ...(kind.pattern === undefined ? [] : [element("rect", { ...place, fill: kind.pattern })]),
    ];
  });
  const total = totalOf(window);
  return element(
    "g",
    {},
    titled(
      `${spanOf(window, window)}: ${window.kept} kept, ${window.failed} failed, ${window.rolledBack} rolled back`,
    ),
    ...parts,
    text({ class: "value middle", x: left + slot / 2, y: y - 6 }, total === 0 ? "–" : String(total)),
    text({ class: "axis middle", x: left + slot / 2, y: bottom + 18 }, endLabel(window)),
  );
}

export function legend(right: number, y: number): string {
  let x = right;
  return kinds
    .toReversed()
    .map((kind) => {
      x -= kind.label.length * 7 + 34;
      const box = { x, y: y - 11, width: 14, height: 14 };
      return [
        element("rect", { ...box, class: kind.class }),
        ...(kind.pattern === undefined ? [] : [element("rect", { ...box, fill: kind.pattern })]),
        text({ class: "axis", x: x + 20, y }, kind.label),
      ].join("");
    })
    .join("");
}

export function totalOf({ kept, failed, rolledBack }: BarWindow): number {
  return kept + failed + rolledBack;
}

/** Days are told by their date, anything shorter by its time of day. */
function endLabel({ startMs, endMs }: ScoreWindow): string {
  if (Math.abs(endMs) > 8.64e15) return "";
  const end = new Date(endMs).toISOString();
  return endMs - startMs >= 86_400_000 ? end.slice(5, 10) : end.slice(11, 16);
}

/** From the start of one window to the end of a later one, as fine as their length needs it. */
export function spanOf(first: ScoreWindow, last: ScoreWindow): string {
  const isOfDays = last.endMs - last.startMs >= 86_400_000;
  const told = (ms: number) => {
    if (Math.abs(ms) > 8.64e15) return String(ms);
    const text = new Date(ms).toISOString();
    return isOfDays ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`;
  };
  return `${told(first.startMs)} to ${told(last.endMs)} UTC`;
}

/** An even number of few digits, not below. */
function niceTop(most: number): number {
  const step = 10 ** Math.floor(Math.log10(most));
  const nice = [1, 2, 4, 6, 8, 10].find((factor) => factor * step >= most) ?? 10;
  return Math.max(2, nice * step);
}
