/**
 * What each edge kind needs: the spec version that knows it and the metadata it must carry.
 * It judges one edge at a time and never looks at the graph.
 *
 * Source: spec kernel §11.4, §11.5.
 */
import type { JsonValue } from "../../json/value.ts";
import { invalid } from "../fault.ts";
import { type CoordinationEdge, type EdgeKind, edgeKinds } from "../model.ts";
import { pythonRepr, stripped } from "../text/python.ts";

/** `1 << index` of the kind in `edgeKinds`, so that kinds of merged edges are one number. */
export type KindBit = number;

const bits: ReadonlyMap<string, KindBit> = new Map(edgeKinds.map((kind, index) => [kind, 1 << index]));
const dependsOnBit = 1 << edgeKinds.indexOf("depends_on");

/** The kinds of accepted edges as one number. */
export function kindSet(edges: readonly CoordinationEdge[]): number {
  let set = 0;
  for (const { kind } of edges) set |= bits.get(kind) ?? 0;
  return set;
}

export const parallelBit: KindBit = 1 << edgeKinds.indexOf("parallel");
export const handoffBit: KindBit = 1 << edgeKinds.indexOf("handoff");
export const delegateBit: KindBit = 1 << edgeKinds.indexOf("delegate");

/** @throws AkcError COORDINATION_INVALID for a kind that this version of the spec does not know. */
export function kindBit(kind: string, version: number): KindBit {
  const bit = bits.get(kind);
  if (bit !== undefined && (version >= 2 || bit === dependsOnBit)) return bit;
  if (bit !== undefined) {
    throw invalid(
      "CoordinationReservedEdgeRequiresSpecV2",
      `edge kind ${pythonRepr(kind)} requires spec_version or coordination_spec_version >= 2`,
    );
  }
  const allowed: readonly EdgeKind[] = version >= 2 ? edgeKinds : ["depends_on"];
  throw invalid(
    "CoordinationUnsupportedEdgeKind",
    `unsupported coordination edge kind ${pythonRepr(kind)}; spec_version ${version} allows ${pythonRepr(allowed)} only`,
  );
}

/** Which key of the metadata an edge of this kind cannot do without. */
const requiredKey = { handoff: "handoff_id", delegate: "delegate_target" } as const;

/** @throws AkcError COORDINATION_INVALID for a handoff without `handoff_id` or a delegate without `delegate_target`. */
export function checkEdgeMetadata(edge: CoordinationEdge, kind: "handoff" | "delegate"): void {
  const where = `coordination edge ${pythonRepr(edge.edgeId)} (${kind})`;
  const details = { edge: edge.edgeId };
  if (edge.metadata === undefined) {
    throw invalid("CoordinationParseError", `${where}: metadata object is required`, details);
  }
  const key = requiredKey[kind];
  if (textOf(edge.metadata[key]) === undefined) {
    throw invalid("CoordinationParseError", `${where}: metadata.${key} must be a non-empty string`, details);
  }
}

/** The text of a metadata member, stripped; undefined when it is absent, blank or no string. */
export function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = stripped(value);
  return text === "" ? undefined : text;
}

/** The sorted kinds of a set of bits; equal sets give the same array. */
export function kindsOf(set: number): readonly EdgeKind[] {
  return kindSets[set] ?? [];
}

const kindSets: readonly (readonly EdgeKind[])[] = Array.from({ length: 1 << edgeKinds.length }, (_, set) =>
  edgeKinds.filter((_kind, index) => (set & (1 << index)) !== 0),
);
