/**
 * What a bundle wants to stand, from its IR or its deployment intents. Pure: looks at nothing that stands.
 *
 * Source: spec reconcile §1.4.
 */
import { emptyObject, listAt, member, objectAt, textAt } from "../bundle/member.ts";
import type { Bundle, IrNode, NodeKind } from "../bundle/model.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { compareCodePoints } from "../json/order.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../json/value.ts";
import type { DesiredResource } from "../providers/contract.ts";

const deployable: ReadonlySet<NodeKind> = new Set(["service", "integration", "infrastructure", "agent"]);

/** False only where nothing is desired. Asked of every bundle at its start, so it looks at no node. */
export function mayDesire(bundle: Bundle): boolean {
  return intentRows(bundle).length > 0 || bundle.metadata["reconcile_deploy_targets_from_ir_only"] === true;
}

/** Sorted by id; of two intents for one node the later counts. */
export function desiredResources(bundle: Bundle): readonly DesiredResource[] {
  const fromIr = bundle.desiredStateSource === "ir";
  const irNodes = new Map((fromIr ? (bundle.ir?.nodes ?? []) : []).map((node) => [node.id, node]));
  const desired = new Map<string, DesiredResource>();
  const want = (resourceId: string, resourceClass: string, intent: JsonObject, row: JsonObject = intent) =>
    desired.set(resourceId, {
      resourceId,
      resourceClass,
      name: textAt(intent, "name") ?? resourceId,
      desiredHash: fingerprint(intent),
      intent,
      // The row is nearer to what is deployed than the node that it speaks of.
      settings: settingsOf(row) ?? settingsOf(intent) ?? emptyObject,
      dependsOn: dependenciesOf(intent),
    });
  if (fromIr && bundle.metadata["reconcile_deploy_targets_from_ir_only"] === true) {
    for (const node of deployableNodes(bundle)) want(node.id, node.kind, node.document);
  } else {
    for (const row of intentRows(bundle)) {
      const id = String(row["node_id"] ?? "").trim();
      const kind = typeof row["kind"] === "string" && row["kind"] !== "" ? row["kind"] : "service";
      if (id !== "") want(id, kind, irNodes.get(id)?.document ?? row, row);
    }
  }
  return [...desired.values()]
    .map((resource) => ({ ...resource, dependsOn: resource.dependsOn.filter((id) => desired.has(id)) }))
    .sort((a, b) => compareCodePoints(a.resourceId, b.resourceId));
}

/** `runtime_deployment` stands beside the other keys of an intent, or among the properties of a node. */
function settingsOf(intent: JsonObject): JsonObject | undefined {
  const beside = member(intent, "runtime_deployment");
  const within = member(objectAt(intent, "properties"), "runtime_deployment");
  return [beside, within].find((one) => isJsonObject(one));
}

function dependenciesOf(intent: JsonObject): readonly string[] {
  const ids = listAt(intent, "depends_on").filter((id) => typeof id === "string");
  return [...new Set(ids)].sort(compareCodePoints);
}

/** Of the IR, those that the bundle refers to; all where it refers to none. */
export function deployableNodes({ ir, nodes }: Bundle): readonly IrNode[] {
  const referenced = new Set(nodes.map((node) => node.nodeId));
  return (ir?.nodes ?? []).filter(
    ({ id, kind }) => deployable.has(kind) && (referenced.size === 0 || referenced.has(id)),
  );
}

export function intentRows(bundle: Bundle): readonly JsonObject[] {
  const rows = bundle.metadata["deployment_intents"];
  return isJsonArray(rows) ? rows.filter((row) => isJsonObject(row)) : [];
}

/** The kind of provider that a bundle names, if it names one. */
export function providerKind({ metadata }: Bundle): string | undefined {
  return (
    textAt(objectAt(metadata, "deployment_provider"), "kind") ??
    textAt(objectAt(metadata, "deployment_provider_contract"), "kind")
  );
}
