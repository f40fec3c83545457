/**
 * Takes a bundle apart into what people speak of: its policy, roles, steps, services, checks, and whatever else it says.
 * Everything of the document that means something is in one of them; hashes of it mean nothing of their own.
 */
import { objectAt, objectsAt, textAt } from "../../bundle/member.ts";
import type { Bundle, GraphNode } from "../../bundle/model.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { inspectBundle } from "../../policy/inspect.ts";
import type { RunPolicy } from "../../policy/model.ts";
import { flatten, without } from "./flatten.ts";
import type { Section, Subject } from "./model.ts";
import { policyFacts, roleFacts } from "./rights.ts";
import { arrivalsOf, stepFacts } from "./step-facts.ts";

/** Said elsewhere, in the words of a section, or only a digest of what is said elsewhere. */
const saidElsewhere = [
  "schema_id",
  "schema_version",
  "tenant_id",
  "repo_id",
  "run_id",
  "spec_hashes",
  "coordination_spec",
  "coordination_ref",
  "coordination_execution_contract",
  "referenced_ir_nodes",
  "referenced_contracts",
  "system_ir",
  "deployment_intents",
  "runtime_execution",
  "runtime_policy_envelope",
  "intent_policy_projection",
];
/** What the derived policy says of these, in every detail. */
const executionMembers = [
  "allow_subprocess",
  "subprocess_allowlist",
  "allow_http",
  "http_allowlist",
  "http_method_allowlist",
  "http_max_body_bytes",
  "http_max_response_bytes",
];
const envelopeMembers = [
  "tenant_id",
  "repo_id",
  "run_id",
  "allow_network",
  "allow_actions",
  "allow_runtime_actions",
  "deny_actions",
  "deny_runtime_actions",
  "runtime_allow_subprocess",
  "runtime_allow_http",
  "deny_action_types",
];
const serviceMembers = /^(deployment_|runtime_rollout$|reconcile_)/;

/** @param policy derived from this bundle without an operator */
export function subjectsOf(bundle: Bundle, policy: RunPolicy): readonly Subject[] {
  const { document, scope } = bundle;
  const inspection = inspectBundle(bundle, policy);
  const nodes = new Map(bundle.nodes.map((node) => [node.nodeId, node]));
  const acting = [...inspection.steps, ...inspection.nodes];
  const arrivals = arrivalsOf(bundle);
  const acted = new Set(acting.map(({ nodeId }) => nodeId));
  const intents = objectsAt(document, "deployment_intents");
  const intentIds = new Set(intents.map(idOf));
  const projection = objectAt(document, "intent_policy_projection");
  const criteria = objectAt(projection, "success_criteria_summary");
  const standing = bundle.nodes.filter(
    ({ nodeId, kind }) => !acted.has(nodeId) && !intentIds.has(nodeId) && kind === "service",
  );
  const others = bundle.nodes.filter(
    ({ nodeId, kind }) => !acted.has(nodeId) && !intentIds.has(nodeId) && kind !== "service",
  );
  return [
    subject("plan", "", [
      ["scope", `${scope.tenantId}/${scope.repoId}`],
      ["name", bundle.runId],
      ["schema", bundle.schemaVersion],
    ]),
    subject("policy", "", policyFacts(policy)),
    ...inspection.roles.map(({ role }) => subject("role", role, roleFacts(bundle, inspection, role))),
    ...acting.map((action) =>
      subject(
        "step",
        "stepId" in action ? action.stepId : action.nodeId,
        stepFacts(action, nodes.get(action.nodeId), { bundle, arrivals }),
      ),
    ),
    ...intents.map((intent) =>
      subject("service", idOf(intent), flatten(without(intent, ["node_id", "tenant_id"]))),
    ),
    ...standing.map((node) => subject("service", node.nodeId, nodeFacts(node))),
    ...objectsAt(criteria, "criteria").map((criterion) =>
      subject("check", textAt(criterion, "id") ?? "?", flatten(without(criterion, ["id"]))),
    ),
    subject("limit", "", limitFacts(bundle, policy)),
    ...others.map((node) => subject("other", node.nodeId, nodeFacts(node))),
    ...restOf(document),
  ].filter(({ facts }) => facts.size > 0);
}

function subject(
  section: Section,
  id: string,
  facts: Iterable<readonly [string, JsonValue | undefined]>,
): Subject {
  const said = [...facts].flatMap(([key, value]): [string, JsonValue][] =>
    value === undefined ? [] : [[key, value]],
  );
  return { section, id, facts: new Map(said) };
}

function idOf(intent: JsonObject): string {
  return textAt(intent, "node_id") ?? textAt(intent, "id") ?? "?";
}

function nodeFacts(node: GraphNode): Iterable<readonly [string, JsonValue]> {
  return [
    ["kind", node.kind],
    ["title", node.name],
    ["needs", [...node.dependsOn].sort()],
    ...flatten(node.properties, "properties"),
    ...(node.contract?.acceptance === undefined ? [] : flatten(node.contract.acceptance, "contract")),
  ];
}

function limitFacts({ coordinationContract: contract, document }: Bundle, policy: RunPolicy) {
  const bounds = objectAt(objectAt(document, "intent_policy_projection"), "operating_bounds_effective");
  return [
    ["steps side by side", contract.parallelDispatchEnabled ? contract.maxInFlightSteps : 1] as const,
    [
      "steps of a role side by side",
      contract.parallelDispatchEnabled ? contract.maxInFlightPerRole : 1,
    ] as const,
    ["run deadline ms", policy.runDeadlineMs] as const,
    ...flatten(bounds, "operating_bounds"),
  ];
}

function restOf(document: JsonObject): readonly Subject[] {
  const parts: [string, JsonValue][] = [
    ["runtime_execution", without(objectAt(document, "runtime_execution"), executionMembers)],
    ["runtime_policy_envelope", without(objectAt(document, "runtime_policy_envelope"), envelopeMembers)],
    [
      "intent_policy_projection",
      without(objectAt(document, "intent_policy_projection"), [
        "success_criteria_summary",
        "operating_bounds_effective",
      ]),
    ],
    [
      "coordination_spec.governance",
      without(objectAt(objectAt(document, "coordination_spec"), "governance"), ["role_profiles"]),
    ],
    ...Object.entries(document).filter(
      ([key]) => !saidElsewhere.includes(key) && !/(_sha256|fingerprint)$/.test(key),
    ),
  ];
  return parts.map(([key, value]) =>
    subject(
      serviceMembers.test(key) ? "service" : "other",
      key,
      // An empty object or list says nothing.
      [...flatten(value)].filter(([, leaf]) => !isEmpty(leaf)).map(([path, leaf]) => [path || "is", leaf]),
    ),
  );
}

function isEmpty(leaf: JsonValue): boolean {
  return (
    typeof leaf === "object" &&
    leaf !== null &&
    Object.keys(leaf).length === 0 &&
    (Array.isArray(leaf) || Object.getPrototypeOf(leaf) === Object.prototype)
  );
}

/** The whole document without digests of its own parts: equal where two bundles mean the same. */
export function leavesOf(document: JsonObject): ReadonlyMap<string, JsonValue> {
  return new Map(
    [...flatten(without(document, ["spec_hashes"]))].filter(([path]) => !/(_sha256|fingerprint)$/.test(path)),
  );
}
