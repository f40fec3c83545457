/** Where the nodes of a plan without coordination stand: below what they need. Pure. */
import type { BundleFacts } from "../../evidence/facts.ts";
import { layersReached } from "../../reconciler/order.ts";

/** The longest way to each node along what it needs; nodes in a circle, and those behind one, have no layer. */
export function nodeLayers(nodes: BundleFacts["nodes"]): ReadonlyMap<string, number> {
  return layersReached(nodes.map(({ nodeId, dependsOn = [] }) => ({ resourceId: nodeId, dependsOn })));
}
