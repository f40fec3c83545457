/**
 * From signals to observations: which bindings are asked, which are missing, which may not be asked, and what came of each. The
 * one entrance for whoever judges a run.
 *
 * Source: spec reconcile §6.3, §6.6.
 */
import type { BindingRegistry } from "../bindings/model.ts";
import { fileNames } from "./artifact/names.ts";
import { blockedObservation, missingObservation } from "./artifact/observation.ts";
import { type Execution, executeBindings } from "./execute.ts";
import type { BindingObservation } from "./model.ts";
import { type AskedStub, selectBindings } from "./select.ts";

/** The only adapter whose runs may ask: that of full layer replacement, and of whoever asks afterwards. */
export const askingAdapterId = "local_depth";

export interface Observing extends Omit<Execution, "bindings" | "names" | "criterionIdsByBinding"> {
  readonly asked: Iterable<AskedStub>;
  readonly registry: BindingRegistry;
  /** Of the run, or {@link askingAdapterId} for whoever asks afterwards. */
  readonly adapterId: string;
  /** Why the registry could not be read; then all that is asked is missing for that reason. */
  readonly unreadable?: string;
  /** Stubs that have files in the same folder though they are not asked now: names are those of asking them all. */
  readonly alsoNamed?: Iterable<string>;
}

/** What is missing, by id, then bindings by group and id. @throws what `onObservation` throws */
export async function observeAsked(observing: Observing): Promise<BindingObservation[]> {
  const { asked, registry, adapterId, clock, folder, alsoNamed = [], unreadable, onObservation } = observing;
  const { bindings, missing, criterionIds } = selectBindings(asked, registry);
  const names = fileNames([...criterionIds.keys(), ...alsoNamed]);
  const notAsked = {
    folder,
    names,
    criterionIds,
    atMs: clock.nowMs(),
    ...(unreadable === undefined ? {} : { unreadable }),
  };
  const unasked = missing.map((binding) => missingObservation(binding, notAsked));
  if (adapterId !== askingAdapterId) {
    unasked.push(...bindings.map((binding) => blockedObservation(binding, adapterId, notAsked)));
  }
  for (const observation of unasked) await onObservation?.(observation);
  if (adapterId !== askingAdapterId) return unasked;
  const execution = { ...observing, bindings, names, criterionIdsByBinding: criterionIds };
  return [...unasked, ...(await executeBindings(execution))];
}
