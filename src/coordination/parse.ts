/**
 * Turns the JSON of a coordination spec into plain data: what is accepted, in which order faults are found, and their
 * texts are those that existing tools know. It never judges a spec beyond that; `strict.ts` does, before a run.
 *
 * Source: spec kernel §11.1, §11.2, §11.5; kernel:W-30.
 */
import { isJsonArray, isJsonObject, JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { invalid } from "./fault.ts";
import type {
  AgentRole,
  CoordinationEdge,
  CoordinationNode,
  CoordinationSpec,
  RoleBinding,
} from "./model.ts";
import { parseGovernance } from "./parse-governance.ts";
import { pythonRepr, stripped, strippedText, textItems } from "./text/python.ts";

/** @throws AkcError COORDINATION_INVALID at the first fault; `details.errorClass` names its class (§11.5). */
export function parseCoordination(value: JsonValue): CoordinationSpec {
  if (!isJsonObject(value))
    throw invalid("CoordinationParseError", "coordination spec must be a JSON object");
  const version = parseVersion(value);
  const graph = value["coordination_graph"];
  if (!isJsonObject(graph)) {
    throw invalid("CoordinationParseError", "coordination_graph must be an object");
  }
  const nodes = objectsOf(graph["nodes"], "nodes", limits.stepsMax).map(parseNode);
  const edges = objectsOf(graph["edges"], "edges", limits.edgesMax).map(parseEdge);
  const bindings = objects(value["orchestration_bindings"]).map(parseBinding);
  const governance = parseGovernance(value["governance"]);
  const runId = requiredText(value["run_id"], "coordination.run_id");
  const tenantId = requiredText(value["tenant_id"], "coordination.tenant_id");
  const repoId = requiredText(value["repo_id"], "coordination.repo_id");
  return {
    version,
    scope: { tenantId, repoId },
    runId,
    nodes,
    edges,
    bindings,
    roles: objects(value["agent_roles"]).map(parseRole),
    ...(governance === undefined ? {} : { governance }),
  };
}

function parseVersion(spec: JsonObject): number {
  const coordination = wholeNumber(spec["coordination_spec_version"]);
  const plain = wholeNumber(spec["spec_version"]);
  if (coordination !== undefined && plain !== undefined && coordination !== plain) {
    throw invalid(
      "CoordinationParseError",
      "coordination_spec_version and spec_version must match when both are present " +
        `(got coordination_spec_version=${coordination}, spec_version=${plain})`,
    );
  }
  return Number(coordination ?? plain ?? 1);
}

/** Numbers toward zero, booleans as 1 and 0; anything else is no version. A bigint, so that no digit is lost. */
function wholeNumber(value: JsonValue | undefined): bigint | undefined {
  if (typeof value === "bigint") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  const number = value instanceof JsonFloat ? value.value : value;
  return typeof number === "number" && Number.isFinite(number) ? BigInt(Math.trunc(number)) : undefined;
}

function parseNode(item: JsonObject): CoordinationNode {
  const nodeId = requiredText(item["node_id"], "coordination.node_id");
  const kind = requiredText(item["kind"], "coordination.kind");
  const label = item["label"];
  const tools = item["tools"] === undefined ? none : textItems(item["tools"]);
  return typeof label === "string" ? { nodeId, kind, label, tools } : { nodeId, kind, tools };
}

function parseEdge(item: JsonObject): CoordinationEdge {
  const edgeId = requiredText(item["edge_id"], "coordination.edge_id");
  const kind = requiredText(item["kind"], "coordination.edge.kind");
  const src = requiredText(item["src_step_id"], "coordination.src_step_id");
  const dst = requiredText(item["dst_step_id"], "coordination.dst_step_id");
  const metadata = item["metadata"];
  if (metadata === undefined || metadata === null) return { edgeId, kind, src, dst };
  if (isJsonObject(metadata)) return { edgeId, kind, src, dst, metadata };
  const edge = pythonRepr(edgeId);
  throw invalid(
    "CoordinationParseError",
    `coordination edge ${edge}: metadata must be an object when present`,
    { edge: edgeId },
  );
}

function parseBinding(item: JsonObject): RoleBinding {
  return {
    roleName: requiredText(item["role_name"], "coordination.binding.role_name"),
    agentName: requiredText(item["agent_name"], "coordination.binding.agent_name"),
    stepIds: textItems(item["orchestration_step_ids"]),
  };
}

function parseRole(item: JsonObject): AgentRole {
  return { name: strippedText(item["name"]), tools: textItems(item["tools"]) };
}

const none: readonly string[] = [];

function requiredText(value: JsonValue | undefined, name: string): string {
  const text = typeof value === "string" ? stripped(value) : strippedText(value);
  if (text === "") throw invalid("ValueError", `${name} must be a non-empty string`);
  return text;
}

function objectsOf(
  value: JsonValue | undefined,
  name: "nodes" | "edges",
  max: number,
): readonly JsonObject[] {
  if (!isJsonArray(value)) {
    throw invalid("CoordinationParseError", `coordination_graph.${name} must be an array`);
  }
  if (value.length > max) {
    throw invalid("CoordinationParseError", `coordination_graph.${name} has more than ${max} items`, {
      limit: max,
      count: value.length,
    });
  }
  return objects(value);
}

/** The objects of a list; other items are skipped, and anything but a list has none (kernel:W-30, see `strict.ts`). */
function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return isJsonArray(value) ? value.filter(isJsonObject) : [];
}
