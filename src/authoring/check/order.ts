/**
 * Which step comes before which: resolves `needs`, finds circles, and gives every step an edge over which it is handed what it
 * takes. Pure; the precedence of the bundle is exactly what is written, since an edge that is added only repeats it.
 */
import type { EdgeKind } from "../../coordination/model.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { type Faults, meant, type Path } from "../form/faults.ts";
import type { WrittenStep, WrittenSteps } from "../matrix.ts";
import type { NeedForm } from "../tables/step.ts";
import { Precedence } from "./precedence.ts";
import type { Taken } from "./taken.ts";

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly kind: EdgeKind;
  /** Of a delegate edge. */
  readonly target?: string;
  readonly metadata?: JsonObject;
  readonly path: Path;
}

/** Edges by the step that they lead to, in the order in which they are written. */
export function edgesOf(
  written: WrittenSteps,
  takenBy: ReadonlyMap<string, readonly Taken[]>,
  faults: Faults,
): ReadonlyMap<string, readonly Edge[]> {
  const needed = new Map<string, readonly Edge[]>();
  let count = 0;
  for (const step of written.steps) {
    const edges = neededBy(step, written, takenBy.get(step.id) ?? [], faults);
    count += edges.length;
    if (count > limits.planEdgesMax) {
      faults.add("too-large", step.path, `the plan has more than ${limits.planEdgesMax} edges`, "key");
      return needed;
    }
    needed.set(step.id, edges);
  }
  circles(needed, faults);
  const precedence = new Precedence(needed);
  return new Map(
    [...needed].map(([id, edges]) => [
      id,
      [...edges, ...handedOver(id, edges, takenBy.get(id) ?? [], precedence, faults)],
    ]),
  );
}

function neededBy(
  step: WrittenStep,
  { byKey, byId }: WrittenSteps,
  taken: readonly Taken[],
  faults: Faults,
): readonly Edge[] {
  const takenOf = new Set(taken.map(({ from }) => from));
  const edges = new Map<string, Edge>();
  for (const [index, need] of (step.form.needs ?? []).entries()) {
    const path = [...step.path, "needs", String(index)];
    const named = byKey.get(need.step) ?? (byId.has(need.step) ? [need.step] : undefined);
    if (named === undefined) {
      // A word that nobody is shown need not be searched among thousands.
      const known = faults.found.length < limits.issuesShownMax ? [...byKey.keys(), ...byId.keys()] : [];
      const others = known.length === 0 ? "" : `; there are ${known.slice(0, 8).join(", ")}`;
      faults.add("step-unknown", path, `there is no step \`${need.step}\`${meant(need.step, known, others)}`);
      continue;
    }
    for (const from of named) {
      if (from === step.id) faults.add("needs-itself", path, `the step \`${step.id}\` needs itself`);
      else if (edges.has(from) && need.as !== "delegate")
        faults.add("need-twice", path, `\`${from}\` is needed already`);
      else edges.set(from, edgeOf(from, step.id, need, takenOf.has(from), path, faults));
    }
  }
  return [...edges.values()];
}

function edgeOf(
  from: string,
  to: string,
  { as, to: target, metadata }: NeedForm,
  handsOver: boolean,
  path: Path,
  faults: Faults,
): Edge {
  const kind = as ?? (handsOver ? "handoff" : "depends_on");
  if (kind === "delegate" && target === undefined)
    faults.add("missing", path, "`as: delegate` needs `to`: whom the work is delegated to");
  if (kind !== "delegate" && target !== undefined)
    faults.add("contradiction", path, "`to` belongs to `as: delegate` only");
  return {
    from,
    to,
    kind,
    path,
    ...(target === undefined ? {} : { target }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

/** A handoff for whatever is taken of a step that comes before, though `needs` reaches it only by way of others. */
function handedOver(
  id: string,
  edges: readonly Edge[],
  taken: readonly Taken[],
  precedence: Precedence,
  faults: Faults,
): readonly Edge[] {
  const direct = new Map(edges.map((edge) => [edge.from, edge]));
  const added = new Map<string, Edge>();
  for (const { from, path } of taken) {
    const edge = direct.get(from);
    if (edge?.kind === "handoff" || added.has(from)) continue;
    if (edge !== undefined) {
      const message = `something is taken of \`${from}\`, so its edge must be \`handoff\` and not \`${edge.kind}\``;
      faults.add("handoff-needed", edge.path, message);
      continue;
    }
    if (precedence.comesBefore(from, id)) added.set(from, { from, to: id, kind: "handoff", path });
    else {
      const why = from === id ? "is the step itself" : "does not come before this step";
      faults.add(
        "no-predecessor",
        path,
        `\`${from}\` ${why}${from === id ? "" : `: add \`${from}\` to \`needs\``}`,
      );
    }
  }
  return [...added.values()];
}

/** One fault for each circle that is met, at the edge that closes it. No recursion: a chain may be long. */
function circles(needed: ReadonlyMap<string, readonly Edge[]>, faults: Faults): void {
  const done = new Set<string>();
  for (const start of needed.keys()) {
    if (done.has(start)) continue;
    const trail: { readonly id: string; next: number }[] = [{ id: start, next: 0 }];
    const onTrail = new Set([start]);
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const edge = needed.get(top.id)?.[top.next];
      top.next += 1;
      if (edge === undefined) {
        done.add(top.id);
        onTrail.delete(top.id);
        trail.pop();
      } else if (onTrail.has(edge.from)) {
        const ids = trail.map(({ id }) => id);
        const circle = [...ids.slice(ids.indexOf(edge.from)), edge.from];
        faults.add("cycle", edge.path, `the steps need each other in a circle: ${circle.join(" needs ")}`);
      } else if (!done.has(edge.from)) {
        trail.push({ id: edge.from, next: 0 });
        onTrail.add(edge.from);
      }
    }
  }
}
