import { expect, test } from "bun:test";
import { drawPlan } from "./draw.ts";
import type { CoordinationEdge } from "./model.ts";
import { schedule } from "./schedule.ts";

const diamond = planOf([
  ["checkout", "lint"],
  ["checkout", "test"],
  ["lint", "package"],
  ["test", "package"],
]);

test("a plan as a Mermaid flowchart has a node a step and a labelled arrow an arc", () => {
  expect(drawPlan(diamond, "mermaid")).toBe(`flowchart TD
  s0["checkout"]
  s1["lint"]
  s2["test"]
  s3["package"]
  s0 -->|"barrier"| s1
  s0 -->|"barrier"| s2
  s1 -->|"barrier"| s3
  s2 -->|"barrier"| s3
`);
});

test("a plan as a digraph keeps layers on one rank", () => {
  expect(drawPlan(diamond, "dot")).toBe(`digraph plan {
  rankdir=TB;
  node [shape=box];
  s0 [label="checkout"];
  s1 [label="lint"];
  s2 [label="test"];
  s3 [label="package"];
  { rank=same; s0; }
  { rank=same; s1; s2; }
  { rank=same; s3; }
  s0 -> s1 [label="barrier"];
  s0 -> s2 [label="barrier"];
  s1 -> s3 [label="barrier"];
  s2 -> s3 [label="barrier"];
}
`);
});

test("a plan for a terminal has a line a step, aligned, with what it waits for", () => {
  expect(drawPlan(diamond, "tree")).toBe(`layer 0  1 step
└─ checkout
layer 1  2 steps
├─ lint  waits for checkout
└─ test  waits for checkout
layer 2  1 step
└─ package  waits for lint, test
`);
  expect(drawPlan(planOf([]), "tree")).toBe("no steps\n");
});

test("a step that waits for many says how many more, and every line fits 100 columns", () => {
  const many = Array.from({ length: 50 }, (_, index): [string, string] => [`predecessor_${index}`, "join"]);
  const tree = drawPlan(planOf(many), "tree");
  expect(tree).toContain("└─ join  waits for predecessor_0, predecessor_1, predecessor_10 and 47 more\n");
  for (const line of tree.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(100);
});

test("no id can leave its label, draw on the terminal or turn the text around", () => {
  const nasty = planOf([['"]; x["', "a\\n\u001b[31m\n\u202e<b>&#`"]]);
  expect(drawPlan(nasty, "mermaid").split("\n").slice(1, 3)).toEqual([
    '  s0["#34;]; x[#34;"]',
    '  s1["a#92;n#92;u{1b}[31m#92;u{a}#92;u{202e}#60;b#62;#38;#35;#96;"]',
  ]);
  expect(drawPlan(nasty, "dot")).toContain('s0 [label="\\"]; x[\\""];');
  const tree = drawPlan(nasty, "tree");
  expect(tree).toContain("a\\n\\u{1b}[31m\\u{a}\\u{202e}<b>&#`");
  for (const hidden of ["\u001b", "\u202e"]) expect(tree).not.toContain(hidden);
});

function planOf(arcs: readonly (readonly [string, string])[]): ReturnType<typeof schedule> {
  const edges = arcs.map(
    ([src, dst], index): CoordinationEdge => ({ edgeId: `e${index}`, kind: "barrier", src, dst }),
  );
  const scope = { tenantId: "t", repoId: "p" };
  return schedule({ version: 2, scope, runId: "r", nodes: [], edges, bindings: [], roles: [] });
}
