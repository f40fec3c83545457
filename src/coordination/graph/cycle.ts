/**
 * Names one cycle of a graph that has one, so that whoever wrote it need not search.
 * It is only asked when scheduling has already failed, and never decides whether there is a cycle.
 *
 * Source: spec kernel §11.5.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { at, type PrecedenceGraph } from "../lower.ts";
import type { PrecedenceEdge } from "../model.ts";

/**
 * Its `details.cycle` holds the ids of the cycle's steps in order (the first `limits.issuesShownMax` of them), `details.edges`
 * the ids of the edges that lead from each to the next, and `details.steps` how many steps the cycle has.
 * @param unscheduled above 0 at the rank of every step that Kahn's algorithm could not take.
 */
export function cycleError(graph: PrecedenceGraph, unscheduled: Int32Array): AkcError {
  const cycle = oneCycle(graph, unscheduled).map((arc) => graph.arcs[arc]);
  const shown = cycle.slice(0, limits.issuesShownMax);
  return new AkcError("COORDINATION_CYCLE", {
    hint: `Remove one of the edges of ${chain(cycle)}; steps on a cycle can never start.`,
    details: {
      errorClass: "CoordinationCycleError",
      cycle: shown.map((arc) => arc?.src ?? ""),
      edges: shown.map((arc) => arc?.edgeIds ?? []),
      steps: cycle.length,
    },
  });
}

/** Indexes of arcs, head to tail; the first is the one that leaves the step with the lowest rank on this cycle. */
function oneCycle(graph: PrecedenceGraph, unscheduled: Int32Array): number[] {
  // Every unscheduled step has an unscheduled predecessor, so walking backwards must come round.
  const arcInto = arcFromLowestUnscheduled(graph, unscheduled);
  const source = sources(graph);
  const visited = new Set<number>();
  let step = unscheduled.findIndex((left) => left > 0);
  while (!visited.has(step)) {
    visited.add(step);
    step = at(source, at(arcInto, step));
  }
  const cycle: number[] = [];
  let onCycle = step;
  do {
    const arc = at(arcInto, onCycle);
    cycle.push(arc);
    onCycle = at(source, arc);
  } while (onCycle !== step);
  cycle.reverse();
  const lowest = cycle.reduce((best, arc, index) => {
    return at(source, arc) < at(source, cycle[best] ?? 0) ? index : best;
  }, 0);
  return [...cycle.slice(lowest), ...cycle.slice(0, lowest)];
}

/** For every unscheduled step, the index of its arc from the unscheduled predecessor with the lowest rank. */
function arcFromLowestUnscheduled(graph: PrecedenceGraph, unscheduled: Int32Array): Int32Array {
  const arcInto = new Int32Array(graph.stepIds.length);
  for (let src = graph.stepIds.length - 1; src >= 0; src--) {
    if (unscheduled[src] === 0) continue;
    for (let arc = at(graph.successorStart, src); arc < at(graph.successorStart, src + 1); arc++) {
      arcInto[at(graph.successors, arc)] = arc;
    }
  }
  return arcInto;
}

function sources({ stepIds, successorStart, successors }: PrecedenceGraph): Int32Array {
  const source = new Int32Array(successors.length);
  for (let src = 0; src < stepIds.length; src++) {
    source.fill(src, at(successorStart, src), at(successorStart, src + 1));
  }
  return source;
}

const stepsInHintMax = 12;

function chain(cycle: readonly (PrecedenceEdge | undefined)[]): string {
  const ids = cycle.map((arc) => arc?.src ?? "");
  const left = ids.length > stepsInHintMax ? ["…"] : [];
  return [...ids.slice(0, stepsInHintMax), ...left, ids[0] ?? ""].join(" → ");
}
