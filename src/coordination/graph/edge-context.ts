/**
 * What the edges that lead to a step tell it: who hands over, who delegates, in which group it runs.
 * It reads edges that scheduling has already accepted and decides nothing.
 *
 * Source: spec kernel §12.4.
 */
import type { JsonObject } from "../../json/value.ts";
import { compareCodePoints, sortedUnique } from "../code-point.ts";
import type { CoordinationEdge } from "../model.ts";
import { delegateBit, handoffBit, kindSet, kindsOf, parallelBit, textOf } from "./edge-kinds.ts";

/** The edge members of `policy_context`; those that are absent have no such edge. */
export interface EdgeContext {
  readonly handoffEdges: readonly JsonObject[];
  readonly delegateEdges: readonly JsonObject[];
  readonly parallelEdges: readonly JsonObject[];
  readonly handoffFrom: readonly string[];
  readonly edgeKind?: string;
  readonly handoffId?: string;
  readonly delegateKind?: string;
}

/** @param incoming every edge whose destination is the step, self-edges included. */
export function edgeContext(incoming: readonly CoordinationEdge[]): EdgeContext {
  if (incoming.length === 0) return noEdges;
  const kinds = kindSet(incoming);
  if ((kinds & (handoffBit | delegateBit | parallelBit)) === 0) return kindOnly(kinds);
  const edges = [...incoming].sort(
    (a, b) => compareCodePoints(a.src, b.src) || compareCodePoints(a.edgeId, b.edgeId),
  );
  const handoffs = edges.filter(({ kind }) => kind === "handoff");
  const delegates = edges.filter(({ kind }) => kind === "delegate");
  const parallels = edges.filter(({ kind }) => kind === "parallel");
  return {
    handoffEdges: handoffs.map(handoffJson),
    delegateEdges: delegates.map(delegateJson),
    parallelEdges: parallels.map(parallelJson),
    handoffFrom: sortedUnique(handoffs.map(({ src }) => src)),
    edgeKind: kindsOf(kinds).join(","),
    ...(handoffs.length === 0 ? {} : { handoffId: joined(handoffs.map(handoffIdOf)) }),
    ...(delegates.length === 0 ? {} : { delegateKind: joined(delegates.map(delegateKindOf)) }),
  };
}

const noEdges: EdgeContext = { handoffEdges: [], delegateEdges: [], parallelEdges: [], handoffFrom: [] };

/** Most steps of every large plan have no other edges, and then their contexts differ in nothing but the kinds. */
function kindOnly(kinds: number): EdgeContext {
  const known = kindOnlyContexts[kinds];
  if (known !== undefined) return known;
  const context = { ...noEdges, edgeKind: kindsOf(kinds).join(",") };
  kindOnlyContexts[kinds] = context;
  return context;
}

/** By set of kinds, filled as needed. */
const kindOnlyContexts: EdgeContext[] = [];

function joined(texts: readonly string[]): string {
  const only = texts[0];
  return texts.length === 1 && only !== undefined ? only : sortedUnique(texts).join(",");
}

function handoffJson(edge: CoordinationEdge): JsonObject {
  const artifact = textOf(edge.metadata?.["artifact_ref"]);
  return {
    edge_id: edge.edgeId,
    from_step_id: edge.src,
    handoff_id: handoffIdOf(edge),
    ...(artifact === undefined ? {} : { artifact_ref: artifact }),
  };
}

function delegateJson(edge: CoordinationEdge): JsonObject {
  return { edge_id: edge.edgeId, from_step_id: edge.src, delegate_target: delegateTargetOf(edge) };
}

function parallelJson(edge: CoordinationEdge): JsonObject {
  const group = textOf(edge.metadata?.["parallel_group_id"]);
  return {
    edge_id: edge.edgeId,
    from_step_id: edge.src,
    ...(group === undefined ? {} : { parallel_group_id: group }),
  };
}

function handoffIdOf(edge: CoordinationEdge): string {
  return textOf(edge.metadata?.["handoff_id"]) ?? "";
}

function delegateTargetOf(edge: CoordinationEdge): string {
  return textOf(edge.metadata?.["delegate_target"]) ?? "";
}

function delegateKindOf(edge: CoordinationEdge): string {
  const kind = textOf(edge.metadata?.["delegate_kind"]);
  return kind ?? (/^https?:\/\//.test(delegateTargetOf(edge)) ? "http" : "opaque");
}
