/**
 * What one look says of one unit, in the words of the rollout machine. Pure.
 */
import type { Observation, Revision } from "../providers/contract.ts";
import { diffFields } from "./diff.ts";
import { saysReady } from "./gate.ts";
import type { Look } from "./rollout/judge.ts";
import type { Unit } from "./rollout/model.ts";
import { goesBack } from "./rollout/order.ts";

/** The hash that the unit is on its way to; null where it is to be gone. */
export function aimOf(unit: Unit): string | null {
  const back = goesBack(unit);
  if (unit.operation === (back ? "create" : "delete")) return null;
  return back ? unit.previousHash : unit.targetHash;
}

/** @param aim the revision of `aimOf`, which the look asked about; undefined where it is to be gone */
export function sightOf(
  unit: Unit,
  observation: Observation | undefined,
  aim: Revision | undefined,
  ignored: readonly string[],
): Look {
  const { resourceId } = unit;
  const base = { kind: "observed", resourceId } as const;
  const standing = observation?.standing;
  if (standing === undefined || standing.kind === "unobservable") {
    const message = standing?.message ?? "the provider said nothing of it";
    return { ...base, present: "unobservable", matches: false, health: "unknown", message };
  }
  if (standing.kind === "absent") {
    return { ...base, present: false, matches: aim === undefined, health: "unknown" };
  }
  const { fields, health, message, conditions, copies, owner, markedHash } = standing;
  const wanted = observation?.wanted ?? aim?.fields;
  const matches =
    wanted !== undefined && owner === "akc" && diffFields(fields, wanted, ignored).changes.length === 0;
  return {
    ...base,
    present: true,
    matches,
    marked: owner === "akc" && aim !== undefined && markedHash === aim.desiredHash,
    health: health === "unknown" && saysReady(conditions) ? "healthy" : health,
    ...(message === undefined ? {} : { message }),
    ...(copies === undefined
      ? {}
      : { copies: { updated: copies.updated, updatedReady: copies.updatedReady, ready: copies.ready } }),
  };
}
