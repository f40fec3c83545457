/**
 * Puts the bundle together: version 4, everything inline, one file. The ways out are laid over it last, and the hashes of its
 * specs are taken after that.
 *
 * Source: spec bundle §5.2, §6.
 */
import { member, objectAt } from "../../bundle/member.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { merged } from "../merge.ts";
import type { Planned } from "../planned.ts";
import { coordinationOf, orchestrationOf, scopeOf } from "./coordination.ts";
import { projectionOf } from "./criteria.ts";
import { intentsOf, providerSettingsOf, rolloutOf } from "./deployment.ts";
import { nodeOf } from "./node.ts";
import { filledOnly, present } from "./plain-members.ts";
import { boundsOf, envelopeOf, lanesOf } from "./policy.ts";

export function documentOf(planned: Planned): JsonObject {
  const { form, steps } = planned;
  const nodes = [...steps.map((step) => nodeOf(step, form)), ...goalNode(planned)];
  const written = present({
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    ...scopeOf(planned),
    embed_system_ir: true,
    system_ir: {
      schema_kind: "akc_ir",
      schema_version: 2,
      format_version: "2.0",
      tenant_id: form.scope.tenantId,
      repo_id: form.scope.repoId,
      nodes,
    },
    referenced_ir_nodes: nodes.map(referenceOf),
    referenced_contracts: contractsOf(nodes),
    ...(steps.length === 0
      ? {}
      : { coordination_spec: coordinationOf(planned), orchestration_spec: orchestrationOf(planned) }),
    coordination_execution_contract: boundsOf(planned),
    runtime_execution: lanesOf(planned),
    coordination_agent_worker_http_allowlist: filledOnly(form.policy?.agents ?? []),
    runtime_policy_envelope: envelopeOf(planned),
    intent_policy_projection: projectionOf(form),
    deployment_provider: providerSettingsOf(planned),
    deployment_intents: intentsOf(planned),
    reconcile_desired_state_source: "deployment_intents",
    runtime_rollout: rolloutOf(form.rollout),
    metadata: form.title === undefined ? undefined : { title: form.title },
  });
  return withHashes(merged(written, form.bundle), form.bundle);
}

/** What agents are told that it is all about. */
function goalNode({ form }: Planned): readonly JsonObject[] {
  if (form.goal === undefined) return [];
  return [
    {
      id: "goal:plan",
      tenant_id: form.scope.tenantId,
      kind: "intent",
      name: form.title ?? form.name,
      properties: { goal_statement: form.goal },
      depends_on: [],
    },
  ];
}

/** The embedded IR has the rest. */
function referenceOf(node: JsonObject): JsonObject {
  const contractId = member(objectAt(node, "contract"), "contract_id");
  return present({
    id: member(node, "id"),
    kind: member(node, "kind"),
    name: member(node, "name"),
    contract: contractId === undefined ? undefined : member(node, "contract"),
  });
}

/** Each once; two that share an id and differ are left to the bundle's own rules. */
function contractsOf(nodes: readonly JsonObject[]): readonly JsonObject[] {
  const contracts = new Map<string, JsonObject>();
  for (const node of nodes) {
    const contract = objectAt(node, "contract");
    if (Object.keys(contract).length > 0) contracts.set(fingerprint(contract), contract);
  }
  return [...contracts.values()];
}

const none = "0".repeat(64);

/** A hash that the plan itself states is kept: whoever writes one knows why. */
function withHashes(document: JsonObject, over: JsonObject | undefined): JsonObject {
  const hash = (key: string) => {
    const spec = member(document, key);
    return isJsonObject(spec) ? fingerprint(spec) : none;
  };
  const taken = {
    orchestration_spec_sha256: hash("orchestration_spec"),
    coordination_spec_sha256: hash("coordination_spec"),
  };
  return { ...document, spec_hashes: merged(taken, objectAt(over ?? {}, "spec_hashes")) };
}
