/**
 * Judges the bundle that came of a plan by the bundle's own rules, and says of each fault where in the plan it comes from. A plan
 * without its ways out never has any; what those lay over the bundle may.
 */

import { judgeHandovers } from "../bundle/handovers.ts";
import { operationalParams } from "../bundle/intent/operational-params.ts";
import { readIr } from "../bundle/ir/document.ts";
import { buildGraph } from "../bundle/ir/graph.ts";
import { member, objectAt, objectsAt, textAt } from "../bundle/member.ts";
import { readHttp, readSubprocess } from "../bundle/route-spec.ts";
import { issuesOf } from "../bundle/shape/rule.ts";
import { judgeBundle } from "../bundle/validate.ts";
import { readWait } from "../bundle/wait-spec.ts";
import { checkGovernance } from "../coordination/governance.ts";
import { checkReferences, parseOrchestration } from "../coordination/orchestration.ts";
import { parseCoordination } from "../coordination/parse.ts";
import { resolveStepNodes } from "../coordination/resolve.ts";
import { schedule } from "../coordination/schedule.ts";
import { planSteps } from "../coordination/step.ts";
import { AkcError, type Issue } from "../errors.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { pointer } from "../json/pointer.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import type { Fault, Path } from "./form/faults.ts";
import type { Planned, PlannedStep } from "./planned.ts";

/** Every fault of the document, as one of the plan. */
export function judged(document: JsonObject, planned: Planned): readonly Fault[] {
  const places = new Places(document, planned);
  const { issues, warnings } = judgeBundle(document);
  const first = [...issues, ...warnings];
  const found =
    first.length > 0
      ? first
      : [...routeIssues(document), ...criteriaIssues(document), ...loadedIssues(document)];
  return found.map(({ path, message }) => ({
    rule: "bundle-rule",
    path: places.of(path),
    message: `the bundle would be refused: ${path === "" ? "" : `${path} `}${message}`,
    at: "value",
  }));
}

/** A route that is written down and is none is refused when its step starts; whoever writes it wants to know now. */
function routeIssues(document: JsonObject): readonly Issue[] {
  return objectsAt(objectAt(document, "system_ir"), "nodes").flatMap((node, index): Issue[] => {
    const hints = objectAt(objectAt(node, "properties"), "runtime_execution");
    const route = routeOf(hints);
    if (route?.kind !== "malformed") return [];
    return [
      { path: pointer("system_ir", "nodes", index, "properties", "runtime_execution"), message: route.why },
    ];
  });
}

function routeOf(hints: JsonObject) {
  switch (textAt(hints, "route")) {
    case "subprocess":
      return readSubprocess(member(hints, "subprocess"));
    case "http":
      return readHttp(member(hints, "http"));
    case "wait":
      return readWait(member(hints, "wait"));
    default:
      return undefined;
  }
}

/** A criterion whose params break a rule is an error when the run is judged: too late for whoever writes it. */
function criteriaIssues(document: JsonObject): readonly Issue[] {
  const summary = objectAt(objectAt(document, "intent_policy_projection"), "success_criteria_summary");
  const at = pointer("intent_policy_projection", "success_criteria_summary", "criteria");
  return objectsAt(summary, "criteria").flatMap((criterion, index) =>
    textAt(criterion, "evaluation_mode") === "operational_spec"
      ? issuesOf(objectAt(criterion, "params"), operationalParams, `${at}${pointer(index, "params")}`)
      : [],
  );
}

/** What loading finds beyond the shape, as far as no file is needed for it. */
function loadedIssues(document: JsonObject): readonly Issue[] {
  try {
    const embedded = member(document, "system_ir");
    const ir = isJsonObject(embedded) ? readIr(embedded).ir : undefined;
    const inline = member(document, "coordination_spec");
    const graph = buildGraph(document, ir, { coordinated: isJsonObject(inline) });
    const orchestration = member(document, "orchestration_spec");
    if (!isJsonObject(inline)) return [...graph.issues, ...graph.warnings];
    const spec = parseCoordination(inline);
    const parsed = isJsonObject(orchestration) ? parseOrchestration(orchestration) : undefined;
    const references = parsed === undefined ? [] : checkReferences(spec, parsed);
    const ids = new Set(graph.nodes.map(({ nodeId }) => nodeId));
    const order = schedule(spec);
    const base = "/coordination_spec";
    const nodeOfStep = resolveStepNodes(order, parsed, ir, ids, { nodes: spec.nodes, base });
    const below = (issue: Issue) => ({ ...issue, path: `${base}${issue.path}` });
    const coordination = { spec, sha256: fingerprint(inline), plan: order, nodeOfStep };
    const handed = judgeHandovers({
      document,
      ir,
      nodes: graph.nodes,
      // Whatever steers routes is carried into the metadata as it stands.
      metadata: document,
      coordination,
    });
    const envelopeAllowNetwork =
      member(objectAt(document, "runtime_policy_envelope"), "allow_network") === true;
    const steps = planSteps({ ...coordination, orchestration: parsed, envelopeAllowNetwork });
    const governed = checkGovernance(spec, steps, envelopeAllowNetwork).map(below);
    return [...graph.issues, ...graph.warnings, ...references.map(below), ...handed.issues, ...governed];
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    return cause.issues.length > 0 ? cause.issues : [{ path: "/coordination_spec", message: cause.message }];
  }
}

/** From a pointer into the bundle to the member of the plan that it was made of. */
class Places {
  readonly #document: JsonObject;
  readonly #planned: Planned;
  readonly #steps: ReadonlyMap<string, PlannedStep>;

  constructor(document: JsonObject, planned: Planned) {
    this.#document = document;
    this.#planned = planned;
    this.#steps = new Map(planned.steps.map((step) => [step.id, step]));
  }

  of(path: string): Path {
    const keys = path
      .split("/")
      .slice(1)
      .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
    const over = this.#planned.form.bundle;
    if (over !== undefined && reaches(over, keys)) return ["bundle", ...keys];
    return this.#made(keys) ?? (over === undefined ? [] : ["bundle"]);
  }

  #made([first = "", ...rest]: readonly string[]): Path | undefined {
    if (first === "deployment_intents") {
      const id = textAt(objectsAt(this.#document, first)[Number(rest[0])] ?? {}, "node_id");
      return id !== undefined && this.#planned.form.services?.has(id) === true ? ["services", id] : undefined;
    }
    if (first === "intent_policy_projection" && rest[1] === "criteria") {
      const id = [...(this.#planned.form.checks?.keys() ?? [])][Number(rest[2])];
      return id === undefined ? undefined : ["checks", id, ...rest.slice(3)];
    }
    const [list, position, ...within] = first === "system_ir" ? rest : [first, ...rest];
    const holder = first === "system_ir" ? objectAt(this.#document, "system_ir") : this.#document;
    if (list !== "nodes" && list !== "referenced_ir_nodes") return undefined;
    const id = textAt(objectsAt(holder, list)[Number(position)] ?? {}, "id");
    return this.#stepPath(id, within);
  }

  #stepPath(id: string | undefined, within: readonly string[]): Path | undefined {
    const step = this.#steps.get(id ?? "");
    if (step === undefined) return undefined;
    if (step.form.node !== undefined && reaches(step.form.node, within))
      return [...step.path, "node", ...within];
    return [...step.path, ...writtenAs(within)];
  }
}

/** The member of a step that a part of its node was made of. */
function writtenAs([properties, execution, part, ...rest]: readonly string[]): Path {
  if (properties !== "properties" || execution !== "runtime_execution") return [];
  if (part === "files") return rest.slice(0, 2);
  if (part === "http" || part === "wait") return [part, ...rest];
  const [member = "", ...below] = rest;
  if (part !== "subprocess") return [];
  return member === "env" ? [member, ...below] : ["run", ...(member === "argv" ? below : [member, ...below])];
}

/** Whether the way out says something on the way to these keys, so that it is what is wrong. */
function reaches(over: JsonObject, keys: readonly string[]): boolean {
  let holder: JsonValue = over;
  for (const key of keys) {
    if (!isJsonObject(holder)) return true;
    const next: JsonValue | undefined = member(holder, key);
    if (next === undefined) return false;
    holder = next;
  }
  return keys.length > 0;
}
