/**
 * Orders a coordination graph into the layers that people read and the precedence that the kernel obeys.
 * Never looks at a clock, a disk or the policy: the same graph always gives the same plan, however it is written down.
 *
 * Source: spec kernel §11.4 (Kahn's algorithm, layer by layer), §12.6.
 */
import { fingerprint } from "../json/fingerprint.ts";
import { cycleError } from "./graph/cycle.ts";
import { at, lower, type PrecedenceGraph } from "./lower.ts";
import type { CoordinationPlan, CoordinationSpec } from "./model.ts";
import { precedenceRows } from "./plan-json.ts";

/**
 * Linear in steps and edges, apart from sorting the ids.
 * @throws AkcError COORDINATION_INVALID, or COORDINATION_CYCLE with `details.cycle`: the ids of the steps of one cycle, in order.
 */
export function schedule(spec: CoordinationSpec): CoordinationPlan {
  const graph = lower(spec);
  const layers = layersOf(graph);
  const precedence = graph.arcs;
  let hash: string | undefined;
  return {
    layers,
    stepOrder: layers.flat(),
    precedence,
    // Taken when it is first asked for: showing a plan of 200 000 edges does not need it, running one does.
    get loweredPrecedenceSha256() {
      hash ??= fingerprint({ lowered_precedence_edges: precedenceRows(precedence) });
      return hash;
    },
  };
}

function layersOf(graph: PrecedenceGraph): readonly (readonly string[])[] {
  const layerOf = layerOfEachRank(graph);
  const { stepIds } = graph;
  let deepest = -1;
  for (let rank = 0; rank < stepIds.length; rank++) deepest = Math.max(deepest, at(layerOf, rank));
  const layers = Array.from({ length: deepest + 1 }, (): string[] => []);
  // By ascending rank, so that every layer comes out in the order of ids without being sorted.
  for (let rank = 0; rank < stepIds.length; rank++) layers[at(layerOf, rank)]?.push(stepIds[rank] ?? "");
  return layers;
}

/** A step's layer is the length of the longest chain that leads to it. */
function layerOfEachRank(graph: PrecedenceGraph): Int32Array {
  const { stepIds, successorStart, successors } = graph;
  const waitsFor = new Int32Array(stepIds.length);
  for (let arc = 0; arc < successors.length; arc++) {
    const dst = at(successors, arc);
    waitsFor[dst] = at(waitsFor, dst) + 1;
  }
  const layerOf = new Int32Array(stepIds.length);
  const ready = new Int32Array(stepIds.length);
  let found = 0;
  for (let rank = 0; rank < stepIds.length; rank++) if (waitsFor[rank] === 0) ready[found++] = rank;
  for (let done = 0; done < found; done++) {
    const src = at(ready, done);
    for (let arc = at(successorStart, src); arc < at(successorStart, src + 1); arc++) {
      const dst = at(successors, arc);
      const left = at(waitsFor, dst) - 1;
      waitsFor[dst] = left;
      if (left > 0) continue;
      // Steps become ready in the order of layers, so the last predecessor to be done is one of the deepest.
      layerOf[dst] = at(layerOf, src) + 1;
      ready[found++] = dst;
    }
  }
  if (found < stepIds.length) throw cycleError(graph, waitsFor);
  return layerOf;
}
