/**
 * Lowers edges of every kind to one relation, "source before destination", with each arc's provenance.
 * It works on ranks (a step's position in the order of ids), never compares two ids more often than sorting needs,
 * and never decides an order of steps: `schedule.ts` does.
 *
 * Source: spec kernel §11.3, §11.4.
 */
import { sortedByCodePoint, sortedUnique } from "./code-point.ts";
import { checkEdgeMetadata, delegateBit, handoffBit, kindBit, kindsOf } from "./graph/edge-kinds.ts";
import type { CoordinationEdge, CoordinationSpec, PrecedenceEdge } from "./model.ts";
import { Numbering } from "./text/numbering.ts";

/** A graph over ranks. The successors of rank `r` are `successors[successorStart[r] … successorStart[r + 1] - 1]`, ascending and distinct. */
export interface PrecedenceGraph {
  /** In code-point order: the index is the rank. */
  readonly stepIds: readonly string[];
  readonly successorStart: Int32Array;
  readonly successors: Int32Array;
  /** Parallel to `successors`, that is sorted by (src, dst). */
  readonly arcs: readonly PrecedenceEdge[];
}

/** @throws AkcError COORDINATION_INVALID for an edge kind or edge metadata that the spec's version does not allow. */
export function lower(spec: CoordinationSpec): PrecedenceGraph {
  const kinds = checkedKinds(spec);
  const steps = rankSteps(spec);
  const order = edgesBySourceThenDestination(steps);
  return mergeArcs(spec.edges, kinds, steps, order);
}

/** One kind bit an edge. Kinds of all edges are judged before the metadata of any. */
function checkedKinds({ edges, version }: CoordinationSpec): Uint8Array {
  const kinds = new Uint8Array(edges.length);
  let seen = 0;
  for (let index = 0; index < edges.length; index++) {
    const bit = kindBit(edges[index]?.kind ?? "", version);
    kinds[index] = bit;
    seen |= bit;
  }
  if ((seen & (handoffBit | delegateBit)) !== 0) {
    for (const [index, edge] of edges.entries()) {
      if (kinds[index] === handoffBit) checkEdgeMetadata(edge, "handoff");
      if (kinds[index] === delegateBit) checkEdgeMetadata(edge, "delegate");
    }
  }
  return kinds;
}

interface RankedSteps {
  readonly ids: readonly string[];
  /** Rank of each edge's source and destination. */
  readonly src: Int32Array;
  readonly dst: Int32Array;
}

/** The step set: nodes of kind `step` and every endpoint of an edge, declared or not. */
function rankSteps({ nodes, edges }: CoordinationSpec): RankedSteps {
  const numbers = new Numbering();
  for (const node of nodes) if (node.kind === "step") numbers.of(node.nodeId);
  const src = new Int32Array(edges.length);
  const dst = new Int32Array(edges.length);
  for (let index = 0; index < edges.length; index++) {
    const edge = edges[index];
    if (edge === undefined) continue;
    src[index] = numbers.of(edge.src);
    dst[index] = numbers.of(edge.dst);
  }
  const ids = sortedByCodePoint(numbers.texts);
  const rankOf = new Int32Array(ids.length);
  for (let rank = 0; rank < ids.length; rank++) rankOf[numbers.of(ids[rank] ?? "")] = rank;
  for (let index = 0; index < src.length; index++) {
    src[index] = at(rankOf, at(src, index));
    dst[index] = at(rankOf, at(dst, index));
  }
  return { ids, src, dst };
}

/** Indexes of the edges that join two steps (self-edges order nothing), sorted by two stable counting sorts. */
function edgesBySourceThenDestination({ ids, src, dst }: RankedSteps): Int32Array {
  const joining = new Int32Array(src.length);
  let count = 0;
  for (let edge = 0; edge < src.length; edge++) if (src[edge] !== dst[edge]) joining[count++] = edge;
  const byDestination = countingSort(joining.subarray(0, count), dst, ids.length);
  return countingSort(byDestination, src, ids.length);
}

function countingSort(items: Int32Array, keyOf: Int32Array, keys: number): Int32Array {
  const next = new Int32Array(keys + 1);
  // Plain loops: iterating over a typed array costs several times as much as its elements do.
  for (let index = 0; index < items.length; index++) bump(next, at(keyOf, at(items, index)) + 1);
  for (let key = 0; key < keys; key++) next[key + 1] = at(next, key + 1) + at(next, key);
  const sorted = new Int32Array(items.length);
  for (let index = 0; index < items.length; index++) {
    const item = at(items, index);
    sorted[bump(next, at(keyOf, item))] = item;
  }
  return sorted;
}

function mergeArcs(
  edges: readonly CoordinationEdge[],
  kinds: Uint8Array,
  { ids, src, dst }: RankedSteps,
  order: Int32Array,
): PrecedenceGraph {
  const successorStart = new Int32Array(ids.length + 1);
  const successors = new Int32Array(order.length);
  const arcs: PrecedenceEdge[] = [];
  for (let first = 0, next = 0; first < order.length; first = next) {
    const edge = at(order, first);
    const from = at(src, edge);
    const to = at(dst, edge);
    let kindSet = at(kinds, edge);
    for (next = first + 1; next < order.length; next++) {
      const other = at(order, next);
      if (src[other] !== from || dst[other] !== to) break;
      kindSet |= at(kinds, other);
    }
    successors[arcs.length] = to;
    bump(successorStart, from + 1);
    arcs.push({
      src: ids[from] ?? "",
      dst: ids[to] ?? "",
      edgeIds: edgeIds(edges, order, first, next),
      kinds: kindsOf(kindSet),
    });
  }
  for (let rank = 0; rank < ids.length; rank++) {
    successorStart[rank + 1] = at(successorStart, rank + 1) + at(successorStart, rank);
  }
  return { stepIds: ids, successorStart, successors: successors.subarray(0, arcs.length), arcs };
}

function edgeIds(
  edges: readonly CoordinationEdge[],
  order: Int32Array,
  first: number,
  end: number,
): readonly string[] {
  const ids = [edges[at(order, first)]?.edgeId ?? ""];
  for (let index = first + 1; index < end; index++) ids.push(edges[at(order, index)]?.edgeId ?? "");
  return ids.length === 1 ? ids : sortedUnique(ids);
}

/** `array[index]`, which is in bounds wherever this is called. */
export function at(array: Int32Array | Uint8Array, index: number): number {
  return array[index] ?? 0;
}

/** Adds one and gives what was there before. */
function bump(array: Int32Array, index: number): number {
  const before = at(array, index);
  array[index] = before + 1;
  return before;
}
