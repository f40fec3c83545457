/**
 * The line that `systemctl status` shows: what somebody who looks at it must know now, the worst first. Pure.
 * Never a list of what is in order, and never longer than a line can be read.
 */

import type { ControllerStatus, ScopeStatus } from "../autopilot/contract.ts";
import { scopeName } from "../autopilot/model.ts";

const charsMax = 240;
/** Scopes that are named of one kind; the others are counted. */
const namesMax = 2;

/** @param status as it is now; its `observedAtMs` is not shown, so that the line changes only when something does */
export function statusLine({ phase, scopes, config }: ControllerStatus): string {
  const parts = [
    phase === "running" ? "" : phaseWords[phase],
    config.reloadFault === undefined
      ? ""
      : `the configuration on disk is refused: ${config.reloadFault}; the one before is in force`,
    named(scopes, ({ state }) => state.escalated?.reason, "escalated", true),
    named(scopes, ({ state }) => state.fault?.code, "failing", true),
    ...scopes.flatMap(attemptWords).slice(0, namesMax),
    waiting(scopes),
    named(scopes, ({ state }) => state.paused?.by, "paused", false),
    holding(scopes),
  ];
  const line = parts.filter((part) => part !== "").join(", ");
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1)}…`;
}

const phaseWords = {
  starting: "starting",
  reloading: "reading the configuration again",
  draining: "stopping: what is under way finishes",
  stopped: "stopped",
} as const;

function holding(scopes: readonly ScopeStatus[]): string {
  if (scopes.length === 0) return "no scopes";
  const away = scopes.filter(({ holding: here }) => !here);
  if (away.length === 0) return `${scopes.length === 1 ? "1 scope" : `${scopes.length} scopes`} held`;
  const others = away.filter(({ heldBy }) => heldBy !== undefined).length;
  const nobody = away.length - others;
  return [
    others === 0 ? "" : `${others} of ${scopes.length} scopes held by another`,
    nobody === 0 ? "" : `${nobody} of ${scopes.length} scopes not held`,
  ]
    .filter((part) => part !== "")
    .join(", ");
}

function attemptWords({ scope, state: { attempt } }: ScopeStatus): readonly string[] {
  if (attempt === undefined) return [];
  const what = `${attempt.kind} ${scopeName(scope)}`;
  return [
    attempt.phase.kind === "baking"
      ? `${what} baking until ${instantOf(attempt.phase.untilMs)}`
      : `${what} running since ${instantOf(attempt.startedAtMs)}`,
  ];
}

function waiting(scopes: readonly ScopeStatus[]): string {
  const proposed = scopes.filter(({ state }) => state.proposal !== undefined);
  return proposed.length === 0
    ? ""
    : `${proposed.length} waiting for approval (${firstNames(proposed.map((one) => scopeName(one.scope)))})`;
}

function named(
  scopes: readonly ScopeStatus[],
  of: (scope: ScopeStatus) => string | undefined,
  word: string,
  withReason: boolean,
): string {
  const found = scopes.flatMap((one) => {
    const reason = of(one);
    if (reason === undefined) return [];
    return [withReason ? `${scopeName(one.scope)}: ${reason}` : scopeName(one.scope)];
  });
  return found.length === 0 ? "" : `${found.length} ${word} (${firstNames(found)})`;
}

function firstNames(names: readonly string[]): string {
  const shown = names.slice(0, namesMax).join("; ");
  return names.length > namesMax ? `${shown}; …` : shown;
}

/** To the second, in UTC. */
function instantOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
