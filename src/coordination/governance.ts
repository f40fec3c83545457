/**
 * Holds a plan against the governance that its own spec states: number of steps, capabilities, tools, network, roles.
 * Asked once, when a run is about to start; showing a plan is never refused, and what a step does later is the policy's.
 *
 * Source: spec kernel §11.2, §11.10, §12.3, §12.4; kernel:W-13, kernel:W-16.
 */
import type { Issue } from "../errors.ts";
import type { CoordinationSpec, Governance, StepPlan } from "./model.ts";
import { isSafeRoleId } from "./roles.ts";
import { pointer } from "./text/pointer.ts";
import { pythonRepr } from "./text/python.ts";

/** Every way in which the plan exceeds its governance, and what could never start; empty when it may run. */
export function checkGovernance(
  spec: CoordinationSpec,
  steps: readonly StepPlan[],
  envelopeAllowNetwork: boolean,
): Issue[] {
  const always = [...selfHandoffs(spec), ...unsafeRoles(steps)];
  const { governance } = spec;
  if (governance === undefined) return always;
  return [
    ...always,
    ...tooManySteps(governance, steps),
    ...capabilitiesExceeded(governance, spec, steps),
    ...toolsExceeded(spec, steps),
    ...networkExceeded(governance, envelopeAllowNetwork),
  ];
}

/** A step that waits for its own output can never start. */
function selfHandoffs({ edges }: CoordinationSpec): Issue[] {
  const issues: Issue[] = [];
  for (const [index, { kind, src, dst, edgeId }] of edges.entries()) {
    if (kind !== "handoff" || src !== dst) continue;
    issues.push({
      path: pointer("coordination_graph", "edges", index),
      message: `edge ${pythonRepr(edgeId)} hands over from step ${pythonRepr(src)} to itself, so it can never start`,
    });
  }
  return issues;
}

function unsafeRoles(steps: readonly StepPlan[]): Issue[] {
  const unsafe = [...rolesOf(steps).keys()].filter((role) => !isSafeRoleId(role));
  return unsafe.map((role) => ({
    path: pointer("orchestration_bindings"),
    message: `coordination role_id contains unsafe path characters: ${pythonRepr(role)}`,
  }));
}

function tooManySteps({ maxSteps }: Governance, steps: readonly StepPlan[]): Issue[] {
  if (maxSteps === null || steps.length <= maxSteps) return [];
  return [
    {
      path: pointer("governance", "max_steps"),
      message: `the plan has ${steps.length} steps, governance.max_steps allows ${maxSteps}`,
    },
  ];
}

/** An empty list limits nothing: specs are written with one when nobody thought of capabilities (see `strict/`). */
function capabilitiesExceeded(
  { allowedCapabilities }: Governance,
  spec: CoordinationSpec,
  steps: readonly StepPlan[],
): Issue[] {
  if (allowedCapabilities.length === 0) return [];
  const allowed = new Set(allowedCapabilities);
  const issues: Issue[] = [];
  for (const [role, { allowedTools }] of rolesOf(steps)) {
    for (const tool of allowedTools.filter((name) => !allowed.has(name))) {
      issues.push({
        path: pointer("governance", "allowed_capabilities"),
        message: `role ${pythonRepr(role)} may use ${pythonRepr(tool)}, which is not among the allowed capabilities`,
      });
    }
  }
  for (const [index, { nodeId, tools }] of spec.nodes.entries()) {
    for (const [at, tool] of tools.entries()) {
      if (allowed.has(tool)) continue;
      issues.push({
        path: pointer("coordination_graph", "nodes", index, "tools", at),
        message: `node ${pythonRepr(nodeId)} needs ${pythonRepr(tool)}, which is not among the allowed capabilities`,
      });
    }
  }
  return issues;
}

/** A step may ask for no more tools than its role has; a role without a list is not limited by it. */
function toolsExceeded({ nodes }: CoordinationSpec, steps: readonly StepPlan[]): Issue[] {
  if (nodes.every(({ tools }) => tools.length === 0)) return [];
  const stepOf = new Map(steps.map((step) => [step.stepId, step]));
  const issues: Issue[] = [];
  for (const [index, { nodeId, tools }] of nodes.entries()) {
    const step = stepOf.get(nodeId);
    if (step === undefined || step.allowedTools.length === 0) continue;
    for (const [at, tool] of tools.entries()) {
      if (step.allowedTools.includes(tool)) continue;
      issues.push({
        path: pointer("coordination_graph", "nodes", index, "tools", at),
        message: `step ${pythonRepr(nodeId)} needs ${pythonRepr(tool)}, which its role ${pythonRepr(step.roleId)} does not have`,
      });
    }
  }
  return issues;
}

function networkExceeded({ roleProfiles }: Governance, envelopeAllowNetwork: boolean): Issue[] {
  if (envelopeAllowNetwork) return [];
  const granted = [...roleProfiles].filter(([, { executionAllowNetwork }]) => executionAllowNetwork === true);
  return granted.map(([role]) => ({
    path: pointer("governance", "role_profiles", role, "execution_allow_network"),
    message:
      `governance.role_profiles[${pythonRepr(role)}].execution_allow_network ` +
      "cannot be true when bundle allow_network is false",
  }));
}

/** Each role that takes a step, with one such step. */
function rolesOf(steps: readonly StepPlan[]): ReadonlyMap<string, StepPlan> {
  const roles = new Map<string, StepPlan>();
  for (const step of steps) if (!roles.has(step.roleId)) roles.set(step.roleId, step);
  return roles;
}
