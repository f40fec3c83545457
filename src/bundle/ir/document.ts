/**
 * Reads IR documents: what is wrong with one, its normal form, and the fingerprint of that form, which is what bundles
 * refer to. A document that breaks a rule is never half used.
 *
 * Source: spec bundle §3.1, §3.2, §22.
 */

import { AkcError } from "../../errors.ts";
import { fingerprint, sha256Hex } from "../../json/fingerprint.ts";
import { compareCodePoints, sortedByCodePoint } from "../../json/order.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { member, objectAt, objectsAt, requiredText, textAt, textsAt, withoutNulls } from "../member.ts";
import type { IrDocument, IrNode, NodeKind } from "../model.ts";
import { irDocument, nodeKinds } from "../shape/ir.ts";
import { issuesOf } from "../shape/rule.ts";
import { normalContract, readContract } from "./contract.ts";

/** A document together with the scope it says it belongs to. */
export interface ScopedIr {
  readonly ir: IrDocument;
  readonly tenantId: string;
  readonly repoId: string;
}

/** @throws AkcError IR_PARSE with every issue */
export function parseIr(value: JsonValue): ScopedIr {
  const issues = issuesOf(value, irDocument);
  if (issues.length > 0 || !isJsonObject(value)) throw new AkcError("IR_PARSE", { issues });
  return readIr(value);
}

/** A document that has passed `irDocument`, as the embedded one of a bundle has that was judged. */
export function readIr(value: JsonObject): ScopedIr {
  const nodes = objectsAt(value, "nodes")
    .map(readIrNode)
    .sort((a, b) => compareCodePoints(a.id, b.id));
  const tenantId = requiredText(value, "tenant_id");
  const repoId = requiredText(value, "repo_id");
  const normal: JsonObject = {
    schema_kind: "akc_ir",
    schema_version: asDouble(member(value, "schema_version")) ?? 2,
    format_version: member(value, "format_version") ?? "2.0",
    tenant_id: tenantId,
    repo_id: repoId,
    nodes: nodes.map((node) => node.document),
  };
  return { ir: { nodes, sha256: fingerprint(normal) }, tenantId, repoId };
}

/** What a node is apart from its contract and its normal form. */
export type PlainNode = Omit<IrNode, "contract" | "document">;

/** A node that has passed `referencedNode`, or `irNode`. */
export function readPlainNode(value: JsonObject): PlainNode {
  return {
    id: requiredText(value, "id"),
    kind: readNodeKind(value),
    name: requiredText(value, "name"),
    properties: objectAt(value, "properties"),
    dependsOn: sortedByCodePoint([...new Set(textsAt(value, "depends_on"))]),
  };
}

function readIrNode(value: JsonObject): IrNode {
  const node = readPlainNode(value);
  const contract = member(value, "contract");
  return {
    ...node,
    ...(isJsonObject(contract) ? { contract: readContract(contract) } : {}),
    document: normalNode(node, value),
  };
}

function readNodeKind(value: JsonObject): NodeKind {
  const word = textAt(value, "kind") ?? "other";
  const kind = nodeKinds.find((known) => known === word);
  if (kind === undefined) throw new AkcError("INTERNAL", { message: "a node's kind was not checked" });
  return kind;
}

/** The id that the compiler gives a node of this kind and name. */
export function stableNodeId(kind: string, name: string): string {
  return `irn_${sha256Hex(`${kind.trim()}::${name.trim()}`).slice(0, 16)}`;
}

function normalNode(node: PlainNode, value: JsonObject): JsonObject {
  const effects = member(value, "effects");
  const contract = member(value, "contract");
  return {
    id: node.id,
    tenant_id: requiredText(value, "tenant_id"),
    kind: node.kind,
    name: node.name,
    properties: node.properties,
    depends_on: node.dependsOn,
    provenance: objectsAt(value, "provenance").map(normalPointer).sort(byPlace),
    ...(isJsonObject(effects) ? { effects: normalEffects(effects) } : {}),
    ...(isJsonObject(contract) ? { contract: normalContract(contract) } : {}),
  };
}

function normalEffects(value: JsonObject): JsonObject {
  return {
    network: member(value, "network") ?? false,
    fs_read: textsAt(value, "fs_read"),
    fs_write: textsAt(value, "fs_write"),
    secrets: textsAt(value, "secrets"),
    tools: textsAt(value, "tools"),
  };
}

function normalPointer(value: JsonObject): JsonObject {
  const locator = textAt(value, "locator") ?? null;
  const sha256 = textAt(value, "sha256")?.toLowerCase() ?? null;
  return withoutNulls({
    tenant_id: requiredText(value, "tenant_id"),
    kind: requiredText(value, "kind"),
    source_id: requiredText(value, "source_id"),
    locator,
    sha256,
    metadata: member(value, "metadata") ?? null,
  });
}

function byPlace(a: JsonObject, b: JsonObject): number {
  for (const key of ["kind", "source_id", "locator"]) {
    const order = compareCodePoints(textAt(a, key) ?? "", textAt(b, key) ?? "");
    if (order !== 0) return order;
  }
  return 0;
}
