/**
 * What is found of a run that goes on, for whoever shows it: what is done, what is done again, what still waits. It reads
 * the past and changes nothing.
 */
import { dependentsOf } from "../../kernel/blocking.ts";
import type { Item } from "../../kernel/model.ts";
import type { Past } from "../../kernel/past.ts";
import type { RunPlan } from "../../kernel/plan.ts";
import type { Leftover } from "./leftover.ts";

/** What was found of a run that goes on. */
export interface FoundPast {
  readonly leftover: Leftover;
  /** Number of the event after which it goes on; 0 when it died before its first. */
  readonly afterSeq: number;
  readonly succeeded: number;
  /** Actions whose attempt was under way: offered again, with the same idempotency key. */
  readonly interrupted: readonly string[];
  /** Waiting for another try, for a signal or a clock. */
  readonly pending: readonly string[];
  /** Cancelled when the run was stopped: they wait again. */
  readonly reopened: readonly string[];
  /** Those that had begun and are run again on request. */
  readonly again: readonly string[];
  /** Those that stay as they are for now, for whoever shows the run. */
  readonly standing: readonly StandingBefore[];
}

export interface StandingBefore {
  /** The step's id, or the action's where there is no step. */
  readonly id: string;
  readonly label: string;
  readonly phase: "succeeded" | "suspended" | "failed" | "denied" | "blocked";
  /** Why it failed or was denied. */
  readonly why: string;
  readonly signal: string | null;
  readonly dueAtMs: number | null;
}

export function foundIn(
  past: Past | undefined,
  {
    plan,
    leftover,
    from,
  }: { readonly plan: RunPlan; readonly leftover: Leftover; readonly from: readonly string[] },
): FoundPast {
  const items = past?.machine.items ?? [];
  const roots = items.filter((item) => from.some((id) => idsOf(item).includes(id))).map(({ index }) => index);
  const again = roots.length === 0 ? new Set<number>() : dependentsOf(roots, { plan, items });
  const kept = items.filter(({ index }) => !again.has(index));
  const inPhase = (...phases: readonly Item["phase"][]) => kept.filter(({ phase }) => phases.includes(phase));
  return {
    leftover,
    afterSeq: past?.lastSeq ?? 0,
    succeeded: inPhase("succeeded").length,
    interrupted: inPhase("running").map(nameOf),
    pending: inPhase("retrying", "suspended").map(nameOf),
    reopened: inPhase("cancelled").map(nameOf),
    again: items
      .filter(({ index, phase, attempt }) => again.has(index) && (phase !== "waiting" || attempt > 0))
      .map(nameOf),
    standing: kept.flatMap((item) => standingBefore(item, past?.failures.get(item.index)?.message) ?? []),
  };
}

function standingBefore(item: Item, why = ""): StandingBefore | undefined {
  const { phase, signal, dueAtMs, step, actionId } = item;
  switch (phase) {
    case "succeeded":
    case "suspended":
    case "failed":
    case "denied":
    case "blocked":
      return { id: step?.stepId ?? actionId, label: nameOf(item), phase, why, signal, dueAtMs };
    default:
      return undefined;
  }
}

/** All that may name it. */
export function idsOf({ actionId, node, step }: Item): readonly string[] {
  return [actionId, node.nodeId, ...(step === undefined ? [] : [step.stepId])];
}

export function nameOf({ node, step }: Item): string {
  return step?.stepId ?? node.nodeId;
}
