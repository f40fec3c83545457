/**
 * From what systemd says of a unit to how it is: healthy, on its way, restarting again and again, failed, and why.
 * Pure. It says nothing of whether the unit is as the bundle wants it.
 */

import { limits } from "../../limits.ts";
import type { Health, HealthCondition } from "../contract.ts";
import type { UnitState } from "./unit-state.ts";

export interface UnitHealth {
  readonly health: Health;
  readonly message?: string;
  readonly conditions: readonly HealthCondition[];
}

export interface HealthInput {
  readonly nowMs: number;
  /** What the bundle wants; undefined: it may run or not. */
  readonly wantsActive: boolean | undefined;
  /** Restarts that were counted at the look before; undefined: this is the first. */
  readonly restartsBefore: number | undefined;
}

export function healthOf(state: UnitState, input: HealthInput): UnitHealth {
  const [health, message] = judged(state, input);
  return { health, ...(message === undefined ? {} : { message }), conditions: conditionsOf(state, input) };
}

function judged(state: UnitState, input: HealthInput): readonly [Health, string?] {
  const { load, active, sub, statusText } = state;
  if (load !== "loaded") return ["failed", `systemd could not load it: ${load}`];
  if (state.job !== undefined && sub !== "auto-restart") return ["unknown", `is to ${state.job}, and waits`];
  switch (active) {
    case "active":
    case "reloading":
    case "refreshing":
      if (restarting(state, input)) return ["degraded", restartWords(state)];
      return statusText === "" ? ["healthy"] : ["healthy", statusText];
    case "activating":
      if (sub === "auto-restart" || state.restarts > 0) return ["degraded", restartWords(state)];
      return ["unknown", `is starting (${sub})${said(statusText)}`];
    case "deactivating":
      return ["unknown", `is stopping (${sub})`];
    case "failed":
      return ["failed", `failed: ${endWords(state)}${restartsSaid(state)}${said(statusText)}`];
    case "inactive":
      return resting(state, input.wantsActive);
    default:
      return ["unknown", `is ${active} (${sub})`];
  }
}

function resting(state: UnitState, wantsActive: boolean | undefined): readonly [Health, string?] {
  if (wantsActive === false) return ["healthy"];
  if (!state.conditionsMet) return ["degraded", "does not run: a condition of its own is not met"];
  if (wantsActive === true) return ["failed", `does not run; it ended with ${endWords(state)}`];
  return state.result === "success" || state.result === ""
    ? ["healthy"]
    : ["failed", `failed: ${endWords(state)}`];
}

/** It came back by itself, and has not shown yet that it stays. */
function restarting({ restarts, activeSinceMs }: UnitState, { nowMs, restartsBefore }: HealthInput): boolean {
  if (restarts === 0) return false;
  if (restartsBefore !== undefined && restarts > restartsBefore) return true;
  return activeSinceMs !== undefined && nowMs - activeSinceMs < limits.systemdSettledMs;
}

function restartWords(state: UnitState): string {
  return `restarts again and again: ${endWords(state)}${restartsSaid(state)}`;
}

function restartsSaid({ restarts }: UnitState): string {
  return restarts === 0 ? "" : `, restarted ${restarts} times`;
}

/** e.g. `exit-code (status 3)`, `signal (9)`, `watchdog (6)` */
function endWords({ result, mainCode, mainStatus }: UnitState): string {
  const how = mainCode === 1 ? ` (status ${mainStatus})` : mainCode > 1 ? ` (signal ${mainStatus})` : "";
  return `${result === "" ? "success" : result}${how}`;
}

function said(text: string): string {
  return text === "" ? "" : `: ${text}`;
}

function conditionsOf(state: UnitState, input: HealthInput): readonly HealthCondition[] {
  const { load, active, sub, result, changedMs, activeSinceMs, statusText } = state;
  const since = (ms: number | undefined) => (ms === undefined ? {} : { lastTransitionMs: Math.trunc(ms) });
  const running = active === "active" || active === "reloading" || active === "refreshing";
  return [
    { type: "Loaded", status: truth(load === "loaded"), reason: load },
    {
      type: "Active",
      status: active === "activating" || active === "deactivating" ? "unknown" : truth(running),
      reason: sub === "" ? active : `${active}/${sub}`,
      ...(statusText === "" ? {} : { message: statusText }),
      ...since(running ? (activeSinceMs ?? changedMs) : changedMs),
    },
    ...(result === "" || result === "success"
      ? []
      : [
          {
            type: "Succeeded",
            status: "false",
            reason: result,
            message: endWords(state),
            ...since(changedMs),
          } as const,
        ]),
    ...(state.restarts === 0
      ? []
      : [
          {
            type: "Restarting",
            status: truth(sub === "auto-restart" || restarting(state, input)),
            reason: `NRestarts=${state.restarts}`,
            ...since(changedMs),
          } as const,
        ]),
    ...(state.stale
      ? [{ type: "NeedsReload", status: "true", reason: "files changed since they were loaded" } as const]
      : []),
  ];
}

function truth(value: boolean): "true" | "false" {
  return value ? "true" : "false";
}
