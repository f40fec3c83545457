/**
 * A picture of how rollouts went and how objectives stand: one SVG that needs nothing beside it. It is read without colours by its
 * patterns, marks and words, without eyes by its title and description, and follows the reader's light or dark.
 * Pure; text from scopes and configuration can never become markup.
 */
import { tiersOf } from "../burn.ts";
import { type BarWindow, barsOf, legend, patterns, spanOf, totalOf } from "./bars.ts";
import { type Objective, objectiveRow, objectivesHead, objectiveWords, rowHeight } from "./objectives.ts";
import { element, escaped, text } from "./svg.ts";

export interface Chart {
  /** `acme/shop`, `3 scopes`. */
  readonly about: string;
  /** One after the other, oldest first. */
  readonly windows: readonly BarWindow[];
  readonly objectives: readonly Objective[];
}

const width = 960;
const bars = { left: 56, top: 96, width: width - 80, height: 180 };
const headAt = bars.top + bars.height + 84;
const objectivesShownMax = 24;

export function chartSvg({ about, windows, objectives }: Chart): string {
  const shown = objectives.slice(0, objectivesShownMax);
  const more = objectives.length - shown.length;
  const height = headAt + 20 + Math.max(1, shown.length) * rowHeight + (more > 0 ? 24 : 0);
  const nothing = { startMs: 0, endMs: 0 };
  const span = spanOf(windows[0] ?? nothing, windows.at(-1) ?? nothing);
  const title = `Rollouts and objectives of ${about}`;
  const all = (of: (window: BarWindow) => number) => windows.reduce((sum, window) => sum + of(window), 0);
  const words = [
    `From ${span}: ${all(totalOf)} rollouts, ${all((one) => one.kept)} kept, ${all((one) => one.failed)} failed, ${all((one) => one.rolledBack)} rolled back.`,
    ...shown.map(objectiveWords),
  ].join(" ");
  const content = [
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="words">${escaped(words)}</desc>`,
    `<style>${style}</style>`,
    element("defs", {}, patterns),
    element("rect", { class: "paper", width, height }),
    text({ class: "title", x: 24, y: 36 }, title),
    text({ class: "axis", x: 24, y: 58 }, `Rollouts by the window in which they began, ${span}`),
    legend(width - 24, 36),
    barsOf(windows, bars),
    text({ class: "subtitle", x: 24, y: headAt - 28 }, "Objectives"),
    shown.length === 0
      ? text({ class: "axis", x: 24, y: headAt }, "none are configured")
      : objectivesHead(headAt, tiersOf(0)),
    ...shown.map((objective, at) => objectiveRow(objective, headAt + 14 + at * rowHeight)),
    more > 0 ? text({ class: "axis", x: 24, y: height - 12 }, `and ${more} more`) : "",
  ];
  return `${element(
    "svg",
    {
      xmlns: "http://www.w3.org/2000/svg",
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      role: "img",
      "aria-labelledby": "title words",
    },
    ...content,
  )}\n`;
}

// Blue, vermilion and yellow stay apart for all common kinds of colour blindness; what they say is in the patterns as well.
const style = [
  "svg{--paper:#fff;--ink:#1b1f24;--faint:#59636e;--grid:#d8dee4;--kept:#2f7fc1;--failed:#d55e00;--back:#e6b422;--mark:#1b1f24}",
  "@media(prefers-color-scheme:dark){svg{--paper:#0f1419;--ink:#e6edf3;--faint:#9da7b3;--grid:#2d343c;--kept:#4aa3e8;--failed:#ff8a3d;--back:#f2cc60;--mark:#0f1419}}",
  "text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px;fill:var(--ink)}",
  ".paper{fill:var(--paper)}.title{font-size:18px;font-weight:600}.subtitle{font-size:15px;font-weight:600}",
  ".axis{fill:var(--faint)}.name{font-size:13px;font-weight:600}.value{font-size:13px}.alarm{font-weight:700}",
  ".middle{text-anchor:middle}.end{text-anchor:end}",
  ".grid{stroke:var(--grid)}.kept{fill:var(--kept)}.failed{fill:var(--failed)}.back{fill:var(--back)}.mark{fill:var(--mark)}",
  ".frame{fill:none;stroke:var(--faint)}.dashed{stroke-dasharray:4 3}",
].join("");
