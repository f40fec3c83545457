/**
 * Draws a plan: as a Mermaid flowchart, as a Graphviz digraph, or as a list of layers for a terminal.
 * Every text that comes from a spec is escaped for where it goes; a drawing is for people and nothing reads it back.
 *
 * Source: https://mermaid.js.org/syntax/flowchart.html, https://graphviz.org/doc/info/lang.html
 */
import type { CoordinationPlan } from "./model.ts";
import { Numbering } from "./text/numbering.ts";

const drawFormats = ["mermaid", "dot", "tree"] as const;
export type DrawFormat = (typeof drawFormats)[number];

/** Ends with a newline. */
export function drawPlan(plan: CoordinationPlan, format: DrawFormat): string {
  const lines = drawings[format](plan);
  return `${lines.join("\n")}\n`;
}

const drawings: Record<DrawFormat, (plan: CoordinationPlan) => readonly string[]> = {
  mermaid: drawMermaid,
  dot: drawDot,
  tree: drawTree,
};

function drawMermaid({ stepOrder, precedence }: CoordinationPlan): readonly string[] {
  const names = namesOf(stepOrder);
  return [
    "flowchart TD",
    ...stepOrder.map((stepId) => `  ${names(stepId)}["${mermaidText(stepId)}"]`),
    ...precedence.map(({ src, dst, kinds }) => `  ${names(src)} -->|"${kinds.join(", ")}"| ${names(dst)}`),
  ];
}

function drawDot({ layers, stepOrder, precedence }: CoordinationPlan): readonly string[] {
  const names = namesOf(stepOrder);
  return [
    "digraph plan {",
    "  rankdir=TB;",
    "  node [shape=box];",
    ...stepOrder.map((stepId) => `  ${names(stepId)} [label="${dotText(stepId)}"];`),
    ...layers.map((stepIds) => `  { rank=same; ${stepIds.map(names).join("; ")}; }`),
    ...precedence.map(
      ({ src, dst, kinds }) => `  ${names(src)} -> ${names(dst)} [label="${kinds.join(", ")}"];`,
    ),
    "}",
  ];
}

/** Names that are safe in any language: step ids may hold anything, and some are its keywords. */
function namesOf(stepOrder: readonly string[]): (stepId: string) => string {
  const numbers = new Numbering();
  for (const stepId of stepOrder) numbers.of(stepId);
  return (stepId) => `s${numbers.of(stepId)}`;
}

function drawTree({ layers, precedence }: CoordinationPlan): readonly string[] {
  if (layers.length === 0) return ["no steps"];
  const predecessors = new Map<string, string[]>();
  for (const { src, dst } of precedence) {
    const known = predecessors.get(dst);
    if (known === undefined) predecessors.set(dst, [src]);
    else known.push(src);
  }
  const lines: string[] = [];
  for (const [index, stepIds] of layers.entries()) {
    lines.push(`layer ${index}  ${stepIds.length === 1 ? "1 step" : `${stepIds.length} steps`}`);
    const labels = stepIds.map(visible);
    const width = Math.min(columnMax, Math.max(...labels.slice(0, labelsMeasuredMax).map(columns)));
    for (const [at, stepId] of stepIds.entries()) {
      const branch = at === stepIds.length - 1 ? "└─" : "├─";
      lines.push(`${branch} ${treeLine(labels[at] ?? "", predecessors.get(stepId) ?? [], width)}`);
    }
  }
  return lines;
}

function treeLine(label: string, predecessors: readonly string[], width: number): string {
  if (predecessors.length === 0) return label;
  const padding = " ".repeat(Math.max(0, width - columns(label)));
  return `${label}${padding}  waits for ${listed(predecessors)}`;
}

/** As many ids as fit a terminal beside the step, then how many more there are; always at least one. */
function listed(stepIds: readonly string[]): string {
  let text = "";
  for (const [at, stepId] of stepIds.entries()) {
    const next = at === 0 ? visible(stepId) : `${text}, ${visible(stepId)}`;
    if (at > 0 && columns(next) > waitsForMax) return `${text} and ${stepIds.length - at} more`;
    text = next;
  }
  return text;
}

/** Columns of the step ids and of the ids they wait for: together about the width of a terminal. */
const columnMax = 40;
const waitsForMax = 48;
/** A layer of 100 000 steps is not measured whole to align it. */
const labelsMeasuredMax = 1_000;

function columns(text: string): number {
  return Bun.stringWidth(text);
}

/** Escape sequences, line ends and characters that turn the direction of text become readable, so that an id cannot draw over others. */
function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => {
    return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** Inside a quoted label; what Mermaid or a browser would take as markup becomes an entity. */
function mermaidText(text: string): string {
  return visible(text).replace(/["#<>&`\\]/g, (char) => `#${char.charCodeAt(0)};`);
}

/** Inside a quoted string, where Graphviz knows `\n`, `\N` and others. */
function dotText(text: string): string {
  return visible(text).replace(/["\\]/g, (char) => `\\${char}`);
}
