/**
 * Writes the order of steps and who takes them down as a coordination spec, and the orchestration that gives every step its
 * node. Both stand in the bundle itself.
 *
 * Source: spec kernel §11, §12.
 */
import { compareCodePoints } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";
import type { Edge } from "../check/order.ts";
import { callerRole, plainRole } from "../check/reach.ts";
import { merged } from "../merge.ts";
import type { Planned, PlannedStep } from "../planned.ts";
import type { RoleForm } from "../tables/plan.ts";
import { present } from "./plain-members.ts";

export function scopeOf({ form }: Planned): JsonObject {
  return { tenant_id: form.scope.tenantId, repo_id: form.scope.repoId, run_id: form.name };
}

export function orchestrationOf(planned: Planned): JsonObject {
  return {
    ...scopeOf(planned),
    steps: planned.steps.map(({ id, role }) => ({ step_id: id, role, inputs: { ir_node_id: id } })),
  };
}

export function coordinationOf(planned: Planned): JsonObject {
  const { steps, form } = planned;
  const used = new Set(steps.map(({ role }) => role));
  const named = new Map<string, RoleForm>(form.roles ?? []);
  if (used.has(plainRole) && !named.has(plainRole)) named.set(plainRole, {});
  if (used.has(callerRole) && !named.has(callerRole)) named.set(callerRole, { network: true });
  const roles = [...named].sort(([one], [other]) => compareCodePoints(one, other));
  return {
    spec_version: 2,
    ...scopeOf(planned),
    agent_roles: roles.map(([name, { tools = [] }]) => ({ name, tools })),
    orchestration_bindings: bindingsOf(steps),
    coordination_graph: {
      nodes: steps.map(({ id, form: own }) => ({ node_id: id, kind: "step", label: labelOf(own, id) })),
      edges: steps.flatMap(edgesOf),
    },
    governance: {
      max_steps: steps.length,
      role_profiles: Object.fromEntries(roles.map(([name, role]) => [name, profileOf(role)])),
    },
  };
}

/** What people and agents read of a step. */
function labelOf({ title, agent }: PlannedStep["form"], id: string): string {
  return agent?.task ?? title ?? id;
}

function bindingsOf(steps: readonly PlannedStep[]): readonly JsonObject[] {
  const groups = Map.groupBy(steps, ({ role, form }) => JSON.stringify([role, form.agent?.name ?? role]));
  return [...groups.values()].map((group) => {
    const [first] = group;
    const role = first?.role ?? plainRole;
    return {
      role_name: role,
      agent_name: first?.form.agent?.name ?? role,
      orchestration_step_ids: group.map(({ id }) => id),
    };
  });
}

function edgesOf(step: PlannedStep): readonly JsonObject[] {
  const edges = step.edges.map((edge) => edgeOf(edge));
  const delegate = step.form.agent?.delegate;
  if (delegate === undefined) return edges;
  // An edge from a step to itself orders nothing; it only says who does the work.
  const own: Edge = { from: step.id, to: step.id, kind: "delegate", target: delegate, path: step.path };
  return [...edges, edgeOf(own)];
}

function edgeOf({ from, to, kind, target, metadata }: Edge): JsonObject {
  const written =
    kind === "handoff"
      ? { handoff_id: `${from}-to-${to}` }
      : kind === "parallel"
        ? { parallel_group_id: `after-${from}` }
        : kind === "delegate"
          ? { delegate_target: target ?? "" }
          : {};
  const all = merged(written, metadata);
  return present({
    edge_id: `${kind}:${from}:${to}`,
    kind,
    src_step_id: from,
    dst_step_id: to,
    metadata: Object.keys(all).length === 0 ? undefined : all,
  });
}

function profileOf({ reads = [], scratch = "scratch", network = false, tools = [] }: RoleForm): JsonObject {
  return {
    allowed_tools: tools,
    execution_allow_network: network,
    filesystem_scope: { read_only_roots: reads, scratch_subdir: scratch },
  };
}
