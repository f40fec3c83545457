/** Where the nodes of a plan without coordination stand: below what they need. Pure. */
import type { BundleFacts } from "../../evidence/facts.ts";

/** The longest way to each node along what it needs; nodes in a circle stand in the first layer. */
export function nodeLayers(nodes: BundleFacts["nodes"]): ReadonlyMap<string, number> {
  const layers = new Map<string, number>();
  let left = nodes;
  while (left.length > 0) {
    const names = new Set(left.map(({ nodeId }) => nodeId));
    const free = left.filter(({ dependsOn = [] }) => !dependsOn.some((nodeId) => names.has(nodeId)));
    if (free.length === 0) return layers;
    for (const { nodeId, dependsOn = [] } of free)
      layers.set(nodeId, Math.max(0, ...dependsOn.map((before) => (layers.get(before) ?? -1) + 1)));
    left = left.filter(({ nodeId }) => !layers.has(nodeId));
  }
  return layers;
}
