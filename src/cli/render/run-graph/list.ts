/**
 * A run's graph as a list of its layers, for graphs that no terminal is wide enough for. A layer of many steps shows those that need
 * eyes and counts the rest. Pure.
 */
import { type PicturedStep, phaseOrder, type RunPicture } from "../../../picture/model.ts";
import type { Style } from "../style.ts";
import { fit, padEnd, printable, width } from "../text.ts";
import { paintOf, signOf, tally, timeOf } from "./signs.ts";

/** Steps of a layer that are shown; in plans of many layers, only those that need eyes. */
const shownMax = 12;
const layersShownWholeMax = 40;
const nameColumnsMax = 36;

export function listGraph(
  picture: Pick<RunPicture, "steps" | "edges" | "criticalPath" | "asOfMs">,
  columns: number,
  style: Style,
): readonly string[] {
  const { steps, edges, criticalPath, asOfMs } = picture;
  const layers: number[][] = [];
  for (const [number, { layer }] of steps.entries()) {
    while (layers.length <= layer) layers.push([]);
    layers[layer]?.push(number);
  }
  const needs = new Map<number, number[]>();
  for (const { from, to } of edges) needs.set(to, [...(needs.get(to) ?? []), from]);
  const critical = new Set(criticalPath);
  const nameOf = (number: number) => printable(steps[number]?.name ?? "");
  const lines: string[] = [];
  for (const [layer, numbers] of layers.entries()) {
    const members = numbers.flatMap((number) => steps[number] ?? []);
    const shown = shownOf(numbers, steps, layers.length > layersShownWholeMax);
    const head = `layer ${layer}  ${tally(members, style)}`;
    lines.push(head);
    const wide = Math.min(nameColumnsMax, Math.max(0, ...shown.map((number) => width(nameOf(number)))));
    const left = numbers.length - shown.length;
    for (const [at, number] of shown.entries()) {
      const step = steps[number];
      if (step === undefined) continue;
      const branch = at === shown.length - 1 && (left === 0 || shown.length === 0) ? "└─" : "├─";
      const name = padEnd(fit(nameOf(number), wide), wide);
      const before = (needs.get(number) ?? []).map(nameOf);
      const remark = remarkOf(step, before);
      const plain = `${branch} ${signOf(step.phase)} ${name}  ${timeOf(step, asOfMs)}${remark === "" ? "" : `  ${remark}`}`;
      const cut = fit(plain, columns - 1);
      const rest = cut.slice(branch.length + 2 + signOf(step.phase).length);
      const bold = critical.has(number)
        ? style.strong(rest.slice(0, name.length))
        : rest.slice(0, name.length);
      lines.push(
        `${style.faint(branch)} ${paintOf(step.phase, style)(signOf(step.phase))} ${bold}${style.faint(rest.slice(name.length))}`,
      );
    }
    if (left > 0 && shown.length > 0) lines.push(style.faint(`└─ and ${left} more`));
  }
  return lines;
}

function shownOf(
  numbers: readonly number[],
  steps: readonly PicturedStep[],
  isLong: boolean,
): readonly number[] {
  if (!isLong && numbers.length <= shownMax) return numbers;
  const urgent = numbers.filter((number) => {
    const phase = steps[number]?.phase;
    return phase !== "succeeded" && phase !== "waiting" && phase !== "blocked";
  });
  const rank = (number: number) => phaseOrder.indexOf(steps[number]?.phase ?? "waiting");
  return urgent.sort((left, right) => rank(left) - rank(right) || left - right).slice(0, shownMax);
}

function remarkOf(step: PicturedStep, before: readonly string[]): string {
  if (step.reason !== undefined) return printable(step.reason);
  if (before.length === 0) return "";
  const named = before.slice(0, 3).join(", ");
  return `after ${named}${before.length > 3 ? ` and ${before.length - 3} more` : ""}`;
}
