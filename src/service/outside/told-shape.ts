/**
 * What a controller tells and how it stands, as the documented JSON: keys in snake case, times in milliseconds, free of secrets.
 * Pure; it leaves the members of `details` and `keys` as their writers named them.
 *
 * Source: docs/autopilot.md, "Seen from outside".
 */
import type { ControllerStatus, ScopeStatus, Telling } from "../../autopilot/contract.ts";
import type { Budgets, ScopeId } from "../../autopilot/model.ts";
import { fromPlain } from "../../json/plain.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { AKC_VERSION } from "../../version.ts";
import { redactJson } from "../log-line.ts";
import { budgetsUsed } from "../metrics/scope-gauges.ts";
import { snakeCase } from "../snake-case.ts";

/** @param monotonicMs of the same clock as the status */
export function statusShape(
  status: ControllerStatus,
  monotonicMs: number,
  scopes: readonly ScopeStatus[],
  budgets: (scope: ScopeId) => Budgets | undefined,
): JsonObject {
  const { holder, phase, startedAtMs, observedAtMs, turns, config } = status;
  return {
    kind: "ControllerStatus",
    observed_at_ms: observedAtMs,
    version: AKC_VERSION,
    holder,
    phase,
    started_at_ms: startedAtMs,
    turns,
    last_turn_age_ms: Math.max(0, Math.round(monotonicMs - status.lastTurnMonotonicMs)),
    store_proof_age_ms: Math.max(0, Math.round(monotonicMs - status.lastStoreProofMonotonicMs)),
    config: {
      path: config.path ?? null,
      loaded_at_ms: config.loadedAtMs,
      reload_fault: config.reloadFault ?? null,
    },
    scopes: scopes.map((scope) => scopeShape(scope, observedAtMs, budgets(scope.scope))),
  };
}

function scopeShape(status: ScopeStatus, nowMs: number, budgets: Budgets | undefined): JsonObject {
  const { scope, mode, holding, heldBy, state, next, sighting, lastVisitAtMs, nextVisitAtMs, visits } =
    status;
  return {
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    mode,
    holding,
    held_by: heldBy ?? null,
    next: next === undefined ? null : { do: next.do, why: next.why },
    sighting: sighting ?? null,
    last_visit_at_ms: lastVisitAtMs ?? null,
    next_visit_at_ms: nextVisitAtMs ?? null,
    visits,
    budgets:
      budgets === undefined
        ? []
        : budgetsUsed(status, budgets, nowMs).map(({ budget, used, limit }) => ({ budget, used, limit })),
    attempts_by_verdict: shaped(status.attemptsByVerdict ?? {}),
    state: shaped(state),
  };
}

/** What one thing told is in the stream of events: its name, and its data. */
export function toldShape(told: Telling): { readonly event: Telling["kind"]; readonly data: JsonObject } {
  const { kind, ...members } = told;
  if (!("scope" in members)) return { event: kind, data: objectOf(shaped(members)) };
  const { scope, ...rest } = members;
  return {
    event: kind,
    data: { tenant_id: scope.tenantId, repo_id: scope.repoId, ...objectOf(shaped(rest)) },
  };
}

/** When it was told, wall clock. */
export function toldAtMs(told: Telling): number {
  return told.kind === "entry" ? told.entry.atMs : told.atMs;
}

/** Any value of the autopilot's model as JSON with snake case keys; what looks like a secret is taken out. */
export function shaped(value: unknown): JsonValue {
  const named = snake(fromPlain(value));
  return isJsonObject(named) ? redactJson(named, []) : named;
}

/** Their members are data of others. */
const foreign: ReadonlySet<string> = new Set(["details", "keys"]);

function snake(value: JsonValue): JsonValue {
  if (isJsonArray(value)) return value.map(snake);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [snakeCase(key), foreign.has(key) ? member : snake(member)]),
  );
}

function objectOf(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : {};
}
