/**
 * Everything in a bundle that the policy is derived from, read once with its true types.
 * Never decides and never fills in a permission that the bundle does not spell out.
 *
 * Source: spec bundle §8.3, §8.4, §8.7, §15.1.
 */
import * as v from "valibot";
import type { Bundle } from "../bundle/model.ts";
import type { Issue } from "../errors.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { Names, Numeric, pointer, readPart, Switch } from "./border.ts";
import { type Envelope, readEnvelope } from "./envelope.ts";

/** The parts of a bundle that the policy looks at. */
export type PolicySource = Pick<
  Bundle,
  "policyEnvelope" | "intentProjection" | "ir" | "nodes" | "metadata" | "document"
>;

const ActionListsSchema = v.object({
  runtime_allow_actions: v.optional(Names),
  allow_runtime_actions: v.optional(Names),
  runtime_deny_actions: v.optional(Names),
  deny_runtime_actions: v.optional(Names),
});
export type ActionLists = v.InferOutput<typeof ActionListsSchema>;

/** One policy of the intent or of the IR, with its explicit lists. */
export interface NamedPolicy {
  /** Absent when the bundle gives it none. */
  readonly id?: string;
  readonly source: "intent" | "ir";
  /** Where the policy stands. */
  readonly pointer: string;
  /** Where its lists stand. */
  readonly listsPointer: string;
  readonly lists: ActionLists;
}

const ExecutionSchema = v.object({
  allow_subprocess: v.optional(Switch),
  subprocess_allowlist: v.optional(Names),
  allow_http: v.optional(Switch),
  http_allowlist: v.optional(Names),
  http_method_allowlist: v.optional(Names),
  http_max_body_bytes: v.optional(Numeric),
  http_max_response_bytes: v.optional(Numeric),
});
export type Execution = v.InferOutput<typeof ExecutionSchema>;

const MetadataSchema = v.object({
  runtime_evidence_expectations: v.nullish(Names),
  coordination_agent_worker_http_allowlist: v.optional(Names),
  coordination_inherit_http_allowlist: v.optional(Switch),
});

const BoundsSchema = v.object({
  max_seconds: v.nullish(
    v.pipe(
      Numeric,
      v.check((seconds) => seconds > 0, "must be more than 0"),
    ),
  ),
});

const SummarySchema = v.object({ evaluation_modes: v.nullish(Names) });

export interface PolicyInputs {
  readonly envelope: Envelope;
  /** In document order; the intent's before those of the IR. */
  readonly policies: readonly NamedPolicy[];
  readonly execution: Execution;
  readonly agentWorkerAllowlist?: readonly string[];
  readonly inheritHttpAllowlist: boolean;
  readonly declaredExpectations: readonly string[];
  readonly evaluationModes: readonly string[];
  readonly maxSeconds?: number;
  /** Route kind → the policy actions that it needs (`workflow_execution_contract`). */
  readonly routeNeeds: ReadonlyMap<string, readonly string[]>;
}

/** Reads what the policy needs; every fault is added to `issues` with its JSON pointer. */
export function readPolicyInputs(bundle: PolicySource, issues: Issue[]): PolicyInputs {
  const projection = bundle.intentProjection;
  const metadata = readPart(MetadataSchema, bundle.metadata, "", issues);
  const bounds = readSection(BoundsSchema, projection, "operating_bounds_effective", issues);
  const summary = readSection(SummarySchema, projection, "success_criteria_summary", issues);
  const workerAllowlist = metadata?.coordination_agent_worker_http_allowlist;
  return {
    envelope: readEnvelope(bundle.policyEnvelope, issues),
    policies: [...intentPolicies(projection, issues), ...irPolicies(bundle, issues)],
    execution:
      readObject(ExecutionSchema, bundle.metadata["runtime_execution"], "/runtime_execution", issues) ?? {},
    ...(workerAllowlist === undefined ? {} : { agentWorkerAllowlist: workerAllowlist }),
    inheritHttpAllowlist: metadata?.coordination_inherit_http_allowlist === true,
    declaredExpectations: metadata?.runtime_evidence_expectations ?? [],
    evaluationModes: summary?.evaluation_modes ?? [],
    ...(typeof bounds?.max_seconds === "number" ? { maxSeconds: bounds.max_seconds } : {}),
    routeNeeds: routeNeeds(bundle.metadata, issues),
  };
}

function intentPolicies(projection: JsonObject, issues: Issue[]): readonly NamedPolicy[] {
  const at = pointer("intent_policy_projection", "policies");
  const list = projection["policies"];
  if (list === undefined || list === null) return [];
  if (!isJsonArray(list)) {
    issues.push({ path: at, message: "must be a list of policies" });
    return [];
  }
  return list.flatMap((policy, index): NamedPolicy[] => {
    const here = at + pointer(index);
    if (!isJsonObject(policy)) {
      issues.push({ path: here, message: "must be an object" });
      return [];
    }
    const listsPointer = `${here}/metadata`;
    const lists = readObject(ActionListsSchema, policy["metadata"], listsPointer, issues) ?? {};
    return [
      { ...idOf(policy["id"], `${here}/id`, issues), source: "intent", pointer: here, listsPointer, lists },
    ];
  });
}

/**
 * Policy nodes of the IR, and those that the bundle itself references and the IR lacks: an explicit list counts
 * wherever it is written.
 */
function irPolicies(bundle: PolicySource, issues: Issue[]): readonly NamedPolicy[] {
  const fromIr = (bundle.ir?.nodes ?? []).filter((node) => node.kind === "policy");
  const seen = new Set(fromIr.map((node) => node.id));
  const referenced = bundle.nodes.filter((node) => node.kind === "policy" && !seen.has(node.nodeId));
  const embedded = nodePointers(bundle.document["system_ir"], "nodes", "/system_ir");
  const listed = nodePointers(bundle.document, "referenced_ir_nodes", "");
  return [
    ...fromIr.map((node) =>
      // A policy of an IR file beside the bundle has no place in the bundle: it is named by its id.
      irPolicy(node.id, node.properties, embedded.get(node.id) ?? `ir:${pointer("nodes", node.id)}`, issues),
    ),
    ...referenced.map((node) =>
      irPolicy(
        node.nodeId,
        node.properties,
        listed.get(node.nodeId) ?? pointer("referenced_ir_nodes", node.nodeId),
        issues,
      ),
    ),
  ];
}

function irPolicy(nodeId: string, properties: JsonObject, at: string, issues: Issue[]): NamedPolicy {
  const ownMetadata = isJsonObject(properties["metadata"]);
  const listsPointer = ownMetadata ? `${at}/properties/metadata` : `${at}/properties`;
  const lists = readPart(
    ActionListsSchema,
    ownMetadata ? properties["metadata"] : properties,
    listsPointer,
    issues,
  );
  const policyId = idOf(properties["policy_id"], `${at}/properties/policy_id`, issues);
  return { id: nodeId, ...policyId, source: "ir", pointer: at, listsPointer, lists: lists ?? {} };
}

function idOf(id: JsonValue | undefined, at: string, issues: Issue[]): { readonly id?: string } {
  if (id === undefined || id === null) return {};
  if (typeof id !== "string") {
    issues.push({ path: at, message: "must be a string" });
    return {};
  }
  return id.trim() === "" ? {} : { id: id.trim() };
}

function nodePointers(holder: JsonValue | undefined, key: string, at: string): ReadonlyMap<string, string> {
  const nodes = isJsonObject(holder) ? holder[key] : undefined;
  const pointers = new Map<string, string>();
  if (!isJsonArray(nodes)) return pointers;
  for (const [index, node] of nodes.entries()) {
    const id = isJsonObject(node) ? node["id"] : undefined;
    if (typeof id === "string") pointers.set(id, at + pointer(key, index));
  }
  return pointers;
}

function routeNeeds(metadata: JsonObject, issues: Issue[]): ReadonlyMap<string, readonly string[]> {
  const needs = new Map<string, readonly string[]>();
  const contract = metadata["workflow_execution_contract"];
  const byRoute = isJsonObject(contract) ? contract["required_policy_actions_by_route"] : undefined;
  if (byRoute === undefined || byRoute === null) return needs;
  const at = pointer("workflow_execution_contract", "required_policy_actions_by_route");
  if (!isJsonObject(byRoute)) {
    issues.push({ path: at, message: "must be an object" });
    return needs;
  }
  for (const [route, actions] of Object.entries(byRoute)) {
    needs.set(route, readPart(Names, actions, at + pointer(route), issues) ?? []);
  }
  return needs;
}

function readSection<const Schema extends v.GenericSchema>(
  schema: Schema,
  projection: JsonObject,
  key: string,
  issues: Issue[],
): v.InferOutput<Schema> | undefined {
  return readObject(schema, projection[key], pointer("intent_policy_projection", key), issues);
}

/** An absent or null section says nothing; anything but an object is an issue. */
function readObject<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: JsonValue | undefined,
  at: string,
  issues: Issue[],
): v.InferOutput<Schema> | undefined {
  if (value === undefined || value === null) return undefined;
  if (isJsonObject(value)) return readPart(schema, value, at, issues);
  issues.push({ path: at, message: "must be an object" });
  return undefined;
}
