/**
 * What the controller tells, as lines of the log: which event, how severe, with which keys.
 * Says nothing of a visit that changed nothing, and of a lease only that it has changed hands.
 */
import type { Controller, Telling } from "../autopilot/contract.ts";
import { type Entry, type Fact, type ScopeId, scopeName } from "../autopilot/model.ts";
import { fromPlain } from "../json/plain.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import type { Journal, Logged } from "./journal.ts";
import type { LogLevel } from "./log-line.ts";
import { snakeCase } from "./snake-case.ts";

/** Writes what the controller tells into the log. @returns how to stop it */
export function logTellings(controller: Pick<Controller, "listen">, journal: Journal): () => void {
  const leases = new Map<string, string>();
  return controller.listen((told) => {
    const line = lineOf(told, leases);
    if (line !== undefined) journal.log(line);
  });
}

/** @param leases answers by scope, as last told; kept by the caller between calls */
export function lineOf(told: Telling, leases: Map<string, string>): Logged | undefined {
  switch (told.kind) {
    case "entry":
      return { ...placeOf(told.scope), ...factLine(told.entry) };
    case "visited":
      return {
        ...placeOf(told.scope),
        level: "debug",
        event: "scope_visited",
        atMs: told.atMs,
        keys: { next: told.next, duration_ms: Math.round(told.durationMs) },
      };
    case "lease": {
      const key = scopeName(told.scope);
      const before = leases.get(key);
      leases.set(key, told.answer);
      if (before === told.answer) return undefined;
      return {
        ...placeOf(told.scope),
        ...leaseLine(told.answer, before === "held"),
        atMs: told.atMs,
        keys: {
          ...(told.why === undefined ? {} : { [told.answer === "taken" ? "holder" : "error"]: told.why }),
          ...(told.streak === 0 ? {} : { streak: told.streak }),
        },
      };
    }
    case "phase":
      return {
        level: "info",
        event: "controller_phase",
        message: `controller ${told.phase}`,
        atMs: told.atMs,
        keys: { phase: told.phase },
      };
    case "reloaded":
      return {
        level: told.ok ? "info" : "error",
        event: told.ok ? "configuration_read" : "configuration_refused",
        atMs: told.atMs,
        keys: { detail: told.message },
      };
    case "note": {
      const { tenant_id: tenantId, repo_id: repoId, run_id: runId, ...keys } = told.keys;
      return {
        ...(typeof tenantId === "string" ? { tenantId } : {}),
        ...(typeof repoId === "string" ? { repoId } : {}),
        ...(typeof runId === "string" ? { runId } : {}),
        level: told.level,
        event: "note",
        message: told.message,
        atMs: told.atMs,
        keys,
      };
    }
  }
}

function placeOf({ tenantId, repoId }: ScopeId): Pick<Logged, "tenantId" | "repoId"> {
  return { tenantId, repoId };
}

function leaseLine(answer: "held" | "taken" | "unknown", wasHeld: boolean): Pick<Logged, "level" | "event"> {
  if (answer === "held") return { level: "info", event: "lease_held" };
  if (answer === "unknown") return { level: "warn", event: "lease_unknown" };
  return { level: wasHeld ? "warn" : "info", event: wasHeld ? "lease_lost" : "lease_held_by_another" };
}

function factLine({ fact, seq, atMs, writer }: Entry): Logged {
  const { type, ...members } = fact;
  const runId = runOf(fact);
  return {
    level: levelOf(fact),
    event: `scope_${type}`,
    atMs,
    ...(runId === undefined ? {} : { runId }),
    keys: { seq, ...(fact.type === "word" ? {} : { writer }), ...flat(members) },
  };
}

function levelOf(fact: Fact): LogLevel {
  switch (fact.type) {
    case "escalated":
      return "error";
    case "visit_failed":
    case "held":
      return "warn";
    case "recompile_ended":
      return fact.result === "failed" || fact.result === "cut_off" ? "warn" : "info";
    case "attempt_ended":
      if (fact.verdict === "rollback_failed") return "error";
      return fact.verdict === "kept" ? "info" : "warn";
    default:
      return "info";
  }
}

function runOf(fact: Fact): string | undefined {
  switch (fact.type) {
    case "adopted":
      return fact.deployed.runtimeRunId;
    case "attempt_started":
      return fact.attempt.runtimeRunId;
    case "recompile_ended":
    case "offered":
      return fact.offer?.runId;
    default:
      return undefined;
  }
}

/** What fits on a line: one level deep, with the gates that did not open in place of all answers. */
function flat(members: object): JsonObject {
  const json = fromPlain(members);
  if (!isJsonObject(json)) return {};
  const out: [string, JsonObject[string]][] = [];
  for (const [key, value] of Object.entries(json)) {
    if (key === "answers") out.push(["closed", closedGates(value)]);
    else if (isJsonObject(value)) {
      for (const [inner, item] of Object.entries(value))
        if (item === null || typeof item !== "object") out.push([snakeCase(`${key}_${inner}`), item]);
    } else out.push([snakeCase(key), value]);
  }
  return Object.fromEntries(out);
}

function closedGates(answers: JsonObject[string]): readonly string[] {
  if (!Array.isArray(answers)) return [];
  return answers.flatMap((answer: JsonObject[string]) => {
    if (!isJsonObject(answer)) return [];
    const { gate, verdict, reason } = answer;
    return verdict === "open" || verdict === "skipped" ? [] : [`${String(gate)}:${String(reason)}`];
  });
}
