/**
 * What a look at one unit means for the rollout: whether what is new of it stands well, badly, or nobody can say yet. Pure; it takes
 * what nobody could see neither for good nor for bad.
 *
 * Source: spec reconcile §1.7, §1.10.
 */
import { passes } from "../gate.ts";
import type { Rollout, RolloutInput, Unit } from "./model.ts";
import { goesBack, splitOf } from "./order.ts";

export type Look = Extract<RolloutInput, { kind: "observed" }>;

export type Standing =
  /** As it is wanted. */
  | "healthy"
  /** Bad, and the fault is that of what is new. */
  | "unhealthy"
  /** In a health in which the rollout goes neither on nor back. */
  | "inconclusive"
  /** Not there yet, or not to be seen. */
  | "pending";

/** Of a unit that was changed: one that has yet to become healthy, one that is, or one that was brought back. */
export function standingOf(rollout: Rollout, unit: Unit, look: Look, nowMs: number): Standing {
  if (look.present === "unobservable") return "pending";
  const back = goesBack(unit);
  if (unit.operation === (back ? "create" : "delete")) return look.present ? "pending" : "healthy";
  const settled = !back && unit.state !== "verifying";
  const health = look.present ? look.health : "failed";
  const bad = !back && rollout.strategy.abortOn.includes(health);
  const split = splitOf(unit);
  if (split !== null && split.previous > 0) {
    const { updated = 0, updatedReady = 0, ready = 0 } = look.copies ?? {};
    // The health is that of both revisions together: a fault of the old one, which this rollout may be there to mend, is none of
    // the new one's.
    if (updated >= split.updated && updatedReady >= split.updated) return "healthy";
    if (bad && look.copies !== undefined) {
      if (settled) return "unhealthy";
      if (health === "failed" && look.present && ready - updatedReady >= split.previous) return "unhealthy";
    }
    return !back && isInconclusive(rollout, unit) ? "inconclusive" : "pending";
  }
  // A provider says `failed` only of what does not mend by itself; anything less may still be starting.
  const isNew = look.present && (look.matches || look.marked === true);
  if (bad) return settled || (health === "failed" && isNew) ? "unhealthy" : "pending";
  if (!look.present) return "pending";
  if (!back && isInconclusive(rollout, { health })) return "inconclusive";
  const { gate, unknownGraceMs } = rollout.strategy.health;
  const changedAgoMs = nowMs - (unit.changedMs ?? nowMs);
  // How many copies the previous revision means, only its provider knows.
  const counted = back || split === null ? undefined : look.copies;
  const enough = split === null || counted === undefined || counted.updatedReady >= split.updated;
  const good = enough && passes({ kind: gate, unknownGraceMs }, health, [], changedAgoMs);
  return good && (settled || look.matches) ? "healthy" : "pending";
}

/** Whether it is in a health in which the rollout waits for a person. */
export function isInconclusive({ strategy, full }: Rollout, { health }: Pick<Unit, "health">): boolean {
  return !full && strategy.inconclusiveOn.some((one) => one === health);
}
