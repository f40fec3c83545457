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
import { Findings, type StrictIssue } from "./strict/findings.ts";
import { judgeGovernance } from "./strict/governance.ts";

/** Everything that is wrong, errors and warnings; empty for a spec that says exactly what will run. */
export function strictIssues(value: JsonValue): StrictIssue[] {
  const findings = new Findings();
  if (!isJsonObject(value)) {
    findings.error([], "coordination spec must be a JSON object");
    return findings.issues;
  }
  judgeVersion(value, findings);
  for (const key of ["run_id", "tenant_id", "repo_id"]) findings.text(value[key], [key]);
  const graph = findings.object(value["coordination_graph"], ["coordination_graph"]) ?? {};
  const kinds = judgeNodes(graph, findings);
  judgeEdges(graph, kinds, findings);
  const roles = judgeRoles(value, kinds, findings);
  judgeGovernance(value["governance"], roles, findings);
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
  const place = ["coordination_graph", "nodes"];
  for (const [node, index] of findings.objects(graph["nodes"], place)) {
    const at = [...place, index];
    const id = findings.text(node["node_id"], [...at, "node_id"]);
    const kind = findings.text(node["kind"], [...at, "kind"]);
    if (node["tools"] !== undefined) findings.texts(node["tools"], [...at, "tools"]);
    if (id === undefined || kind === undefined) continue;
    judgeId(id, [...at, "node_id"], findings);
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
  const place = ["coordination_graph", "edges"];
  for (const [edge, index] of findings.objects(graph["edges"], place)) {
    const at = [...place, index];
    const id = findings.text(edge["edge_id"], [...at, "edge_id"]);
    if (id !== undefined && ids.has(id)) {
      findings.error([...at, "edge_id"], `edge ${JSON.stringify(id)} is declared twice`);
    }
    if (id !== undefined) ids.add(id);
    const kind = findings.text(edge["kind"], [...at, "kind"]);
    const ends = (["src_step_id", "dst_step_id"] as const).map((end) => {
      const step = findings.text(edge[end], [...at, end]);
      if (step !== undefined) judgeEndpoint(step, kinds.get(step), [...at, end], findings);
      return step;
    });
    if (kind === "handoff" && ends[0] !== undefined && ends[0] === ends[1]) {
      findings.error(at, `step ${JSON.stringify(ends[0])} hands over to itself and can never start`);
    }
  }
}

function judgeEndpoint(
  step: string,
  kind: string | undefined,
  place: readonly (string | number)[],
  findings: Findings,
): void {
  if (kind === undefined) findings.error(place, `step ${JSON.stringify(step)} is not declared`);
  else if (kind !== "step") {
    findings.error(place, `${JSON.stringify(step)} is a ${kind}, not a step; the edge would make it one`);
  }
}

/** Every role that is declared or bound. */
function judgeRoles(
  spec: JsonObject,
  kinds: ReadonlyMap<string, string>,
  findings: Findings,
): ReadonlySet<string> {
  const roles = new Set<string>();
  for (const [role, index] of findings.objects(spec["agent_roles"], ["agent_roles"])) {
    const place = ["agent_roles", index];
    const name = findings.text(role["name"], [...place, "name"]);
    findings.texts(role["tools"], [...place, "tools"]);
    if (name === undefined) continue;
    if (roles.has(name)) findings.error([...place, "name"], `role ${JSON.stringify(name)} is declared twice`);
    roles.add(name);
  }
  for (const [binding, index] of findings.objects(spec["orchestration_bindings"], [
    "orchestration_bindings",
  ])) {
    const place = ["orchestration_bindings", index];
    const role = findings.text(binding["role_name"], [...place, "role_name"]);
    findings.text(binding["agent_name"], [...place, "agent_name"]);
    if (role !== undefined) {
      roles.add(role);
      if (!isSafeRoleId(role))
        findings.error([...place, "role_name"], "is no safe role name; it names a folder");
    }
    const stepsPlace = [...place, "orchestration_step_ids"];
    for (const step of findings.texts(binding["orchestration_step_ids"], stepsPlace)) {
      if (!kinds.has(step))
        findings.warning(stepsPlace, `binds step ${JSON.stringify(step)}, which is not declared`);
    }
  }
  return roles;
}

function judgeId(id: string, place: readonly (string | number)[], findings: Findings): void {
  if (id.length > limits.idLengthMax)
    findings.error(place, `is longer than ${limits.idLengthMax} characters`);
  if (/\p{Cc}/u.test(id)) findings.error(place, "holds a control character");
}
