/**
 * What a run keeps of its plan's graph so that it can be drawn when the bundle is long gone: numbers instead of names, since a plan
 * may have a hundred thousand edges. Pure; it never decides whether something is drawn.
 */
import type { GraphNode, LoadedCoordination } from "../bundle/model.ts";
import { roleFinder } from "../coordination/roles.ts";
import { limits } from "../limits.ts";
import type { GraphFacts } from "./facts.ts";

/** Empty for a plan with more edges than are kept. */
export function graphFacts(
  { spec, plan, orchestration, nodeOfStep }: LoadedCoordination,
  nodes: readonly GraphNode[],
): { readonly graph?: GraphFacts } {
  if (plan.precedence.length > limits.keptEdgesMax) return {};
  const stepNumbers = new Map(plan.stepOrder.map((stepId, index) => [stepId, index]));
  const nodeNumbers = new Map(nodes.map(({ nodeId }, index) => [nodeId, index]));
  const roleOf = roleFinder(spec, orchestration);
  const roles = new Map<string, number>();
  const stepRoles = plan.stepOrder.map((stepId) => {
    const role = roleOf(stepId);
    const known = roles.get(role);
    if (known !== undefined) return known;
    roles.set(role, roles.size);
    return roles.size - 1;
  });
  const groups = new Map<string, { readonly kinds: readonly string[]; readonly pairs: number[] }>();
  for (const { src, dst, kinds } of plan.precedence) {
    const from = stepNumbers.get(src);
    const to = stepNumbers.get(dst);
    if (from === undefined || to === undefined) continue;
    const key = kinds.join(",");
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { kinds, pairs: [from, to] });
    else group.pairs.push(from, to);
  }
  return {
    graph: {
      roles: [...roles.keys()],
      stepRoles,
      stepNodes: plan.stepOrder.map((stepId) => nodeNumbers.get(nodeOfStep.get(stepId) ?? "") ?? -1),
      edges: [...groups.values()],
    },
  };
}
