/**
 * Bundles for the tests of this room, as far as the policy looks at them.
 * Never used outside tests.
 */
import type { Bundle, GraphNode, IrNode } from "../bundle/model.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";

export interface BundleParts {
  readonly envelope?: JsonObject;
  readonly policies?: JsonValue;
  readonly projection?: JsonObject;
  /** Properties of the policy nodes of the IR, by node id. */
  readonly irPolicies?: Readonly<Record<string, JsonObject>>;
  /** Whether the IR stands inside the bundle. */
  readonly embedded?: boolean;
  /** Properties of policy nodes that only the bundle references. */
  readonly referencedPolicies?: Readonly<Record<string, JsonObject>>;
  readonly metadata?: JsonObject;
}

export function bundleOf({
  envelope = {},
  policies,
  projection = {},
  irPolicies,
  embedded = true,
  referencedPolicies = {},
  metadata = {},
}: BundleParts = {}): Bundle {
  const intentProjection = policies === undefined ? projection : { ...projection, policies };
  const irNodes = Object.entries(irPolicies ?? {}).map(([id, properties]) => irNode(id, properties));
  return {
    schemaVersion: 4,
    scope: { tenantId: "acme", repoId: "shop" },
    runId: "run-1",
    path: "/outputs/acme/shop/.akc/runtime/run-1.runtime_bundle.json",
    repoRoot: "/outputs/acme/shop",
    sha256: "0".repeat(64),
    document: {
      runtime_policy_envelope: envelope,
      intent_policy_projection: intentProjection,
      ...(embedded ? { system_ir: { nodes: irNodes.map((node) => node.document) } } : {}),
      referenced_ir_nodes: Object.keys(referencedPolicies).map((id) => ({ id, kind: "policy" })),
      ...metadata,
    },
    nodes: Object.entries(referencedPolicies).map(([id, properties]) => graphNode(id, properties)),
    ...(irPolicies === undefined ? {} : { ir: { nodes: irNodes, sha256: "0".repeat(64) } }),
    intentRef: {},
    intentProjection,
    intentAuthorityStrict: false,
    policyEnvelope: envelope,
    coordinationContract: {
      parallelDispatchEnabled: false,
      maxInFlightSteps: 1,
      maxInFlightPerRole: 1,
      completionFoldOrder: "coordination_step_id",
    },
    desiredStateSource: "deployment_intents",
    metadata,
    warnings: [],
  };
}

function irNode(id: string, properties: JsonObject): IrNode {
  const document = { id, kind: "policy", name: id, properties };
  return { id, kind: "policy", name: id, properties, dependsOn: [], document };
}

function graphNode(id: string, properties: JsonObject): GraphNode {
  return {
    nodeId: id,
    kind: "policy",
    name: id,
    properties,
    dependsOn: [],
    contractId: "unknown",
    initialState: "ready",
    terminalStates: [],
  };
}
