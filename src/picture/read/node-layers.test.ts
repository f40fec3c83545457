import { expect, test } from "bun:test";
import type { BundleFacts } from "../../evidence/facts.ts";
import { nodeLayers } from "./node-layers.ts";

type Node = BundleFacts["nodes"][number];

function node(nodeId: string, ...dependsOn: readonly string[]): Node {
  return { nodeId, kind: "workflow", contractId: "", initialState: "ready", name: nodeId, dependsOn };
}

test("a node stands one layer below the deepest that it needs; who is in a circle or behind one has no layer", () => {
  const layers = nodeLayers([
    node("last", "middle", "first", "of another plan"),
    node("middle", "first"),
    node("first"),
    node("round", "about"),
    node("about", "round"),
    node("behind", "about", "first"),
    node("own", "own"),
  ]);
  expect(Object.fromEntries(layers)).toEqual({ first: 0, middle: 1, last: 2 });
});
