/**
 * What the loop remembers of one scope that it watches. All of it may be lost: the facts are in the store.
 */

import type { ScopeStatus } from "../contract.ts";
import type { LeaseAnswer, LeaseKeeper } from "../lease/contract.ts";
import { emptyState } from "../machine.ts";
import type { AttemptVerdict, Entry, ScopeId, ScopeState, Sighting } from "../model.ts";
import type { Visited, VisitMemory } from "../visiting/model.ts";
import type { ScopeTime } from "./scope-time.ts";

export interface Watched {
  readonly id: ScopeId;
  readonly key: string;
  readonly time: ScopeTime;
  readonly memory: VisitMemory;
  state: ScopeState | undefined;
  /** When `state` was read, monotonic. */
  stateReadMs: number;
  /** A visit is under way. */
  visiting: boolean;
  /** It was woken while it was visited. */
  again: boolean;
  /** It is not to be watched any more, once that visit has ended. */
  gone: boolean;
  holding: boolean;
  /** The answer because of which it is not held: it is also told when the leases are given back, of which nothing is kept then. */
  refusal: LeaseAnswer | undefined;
  /** Visits in all that came to their end. */
  visits: number;
  /** Visits in a row in which something went wrong. */
  failures: number;
  /** Of the last thing that went wrong and was told. */
  faultTold: string | undefined;
  /** Why nobody could tell what stands, as last told. */
  unseenTold: string | undefined;
  next: Visited["next"] | undefined;
  sighting: Sighting | undefined;
  lastVisitAtMs: number | undefined;
  /** When the last visit began, on the loop's clock: the interval counts from it. */
  startedMs: number | undefined;
  readonly verdicts: Map<AttemptVerdict, number>;
}

export function watchedScope(id: ScopeId, key: string, time: ScopeTime): Watched {
  return {
    id,
    key,
    time,
    memory: { heldBy: new Map() },
    state: undefined,
    stateReadMs: Number.NEGATIVE_INFINITY,
    visiting: false,
    again: false,
    gone: false,
    holding: false,
    refusal: undefined,
    visits: 0,
    failures: 0,
    faultTold: undefined,
    unseenTold: undefined,
    next: undefined,
    sighting: undefined,
    lastVisitAtMs: undefined,
    startedMs: undefined,
    verdicts: new Map(),
  };
}

/** @param dueMs when it is visited next, on the wall clock */
export function statusOf(
  scope: Watched,
  mode: string,
  keeper: Pick<LeaseKeeper, "last">,
  isHeld: boolean,
  dueMs: number | undefined,
): ScopeStatus {
  const last = keeper.last(scope.id) ?? scope.refusal;
  const { next, verdicts } = scope;
  return {
    scope: scope.id,
    mode,
    holding: isHeld,
    ...(last?.kind === "taken" && !isHeld ? { heldBy: last.by } : {}),
    state: scope.state ?? emptyState(),
    ...(next === undefined ? {} : { next: { do: next.do, why: whyOf(next) } }),
    ...(scope.sighting === undefined ? {} : { sighting: scope.sighting.kind }),
    lastVisitAtMs: scope.lastVisitAtMs,
    nextVisitAtMs: dueMs,
    visits: scope.visits,
    ...(verdicts.size === 0 ? {} : { attemptsByVerdict: Object.fromEntries(verdicts) }),
  };
}

/** One line for people, whatever is to be done. */
export function whyOf(next: Visited["next"]): string {
  switch (next.do) {
    case "nothing":
    case "hold":
    case "wait":
      return next.why;
    case "recover":
      return `attempt ${next.attempt.attemptId} was left open`;
    case "conclude":
      return next.failed ?? "the bake is over";
    case "attempt":
      return `${next.kind} of ${next.offer.bundleSha256}`;
    case "recompile":
      return next.triggers.map(({ kind }) => kind).join(", ");
    case "settle":
      return next.by;
    case "escalate":
      return next.message;
  }
}

/** Counts what an entry of this process's own says of how attempts end. */
export function countVerdict({ verdicts }: Watched, { fact }: Entry): void {
  if (fact.type !== "attempt_ended") return;
  verdicts.set(fact.verdict, (verdicts.get(fact.verdict) ?? 0) + 1);
}

/** What is shown of a scope whose facts are not as they were written: held, until a person has looked. */
export function damagedState(before: ScopeState | undefined, message: string, atMs: number): ScopeState {
  return { ...(before ?? emptyState()), escalated: { reason: "history_damaged", message, atMs } };
}
