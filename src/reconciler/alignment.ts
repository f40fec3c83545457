/**
 * Whether a bundle's deployment intents are what its IR says, where the bundle wants that to be exact. Only the keys that come from
 * the IR are compared: what a compiler adds to a row is its own affair. Pure.
 *
 * Source: spec reconcile §1.4 (strict alignment); W-13.
 */
import { member } from "../bundle/member.ts";
import type { Bundle, IrNode } from "../bundle/model.ts";
import type { Issue } from "../errors.ts";
import { canonicalJson } from "../json/canonical.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import { deployableNodes, intentRows } from "./desired.ts";

/** Nothing when it is not asked for, or when they agree. */
export function misalignments(bundle: Bundle): readonly Issue[] {
  if (bundle.metadata["deployment_intents_ir_alignment"] !== "strict") return [];
  if (bundle.ir === undefined) {
    return [{ path: "/deployment_intents_ir_alignment", message: "is strict, and the bundle has no IR" }];
  }
  const issues: Issue[] = [];
  const expected = new Map(deployableNodes(bundle).map((node) => [node.id, projected(node)]));
  const seen = new Set<string>();
  for (const [index, row] of intentRows(bundle).entries()) {
    const path = `/deployment_intents/${index}`;
    const id = String(row["node_id"] ?? "");
    const wanted = expected.get(id);
    if (wanted === undefined || seen.has(id)) {
      issues.push({
        path,
        message: wanted === undefined ? "no deployable IR node has this id" : "is there twice",
      });
      continue;
    }
    seen.add(id);
    for (const [key, value] of Object.entries(wanted)) {
      const found = member(row, key) ?? null;
      if (canonicalJson(found) !== canonicalJson(value)) {
        issues.push({ path: `${path}/${key}`, message: "is not what the IR says" });
      }
    }
  }
  for (const id of expected.keys()) {
    if (!seen.has(id))
      issues.push({ path: "/deployment_intents", message: `has no row for the IR node ${id}` });
  }
  return issues;
}

/** The six documented keys; nulls are kept. */
function projected({ id, kind, name, document, contract }: IrNode): Readonly<Record<string, JsonValue>> {
  return {
    node_id: id,
    kind,
    name,
    depends_on: listOf(document, "depends_on"),
    effects: member(document, "effects") ?? null,
    contract_id: contract?.contractId ?? null,
  };
}

function listOf(document: JsonObject, key: string): JsonValue {
  return member(document, key) ?? [];
}
