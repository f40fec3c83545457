/**
 * Judges a coordination spec more strictly than it is parsed, before a run: what parsing would skip, guess or merge
 * is named here. Showing a plan never asks it, so that plans stay as existing tools print them.
 *
 * An error is what would make a run other than the one that was written down: a step or an order lost, an id made up,
 * a limit without effect, a step that can never start. A warning changes nothing in what runs.
 *
 * Source: spec kernel §11.1, §11.2, §11.3, §12.4; kernel:W-28, kernel:W-30.
 */
import { isJsonObject, JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { isSafeRoleId } from "./roles.ts";
import { Findings, type Place, type StrictIssue } from "./strict/findings.ts";
import { judgeGovernance } from "./strict/governance.ts";

/** Everything that is wrong, errors and warnings; empty for a spec that says exactly what will run. */
export function strictIssues(value: JsonValue): StrictIssue[] {
  const findings = new Findings();
  if (!isJsonObject(value)) {
    findings.error([], "coordination spec must be a JSON object");
    return findings.issues;
  }
  judgeVersion(value, findings);
  for (const key of ["run_id", "tenant_id", "repo_id"]) findings.text(value, key, []);
  const graph = findings.object(value, "coordination_graph", []) ?? {};
  const kinds = judgeNodes(graph, findings);
  judgeEdges(graph, kinds, findings);
  const roles = judgeRoles(value, kinds, findings);
  judgeGovernance(value, roles, findings);
  return findings.issues;
}

function judgeVersion(spec: JsonObject, findings: Findings): void {
  const keys = ["coordination_spec_version", "spec_version"].filter((key) => spec[key] !== undefined);
  if (keys.length === 0) findings.warning([], "has no spec_version and is read as version 1");
  for (const key of keys) {
    const version = spec[key];
    const whole = version instanceof JsonFloat ? version.value : version;
    if (whole !== 1 && whole !== 2) findings.error([key], "must be 1 or 2");
    else if (version instanceof JsonFloat) findings.warning([key], "should be written without a fraction");
  }
}

/** The kind of each declared node. */
function judgeNodes(graph: JsonObject, findings: Findings): ReadonlyMap<string, string> {
  const kinds = new Map<string, string>();
  for (const { object: node, at } of findings.objects(graph, "nodes", ["coordination_graph"])) {
    const id = findings.text(node, "node_id", at);
    const kind = findings.text(node, "kind", at);
    findings.texts(node, "tools", at);
    if (id === undefined || kind === undefined) continue;
    judgeId(id, at, findings);
    if (kinds.has(id)) findings.error([...at, "node_id"], `node ${JSON.stringify(id)} is declared twice`);
    if (kind !== "step" && kind !== "role") {
      findings.warning([...at, "kind"], `kind ${JSON.stringify(kind)} has no meaning; only "step" is run`);
    }
    kinds.set(id, kind);
  }
  return kinds;
}

function judgeEdges(graph: JsonObject, kinds: ReadonlyMap<string, string>, findings: Findings): void {
  const ids = new Set<string>();
  for (const { object: edge, at } of findings.objects(graph, "edges", ["coordination_graph"])) {
    const id = findings.text(edge, "edge_id", at);
    const kind = findings.text(edge, "kind", at);
    const src = judgeEndpoint(edge, "src_step_id", at, kinds, findings);
    const dst = judgeEndpoint(edge, "dst_step_id", at, kinds, findings);
    if (id !== undefined && ids.has(id)) {
      findings.error([...at, "edge_id"], `edge ${JSON.stringify(id)} is declared twice`);
    }
    if (id !== undefined) ids.add(id);
    if (kind === "handoff" && src !== undefined && src === dst) {
      findings.error(at, `step ${JSON.stringify(src)} hands over to itself and can never start`);
    }
  }
}

function judgeEndpoint(
  edge: JsonObject,
  end: "src_step_id" | "dst_step_id",
  at: Place,
  kinds: ReadonlyMap<string, string>,
  findings: Findings,
): string | undefined {
  const step = findings.text(edge, end, at);
  if (step === undefined) return undefined;
  const kind = kinds.get(step);
  if (kind === undefined) findings.error([...at, end], `step ${JSON.stringify(step)} is not declared`);
  else if (kind !== "step") {
    const message = `${JSON.stringify(step)} is a ${kind}, not a step; the edge would make it one`;
    findings.error([...at, end], message);
  }
  return step;
}

/** Every role that is declared or bound. */
function judgeRoles(
  spec: JsonObject,
  kinds: ReadonlyMap<string, string>,
  findings: Findings,
): ReadonlySet<string> {
  const roles = new Set<string>();
  for (const { object: role, at } of findings.objects(spec, "agent_roles", [])) {
    const name = findings.text(role, "name", at);
    findings.texts(role, "tools", at);
    if (name === undefined) continue;
    if (roles.has(name)) findings.error([...at, "name"], `role ${JSON.stringify(name)} is declared twice`);
    roles.add(name);
  }
  for (const { object: binding, at } of findings.objects(spec, "orchestration_bindings", [])) {
    const role = findings.text(binding, "role_name", at);
    findings.text(binding, "agent_name", at);
    if (role !== undefined && !isSafeRoleId(role)) {
      findings.error([...at, "role_name"], "is no safe role name; it names a folder");
    }
    if (role !== undefined) roles.add(role);
    for (const step of findings.texts(binding, "orchestration_step_ids", at)) {
      if (kinds.has(step)) continue;
      const message = `binds step ${JSON.stringify(step)}, which is not declared`;
      findings.warning([...at, "orchestration_step_ids"], message);
    }
  }
  return roles;
}

function judgeId(id: string, at: Place, findings: Findings): void {
  if (id.length > limits.idLengthMax) {
    findings.error([...at, "node_id"], `is longer than ${limits.idLengthMax} characters`);
  }
  if (/\p{Cc}/u.test(id)) findings.error([...at, "node_id"], "holds a control character");
}
