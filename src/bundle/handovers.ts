/**
 * Holds what steps say they are given against the coordination graph: every file and every value comes from a step whose
 * output is handed over to them, and that step puts it out. It sees texts and edges only; nothing has run yet.
 *
 * Source: docs/step-files.md; spec kernel §12.6.
 */
import type { Issue } from "../errors.ts";
import { isJsonObject, type JsonArray, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { emptyObject, listAt, member, objectAt, textAt } from "./member.ts";
import type { Bundle, GraphNode, IrDocument, LoadedCoordination, Route } from "./model.ts";
import {
  type Placeholder,
  parseTemplate,
  placeholderName,
  programOf,
  textsOf,
  urlTemplateFault,
} from "./placeholders.ts";
import { hintsOf, resolveRoute, routeSpec } from "./routing.ts";
import { pointer } from "./shape/rule.ts";

interface Judged extends Pick<Bundle, "nodes" | "document" | "metadata"> {
  readonly ir: IrDocument | undefined;
  readonly coordination: LoadedCoordination | undefined;
}

export interface Handovers {
  readonly issues: readonly Issue[];
  /** Steps of which others name files or values. */
  readonly stepsRead: ReadonlySet<string>;
}

/** Costs one look at each node where no step names anything. */
export function judgeHandovers(bundle: Judged): Handovers {
  const found = new Map<string, Issue>();
  const stepsRead = new Set<string>();
  const nodes = bundle.nodes.filter(namesAnything);
  if (nodes.length === 0) return { issues: [], stepsRead };
  // Steps that share a node share its faults.
  const add = (issue: Issue) => found.set(`${issue.path}\0${issue.message}`, issue);
  const graph = graphOf(bundle);
  const placeOf = placesOf(bundle);
  for (const node of nodes) {
    const place = placeOf(node.nodeId);
    const steps = graph.stepsOf(node);
    if (steps.length === 0) {
      add({ path: place, message: "has files or placeholders, but no coordination step runs this node" });
    }
    for (const stepId of steps) {
      const judge = new StepJudge({ stepId, node, place, graph, metadata: bundle.metadata });
      for (const issue of judge.issues()) add(issue);
      for (const from of judge.read) stepsRead.add(from);
    }
    if (found.size > limits.issuesCollectedMax) break;
  }
  return { issues: [...found.values()], stepsRead };
}

function namesAnything(node: GraphNode): boolean {
  const says = (from: JsonObject) => {
    const hints = objectAt(from, "runtime_execution");
    return member(hints, "files") !== undefined || member(hints, "placeholders") === true;
  };
  return says(node.properties) || says(node.contract?.acceptance ?? emptyObject);
}

interface Graph {
  stepsOf(node: GraphNode): readonly string[];
  has(stepId: string): boolean;
  handsOver(from: string, to: string): boolean;
  routeOf(stepId: string): Route | undefined;
}

function graphOf({ nodes, metadata, coordination }: Judged): Graph {
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const stepsOfNode = new Map<string, string[]>();
  const nodeOfStep = coordination?.nodeOfStep ?? new Map<string, string>();
  for (const [stepId, nodeId] of nodeOfStep) {
    const siblings = stepsOfNode.get(nodeId);
    if (siblings === undefined) stepsOfNode.set(nodeId, [stepId]);
    else siblings.push(stepId);
  }
  const arcs = new Map<string, Set<string>>();
  for (const { kind, src, dst } of coordination?.spec.edges ?? []) {
    if (kind === "handoff") arcs.set(dst, (arcs.get(dst) ?? new Set()).add(src));
  }
  return {
    stepsOf: ({ nodeId }) => stepsOfNode.get(nodeId) ?? [],
    has: (stepId) => nodeOfStep.has(stepId),
    handsOver: (from, to) => arcs.get(to)?.has(from) === true,
    routeOf(stepId) {
      const node = byId.get(nodeOfStep.get(stepId) ?? "");
      return node === undefined ? undefined : resolveRoute("coordination.step", node, metadata);
    },
  };
}

interface Subject {
  readonly stepId: string;
  readonly node: GraphNode;
  /** JSON pointer of the node's `runtime_execution`. */
  readonly place: string;
  readonly graph: Graph;
  readonly metadata: JsonObject;
}

class StepJudge {
  readonly read = new Set<string>();
  readonly #subject: Subject;
  readonly #issues: Issue[] = [];

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  issues(): readonly Issue[] {
    const { graph, stepId, node, metadata } = this.#subject;
    const route = graph.routeOf(stepId);
    const hints = hintsOf(node);
    const files = member(hints, "files");
    if (files !== undefined && route?.kind !== "subprocess") {
      const why = route?.kind === "malformed" ? route.why : "only a process takes and leaves files";
      this.#fault(["files"], why);
    }
    if (route?.kind === "subprocess") this.#judgeInputs(route.files?.inputs ?? []);
    if (member(hints, "placeholders") !== true) return this.#issues;
    if (route?.kind === "subprocess" || route?.kind === "http") {
      this.#judgeTexts(route.kind, routeSpec(hints, route.kind, metadata));
    } else if (route?.kind === "malformed") this.#fault(["placeholders"], route.why);
    return this.#issues;
  }

  #judgeInputs(inputs: readonly { readonly stepId: string; readonly path: string }[]): void {
    const { graph } = this.#subject;
    for (const [index, { stepId: from, path }] of inputs.entries()) {
      const at = ["files", "inputs", index];
      if (!this.#isHandedFrom(from, [...at, "step"])) continue;
      const route = graph.routeOf(from);
      const left = route?.kind === "subprocess" ? (route.files?.outputs ?? []) : [];
      if (left.includes(path)) continue;
      const leaves = left.length === 0 ? "leaves no files" : `leaves ${left.join(", ")}`;
      this.#fault([...at, "path"], `is no file that step "${from}" leaves: it ${leaves}`);
    }
  }

  #judgeTexts(kind: "subprocess" | "http", spec: ReturnType<typeof routeSpec>): void {
    const program = kind === "subprocess" ? programOf(spec) : undefined;
    if (program?.text.includes("${{") === true)
      this.#fault([kind, ...program.at], "must not hold a placeholder: it is the program");
    const names = new Set<string>();
    for (const { at, text, isUrl } of textsOf(kind, spec)) {
      const template = parseTemplate(text);
      if (template.kind === "faulty") {
        this.#fault([kind, ...at], template.why);
        continue;
      }
      const wrong = isUrl ? urlTemplateFault(text) : undefined;
      if (wrong !== undefined) this.#fault([kind, ...at], wrong);
      for (const part of template.parts) {
        if (typeof part === "string") continue;
        names.add(placeholderName(part));
        this.#judgePlaceholder(part, [kind, ...at]);
      }
    }
    if (names.size > limits.placeholdersMax)
      this.#fault([kind], `has more than ${limits.placeholdersMax} placeholders`);
  }

  #judgePlaceholder(placeholder: Placeholder, at: readonly (string | number)[]): void {
    const { stepId: from, key } = placeholder;
    if (!this.#isHandedFrom(from, at)) return;
    const known = keysOf(this.#subject.graph.routeOf(from));
    const [first = ""] = key;
    const fits = known.some((one) =>
      one.endsWith(".") ? key.length > 1 && one === `${first}.` : key.length === 1 && one === first,
    );
    if (fits) return;
    const shown = known.map((one) => (one.endsWith(".") ? `${one}MEMBER` : one)).join(", ");
    const has = shown === "" ? "puts out nothing that can be named" : `puts out ${shown}`;
    this.#fault(at, `names "${key.join(".")}" of step "${from}", which ${has}`);
  }

  #isHandedFrom(from: string, at: readonly (string | number)[]): boolean {
    const { graph, stepId } = this.#subject;
    if (!graph.has(from)) {
      this.#fault(at, `there is no step "${from}"`);
      return false;
    }
    if (!graph.handsOver(from, stepId)) {
      this.#fault(at, `step "${stepId}" is handed nothing by "${from}": there is no handoff edge from it`);
      return false;
    }
    this.read.add(from);
    return true;
  }

  #fault(at: readonly (string | number)[], message: string): void {
    const { place } = this.#subject;
    // A node of a file beside the bundle: the pointer says where the bundle refers to it, the words the rest.
    const beside = !place.endsWith("/runtime_execution");
    this.#issues.push(
      beside
        ? { path: place, message: `runtime_execution${pointer(at)} ${message}` }
        : { path: `${place}${pointer(at)}`, message },
    );
  }
}

/** The documented keys that a step's output has by its route; one with a dot at its end leads into JSON. */
function keysOf(route: Route | undefined): readonly string[] {
  switch (route?.kind) {
    case "subprocess":
      return ["stdout", "exit_code", "output"];
    case "http":
      return ["http_status_code", "body", "body.", "output"];
    case "wait":
      return route.for.kind === "signal" ? ["signal", "sender", "payload", "payload.", "output"] : [];
    case "delegate_adapter":
      return ["output"];
    default:
      return [];
  }
}

/** Where a node's `runtime_execution` stands; of a node in a file beside the bundle, where the bundle refers to it. */
function placesOf({ document, ir }: Judged): (nodeId: string) => string {
  const embedded = listAt(objectAt(document, "system_ir"), "nodes");
  const references = positions(listAt(document, "referenced_ir_nodes"));
  const written = positions(embedded);
  const known = new Set((ir?.nodes ?? []).map(({ id }) => id));
  return (nodeId) => {
    const reference = `/referenced_ir_nodes/${references.get(nodeId) ?? 0}`;
    if (!known.has(nodeId)) return `${reference}/properties/runtime_execution`;
    if (embedded.length === 0) return reference;
    return `/system_ir/nodes/${written.get(nodeId) ?? 0}/properties/runtime_execution`;
  };
}

/** Of ids that stand twice, the first counts. */
function positions(list: JsonArray): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [index, item] of list.entries()) {
    const id = isJsonObject(item) ? textAt(item, "id") : undefined;
    if (id !== undefined && !places.has(id)) places.set(id, index);
  }
  return places;
}
