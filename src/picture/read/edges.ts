/** What had to be done before what: as the run kept it of its plan, and what its events tell. Pure. */
import type { BundleFacts } from "../../evidence/facts.ts";
import type { PicturedEdge } from "../model.ts";
import type { StepsFold } from "./steps.ts";

/** In order of `from`, then `to`; every pair once, and none that would close a circle. */
export function edgesOf(
  { coordination, nodes }: BundleFacts,
  steps: Pick<StepsFold, "numbers" | "actionOf" | "byNode" | "told">,
): readonly PicturedEdge[] {
  const numbers = steps.numbers();
  const found = new Map<number, { from: number; to: number; kinds: string[] }>();
  const count = numbers.size;
  const add = (from: number | undefined, to: number | undefined, kinds: readonly string[]) => {
    // Numbers follow the layers: an edge that goes back is none of a plan.
    if (from === undefined || to === undefined || from >= to) return;
    const key = from * count + to;
    const known = found.get(key);
    if (known === undefined) found.set(key, { from, to, kinds: [...kinds] });
    else for (const kind of kinds) if (!known.kinds.includes(kind)) known.kinds.push(kind);
  };
  const stepOrder = coordination?.layers.flat() ?? [];
  const places = stepOrder.map((stepId) => numbers.get(steps.actionOf(stepId) ?? ""));
  for (const { kinds, pairs } of coordination?.graph?.edges ?? []) {
    for (let at = 0; at + 1 < pairs.length; at += 2)
      add(places[pairs[at] ?? -1], places[pairs[at + 1] ?? -1], kinds);
  }
  if (coordination === undefined)
    addNeeds(nodes, steps, (from, to) => add(numbers.get(from), numbers.get(to), ["depends_on"]));
  for (const { from, to, kind } of steps.told()) add(numbers.get(from), numbers.get(to), [kind]);
  return [...found.values()].sort((left, right) => left.from - right.from || left.to - right.to);
}

/** Nodes of a plan without coordination: the actions of one wait for those of another. */
function addNeeds(
  nodes: BundleFacts["nodes"],
  steps: Pick<StepsFold, "byNode">,
  add: (from: string, to: string) => void,
): void {
  const actions = steps.byNode();
  const actionsOf = (nodeId: string) => actions.get(nodeId) ?? [];
  for (const { nodeId, dependsOn = [] } of nodes) {
    for (const before of dependsOn)
      for (const from of actionsOf(before)) for (const to of actionsOf(nodeId)) add(from, to);
  }
}
