/**
 * Carries out bindings: group after group, side by side where they do not meet on a device, all of them within one time. The order
 * of what it gives back and every name in it depend on the bindings alone; what one of them does never costs another its evidence.
 *
 * Source: spec reconcile §6.3, §6.4.
 */
import { limits } from "../../limits.ts";
import type { Binding } from "../bindings/model.ts";
import { fileNames } from "./artifact/names.ts";
import { type Naming, observationOf } from "./artifact/observation.ts";
import { type AttemptParts, judgeBinding, type Over } from "./attempt.ts";
import { type Attempt, errorAnswer, type Judgement, lastAttempt } from "./judgement.ts";
import type { BindingObservation } from "./model.ts";
import { groupsOfLanes, inOrder, type Lane } from "./order.ts";

export interface Execution extends Omit<AttemptParts, "random">, Omit<Naming, "names"> {
  readonly bindings: readonly Binding[];
  /** Ends everything under way and what has not begun; what was observed until then is given back. */
  readonly signal: AbortSignal;
  /** For all of them together. */
  readonly totalMs: number;
  readonly criterionIdsByBinding: ReadonlyMap<string, readonly string[]>;
  /** Of more than these bindings, where others are named together with them. */
  readonly names?: Naming["names"];
  /** `Math.random` unless said. */
  readonly random?: () => number;
  /**
   * As each one ends, so in no certain order. What it throws is thrown once all have ended. It alone sees the files: in what is given
   * back there are none then, or many large answers would all be there at once.
   */
  onObservation?(observation: BindingObservation): void | Promise<void>;
}

/** By group, then by id: one observation for each binding, whatever happens. @throws what `onObservation` throws */
export async function executeBindings(execution: Execution): Promise<BindingObservation[]> {
  const { bindings, folder, random = Math.random, criterionIdsByBinding } = execution;
  const names = execution.names ?? fileNames(bindings.map(({ id }) => id));
  const time = totalTime(execution);
  const parts = { ...execution, random };
  const observations = new Map<Binding, BindingObservation>();
  const faults: unknown[] = [];

  async function carryOut(lane: Lane): Promise<void> {
    for (const binding of lane) {
      const criterionIds = criterionIdsByBinding.get(binding.id) ?? [];
      const judgement = await judgeBinding(binding, criterionIds, parts, time.over);
      const observation = observationOrFault(judgement, { folder, names });
      if (execution.onObservation === undefined) {
        observations.set(binding, observation);
        continue;
      }
      observations.set(binding, { ...observation, files: [] });
      try {
        await execution.onObservation(observation);
      } catch (cause) {
        faults.push(cause);
      }
    }
  }

  try {
    for (const lanes of groupsOfLanes(bindings)) {
      await sideBySide(lanes, limits.bindingsInParallel, carryOut);
    }
  } finally {
    time.end();
  }
  if (faults.length > 0) throw faults[0];
  return inOrder(observations.keys()).flatMap((binding) => observations.get(binding) ?? []);
}

/** What passed the door may be too much, or hold what has no form in JSON; then the artifact says so, and is there all the same. */
function observationOrFault(judgement: Judgement, naming: Naming): BindingObservation {
  const observation = written(judgement, naming);
  if (observation !== undefined && artifactBytes(observation) <= limits.artifactFileBytesMax) {
    return observation;
  }
  const answer = errorAnswer("plugin_fault", "what the validator did cannot be written down");
  const attempt: Attempt = { ...lastAttempt(judgement), answer, judgedBy: "akc", exchanges: [] };
  return observationOf({ ...judgement, attempts: [attempt] }, naming);
}

function written(judgement: Judgement, naming: Naming): BindingObservation | undefined {
  try {
    return observationOf(judgement, naming);
  } catch {
    return undefined;
  }
}

function artifactBytes({ files: [artifact] }: BindingObservation): number {
  return artifact?.bytes.length ?? 0;
}

async function sideBySide<T>(
  items: readonly T[],
  most: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = items.values();
  // All workers take from one iterator.
  const worker = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
}

function totalTime({ clock, totalMs, signal }: Pick<Execution, "clock" | "totalMs" | "signal">) {
  const control = new AbortController();
  const timer = new AbortController();
  const abort = (why: Over) => control.abort(why);
  const cancel = () => abort("cancelled");
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  void clock.sleep(totalMs, timer.signal).then(() => abort("total"));
  return {
    over: control.signal,
    end: () => {
      signal.removeEventListener("abort", cancel);
      timer.abort();
    },
  };
}
