/**
 * The state machine of a rollout: what it becomes with what is told to it, what is to be done now, when to come back. Pure: no clock,
 * disk, random or network, so that the same facts always lead to the same rollout, whichever process tells them.
 *
 * Source: spec reconcile §1.9, §1.10, §16.
 */
import { isDeepStrictEqual } from "node:util";
import { unreachable } from "../../errors.ts";
import { applied, begun, refused } from "./changes.ts";
import { obey, start } from "./commands.ts";
import { advance, nextMomentMs } from "./deadlines.ts";
import type { Look } from "./judge.ts";
import { observed } from "./looks.ts";
import { measured } from "./measuring.ts";
import { endedPhases, type Rollout, type RolloutAction, type RolloutInput, type Unit } from "./model.ts";
import { backwardSplit, forwardSplit, goalsOf, inOrder, rank, topLayer } from "./order.ts";
import { stepOf } from "./steps.ts";
import { enter } from "./transition.ts";

/** One resource that is to be changed. `replicas` is null where the provider cannot run copies of two revisions side by side. */
export type PlannedUnit = Pick<
  Unit,
  "resourceId" | "layer" | "operation" | "targetHash" | "previousHash" | "replicas"
>;

export interface RolloutStart
  extends Pick<
    Rollout,
    "rolloutId" | "runtimeRunId" | "planId" | "bundleSha256" | "providerId" | "strategy"
  > {
  /** In any order; no id twice. */
  readonly units: readonly PlannedUnit[];
  readonly nowMs: number;
}

/** A rollout at its first step. Without units it is completed. */
export function begin({ units, nowMs, ...about }: RolloutStart): Rollout {
  const rollout: Rollout = {
    ...about,
    generation: 1,
    phase: "progressing",
    phaseSinceMs: nowMs,
    startedMs: nowMs,
    progressMs: nowMs,
    deadlineMs: null,
    overdueMs: null,
    step: 0,
    approved: false,
    full: false,
    analysis: null,
    units: inOrder(units).map((unit) => ({
      ...unit,
      state: "waiting",
      sinceMs: nowMs,
      updated: null,
      previous: null,
      touched: false,
      changedMs: null,
      health: null,
      lookedMs: null,
      healthySinceMs: null,
      deadlineMs: null,
      failures: 0,
      notBeforeMs: 0,
    })),
  };
  if (units.length === 0) return enter(rollout, "completed", null, nowMs, { reason: "healthy" });
  return advance(start(rollout, nowMs), nowMs);
}

/** What the rollout becomes with what is told. Anything that means nothing where it stands changes nothing. */
export function fold(rollout: Rollout, input: RolloutInput, nowMs: number): Rollout {
  const told = taken(rollout, input, nowMs);
  return endedPhases.has(told.phase) ? told : advance(told, nowMs);
}

/** One look at many units: all of them are seen before anything is judged by time. */
export function foldLooks(rollout: Rollout, looks: readonly Look[], nowMs: number): Rollout {
  if (endedPhases.has(rollout.phase)) return rollout;
  const byId = new Map(looks.map((look) => [look.resourceId, look]));
  return advance(observed(rollout, byId, nowMs), nowMs);
}

function taken(rollout: Rollout, input: RolloutInput, nowMs: number): Rollout {
  if (input.kind === "command") return obey(rollout, input.command, input.by, nowMs);
  if (endedPhases.has(rollout.phase)) return rollout;
  switch (input.kind) {
    case "observed":
      return observed(rollout, new Map([[input.resourceId, input]]), nowMs);
    case "begun":
      return begun(rollout, input, nowMs);
    case "applied":
      return applied(rollout, input, nowMs);
    case "refused":
      return refused(rollout, input, nowMs);
    case "measured":
      return measured(rollout, input, nowMs);
    case "superseded": {
      const message = `${input.by} took its place`;
      return enter(rollout, "superseded", null, nowMs, { reason: "superseded", message });
    }
    case "tick":
      return rollout;
    default:
      return unreachable(input);
  }
}

/** What is to be done now, in the order in which it matters. Nothing while it waits, but what was begun before. */
export function next(rollout: Rollout, nowMs: number): readonly RolloutAction[] {
  const { phase } = rollout;
  if (endedPhases.has(phase)) return [];
  if (phase === "rolling_back") return wayBack(rollout, nowMs);
  const changes = wayForward(rollout, nowMs, phase === "progressing");
  const analysis = stepOf(rollout)?.analysis;
  const due = phase === "analysing" && rollout.analysis !== null && nowMs >= rollout.analysis.nextMs;
  return due && analysis !== undefined ? [...changes, { kind: "measure", analysis }] : changes;
}

function wayForward(rollout: Rollout, nowMs: number, further: boolean): readonly RolloutAction[] {
  const { units, strategy } = rollout;
  const goals = goalsOf(rollout);
  const top = topLayer(units);
  const underWay = units.filter(({ state }) => state === "changing" || state === "verifying").length;
  // What is lowest and does not stand yet: nothing beyond it may be begun.
  const open = units.filter(({ state }, index) => goals[index] !== "held" && state !== "settled");
  const lowest = Math.min(...open.map((unit) => rank(unit, top)));
  const again: Unit[] = [];
  const partly: Unit[] = [];
  const fresh: Unit[] = [];
  for (const unit of open) {
    if (unit.state === "changing") again.push(unit);
    else if (further && unit.state === "waiting" && unit.notBeforeMs <= nowMs && rank(unit, top) === lowest)
      (unit.touched ? partly : fresh).push(unit);
  }
  const free = Math.max(0, strategy.parallel - underWay);
  return [...again, ...[...partly, ...fresh].slice(0, free)].map((unit) => {
    const { resourceId, operation, targetHash: hash } = unit;
    if (operation === "delete") return { kind: "delete", resourceId, why: "rollout" };
    const copies = forwardSplit(rollout, unit, goals[units.indexOf(unit)] ?? "held");
    return { kind: "apply", resourceId, hash, why: "rollout", copies };
  });
}

function wayBack(rollout: Rollout, nowMs: number): readonly RolloutAction[] {
  const { units, strategy } = rollout;
  const top = topLayer(units);
  const open = units.filter(({ state }) => state === "rolling_back");
  const highest = Math.max(...open.map((unit) => rank(unit, top)));
  const isBegun = ({ deadlineMs }: Unit) => deadlineMs !== null;
  const free = Math.max(0, strategy.parallel - open.filter(isBegun).length);
  const asked = open.filter(
    ({ changedMs, notBeforeMs, ...unit }) =>
      changedMs === null && notBeforeMs <= nowMs && rank(unit, top) === highest,
  );
  const again = asked.filter(isBegun);
  const fresh = asked.filter((unit) => !isBegun(unit)).slice(0, free);
  return [...again, ...fresh].map((unit) => {
    const { resourceId, operation, previousHash: hash } = unit;
    if (operation === "create" || hash === null) return { kind: "delete", resourceId, why: "rollback" };
    const split = backwardSplit(rollout, unit);
    // The last of it is the revision as it was, which may have meant another number of copies.
    const copies = split === null || split.previous === 0 ? null : split;
    return { kind: "apply", resourceId, hash, why: "rollback", copies };
  });
}

/**
 * Whether the action is still to be done: asked again after anything was waited for, just before `begun` is folded. What was
 * not begun any more must not be done.
 */
export function wants(rollout: Rollout, action: RolloutAction, nowMs: number): boolean {
  return next(rollout, nowMs).some((one) => isDeepStrictEqual(one, action));
}

/** When time alone changes something next, in milliseconds since the epoch; null when nothing does. */
export function wakeAtMs(rollout: Rollout, nowMs: number): number | null {
  return nextMomentMs(rollout, nowMs);
}

export function ended(rollout: Rollout): boolean {
  return endedPhases.has(rollout.phase);
}
