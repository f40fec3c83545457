/**
 * In which order resources stand: a resource after all that it depends on. Knows ids and nothing of what they are.
 *
 * Source: spec reconcile §13 W-14.
 */
import { AkcError } from "../errors.ts";
import { compareCodePoints } from "../json/order.ts";

interface Dependent {
  readonly resourceId: string;
  readonly dependsOn: readonly string[];
}

/**
 * The layer of each resource: 0 where nothing is waited for, otherwise one more than the highest it depends on. Ids that are
 * not among the resources do not count. @throws AkcError DEPENDENCY_CYCLE naming one cycle
 */
export function layersOf(resources: readonly Dependent[]): ReadonlyMap<string, number> {
  const layers = layersReached(resources);
  const stuck = resources.filter(({ resourceId }) => !layers.has(resourceId));
  if (stuck.length > 0) throw cycleIn(stuck);
  return layers;
}

/** The same for those that are in no circle and wait for none; linear in resources and what they depend on. */
export function layersReached(resources: readonly Dependent[]): ReadonlyMap<string, number> {
  const known = new Set(resources.map(({ resourceId }) => resourceId));
  const layers = new Map<string, number>();
  const waiting = new Map<string, number>();
  const dependants = new Map<string, string[]>();
  for (const { resourceId, dependsOn } of resources) {
    const needed = new Set(dependsOn.filter((id) => known.has(id)));
    waiting.set(resourceId, needed.size);
    for (const id of needed) {
      const list = dependants.get(id);
      if (list === undefined) dependants.set(id, [resourceId]);
      else list.push(resourceId);
    }
  }
  let ready = [...waiting].filter(([, count]) => count === 0).map(([id]) => id);
  for (let layer = 0; ready.length > 0; layer += 1) {
    const next: string[] = [];
    for (const id of ready) {
      layers.set(id, layer);
      for (const dependant of dependants.get(id) ?? []) {
        const left = (waiting.get(dependant) ?? 0) - 1;
        waiting.set(dependant, left);
        if (left === 0) next.push(dependant);
      }
    }
    ready = next;
  }
  return layers;
}

/** Among these, everyone waits for another one of them: walking on must come round. */
function cycleIn(stuck: readonly Dependent[]): AkcError {
  const byId = new Map(stuck.map((resource) => [resource.resourceId, resource]));
  const path: string[] = [];
  let id = stuck.map(({ resourceId }) => resourceId).sort(compareCodePoints)[0] ?? "";
  while (!path.includes(id)) {
    path.push(id);
    id = byId.get(id)?.dependsOn.find((other) => byId.has(other)) ?? id;
  }
  const cycle = [...path.slice(path.indexOf(id)), id];
  return new AkcError("DEPENDENCY_CYCLE", {
    message: `resources wait for each other: ${cycle.join(" → ")}`,
    details: { cycle },
  });
}
