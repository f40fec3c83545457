/** What a run would do, as programs get it: the shape `PlanPreview` of docs/json-output.md. */
import { readableRoots } from "../../authoring/diff/rights.ts";
import { doesWhat } from "../../authoring/explain/step.ts";
import type { Prepared } from "../../run/prepare.ts";
import type { Plain } from "../render/output.ts";
import type { Foreseen } from "./foreseen.ts";
import type { Refusal } from "./refusal.ts";

export interface Told {
  readonly foreseen: Foreseen;
  readonly prepared: Prepared;
  /** As it was named. */
  readonly path: string;
  /** Line of a step in the plan; undefined for a bundle. */
  lineOf(stepId: string): number | undefined;
}

export function foreseenData({ foreseen, prepared, path, lineOf }: Told): Plain {
  const { inspection, actions, services, denied, unreached } = foreseen;
  const { bundle, operator, plan } = prepared;
  return {
    kind: "PlanPreview",
    path,
    sha256: bundle.sha256,
    tenant_id: bundle.scope.tenantId,
    repo_id: bundle.scope.repoId,
    run_id: bundle.runId,
    mode: inspection.mode,
    adapter_id: prepared.adapterId,
    operator_policy: operator?.path ?? null,
    allowed: denied === 0,
    denied,
    unreached,
    limits: { in_flight: plan.caps.total, steps_in_flight: plan.caps.steps },
    roles: inspection.roles.map(({ role, steps, network, tools }) => ({
      role_id: role,
      steps,
      allow_network: network,
      allowed_tools: tools,
      read_only_roots: readableRoots(bundle, role),
    })),
    steps: actions.map(({ id, action, refusal, behind }) => ({
      step_id: id,
      layer: "layer" in action ? action.layer : null,
      role_id: "role" in action ? action.role : null,
      waits_for: action.after,
      route: action.route.kind,
      does: doesWhat(action.route),
      line: lineOf(id) ?? null,
      allowed: refusal === undefined,
      unreached_behind: behind,
      ...refusalData(refusal),
    })),
    services:
      services === undefined
        ? null
        : {
            provider: services.provider,
            allowed: services.refusal === undefined,
            items: services.items.map(({ id, needs }) => ({ node_id: id, needs })),
            ...refusalData(services.refusal),
          },
    decisions: inspection.decisions.map(({ action, allowed, source, rule }) =>
      allowed ? { action, allowed } : { action, allowed, source, rule },
    ),
  };
}

function refusalData(refusal: Refusal | undefined) {
  return refusal === undefined
    ? {}
    : { code: refusal.code, why: refusal.why, rule: refusal.rule, fix: refusal.fix };
}
