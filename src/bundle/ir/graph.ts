/**
 * Builds the runtime graph: the nodes a bundle refers to, each with its document and its contract. Where the IR has the
 * node, the IR's word counts; nothing is made up for a node that is in neither.
 *
 * Source: spec kernel §5.3; kernel:W-6.
 */
import type { Issue } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { listAt, objectAt, objectsAt, requiredText, textAt } from "../member.ts";
import type { Contract, GraphNode, IrDocument } from "../model.ts";
import { inlineNode } from "../shape/ir.ts";
import { issuesOf } from "../shape/rule.ts";
import { readContract } from "./contract.ts";
import { type PlainNode, readPlainNode } from "./document.ts";

export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** Faults that only show once nodes, contracts and IR are seen together; any of them stops the bundle. */
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
}

/**
 * The graph of a bundle whose shape has been checked. Linear in nodes, contracts and dependencies.
 * @param coordinated whether the bundle has a coordination graph, which then orders its workflow nodes
 */
export function buildGraph(
  bundle: JsonObject,
  ir: IrDocument | undefined,
  { coordinated }: { readonly coordinated: boolean },
): Graph {
  const issues: Issue[] = [];
  const found = findNodes(bundle, ir, issues);
  const contracts = readContracts(bundle);
  const nodes = found.map(({ node, contractId }) => graphNode(node, contractId, contracts.get(contractId)));
  const started = nodes.filter(
    (node) => node.contract !== undefined && !(coordinated && node.kind === "workflow"),
  );
  issues.push(...circularDependencies(started));
  return { nodes, issues, warnings: danglingReferences(found, contracts) };
}

interface FoundNode {
  /** JSON pointer of the reference. */
  readonly place: string;
  readonly node: PlainNode;
  readonly contractId: string;
}

function findNodes(bundle: JsonObject, ir: IrDocument | undefined, issues: Issue[]): readonly FoundNode[] {
  const irNodes = new Map((ir?.nodes ?? []).map((node) => [node.id, node]));
  const tenantId = requiredText(bundle, "tenant_id");
  const found: FoundNode[] = [];
  for (const [index, item] of listAt(bundle, "referenced_ir_nodes").entries()) {
    if (!isJsonObject(item)) continue;
    const place = `/referenced_ir_nodes/${index}`;
    const fromIr = irNodes.get(requiredText(item, "id"));
    const faults = fromIr === undefined ? inlineNodeIssues(item, tenantId, place) : [];
    issues.push(...faults);
    if (faults.length > 0) continue;
    const contractId = contractIdOf(item) ?? fromIr?.contract?.contractId ?? "unknown";
    found.push({ place, node: fromIr ?? readPlainNode(item), contractId });
  }
  return found;
}

/** A node that no IR describes must be whole, and belong to the bundle's tenant. */
function inlineNodeIssues(item: JsonObject, tenantId: string, place: string): Issue[] {
  const issues = issuesOf(item, inlineNode, place);
  if ((textAt(item, "tenant_id") ?? tenantId) !== tenantId) {
    issues.push({ path: `${place}/tenant_id`, message: "must equal the bundle's tenant_id" });
  }
  return issues;
}

function readContracts(bundle: JsonObject): ReadonlyMap<string, Contract> {
  const contracts = objectsAt(bundle, "referenced_contracts").map(readContract);
  return new Map(contracts.map((contract) => [contract.contractId, contract]));
}

function danglingReferences(
  found: readonly FoundNode[],
  contracts: ReadonlyMap<string, Contract>,
): readonly Issue[] {
  const warnings: Issue[] = [];
  const ids = new Set(found.map(({ node }) => node.id));
  for (const { place, node, contractId } of found) {
    if (contractId !== "unknown" && !contracts.has(contractId)) {
      warnings.push({ path: place, message: `its contract "${contractId}" is not in referenced_contracts` });
    }
    const outside = node.dependsOn.filter((id) => !ids.has(id));
    if (outside.length > 0) {
      const message = `depends on nodes that the bundle does not refer to: ${outside.join(", ")}`;
      warnings.push({ path: place, message });
    }
  }
  return warnings;
}

/** The states that no transition leaves; `completed` when there are none. */
function terminalStates(contract: Contract | undefined): readonly string[] {
  const transitions = contract?.transitions ?? [];
  if (transitions.length === 0) return completed;
  const left = new Set(transitions.map((transition) => transition.fromState));
  const terminal = new Set(
    transitions.map((transition) => transition.toState).filter((state) => !left.has(state)),
  );
  return terminal.size === 0 ? completed : [...terminal];
}

const completed: readonly string[] = ["completed"];

function graphNode(node: PlainNode, contractId: string, contract: Contract | undefined): GraphNode {
  return {
    nodeId: node.id,
    kind: node.kind,
    name: node.name,
    properties: node.properties,
    dependsOn: node.dependsOn,
    contractId,
    ...(contract === undefined ? {} : { contract }),
    initialState: contract?.initialState ?? "ready",
    terminalStates: terminalStates(contract),
  };
}

/** The contract that the bundle's own reference names. */
function contractIdOf(reference: JsonObject): string | undefined {
  return textAt(objectAt(reference, "contract"), "contract_id");
}

/**
 * Nodes that events start wait for the first success of those they depend on; in a circle none could ever start. Nodes
 * that nothing starts are not waited for.
 */
function circularDependencies(started: readonly GraphNode[]): Issue[] {
  const waiting = new Map(started.map((node) => [node.nodeId, 0]));
  const dependants = new Map<string, string[]>();
  for (const node of started) {
    const needs = new Set(node.dependsOn.filter((id) => id !== node.nodeId && waiting.has(id)));
    waiting.set(node.nodeId, needs.size);
    for (const id of needs) {
      const list = dependants.get(id);
      if (list === undefined) dependants.set(id, [node.nodeId]);
      else list.push(node.nodeId);
    }
  }
  const free = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
  for (let id = free.pop(); id !== undefined; id = free.pop()) {
    waiting.delete(id);
    for (const dependant of dependants.get(id) ?? []) {
      const left = (waiting.get(dependant) ?? 0) - 1;
      waiting.set(dependant, left);
      if (left === 0) free.push(dependant);
    }
  }
  if (waiting.size === 0) return [];
  const stuck = [...waiting.keys()].slice(0, 10).join(", ");
  return [
    {
      path: "/referenced_ir_nodes",
      message: `depends_on goes in a circle, so that these nodes (or nodes they wait for) can never start: ${stuck}`,
    },
  ];
}
