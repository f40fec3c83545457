/**
 * From entries to what is written because of them: rows of the history, decisions, escalations. Pure, and resumable at any entry,
 * so that files which were not written in time come out as they would have been.
 *
 * Source: spec cli §14.12, §14.13.
 */
import type { JsonObject } from "../../json/value.ts";
import type { LeaseConfig, ScopeConfig } from "../config/model.ts";
import { fold } from "../machine.ts";
import type { Entry, Fact, ScopeState } from "../model.ts";
import { endedRow, type HistoryRow, heldRow } from "../score/history-row.ts";
import { controllerIdOf, decisionArtifact, decisionOf, escalationOf, idOfEntry } from "./decision.ts";
import { decisionName, escalationName } from "./places.ts";

/** How far it was told, and what is needed to go on. */
export interface Told {
  readonly state: ScopeState;
  /** Of the open attempt: how it began. */
  readonly started?: Started | undefined;
  /** Whoever wrote the last entry under a lease. */
  readonly holder?: string | undefined;
}

export interface Started {
  readonly fact: Extract<Fact, { type: "attempt_started" }>;
  readonly atMs: number;
}

export interface NamedFile {
  readonly name: string;
  readonly artifact: JsonObject;
}

export interface Narrated {
  readonly told: Told;
  readonly rows: readonly HistoryRow[];
  readonly decisions: readonly NamedFile[];
  readonly escalations: readonly NamedFile[];
}

/** As the decision of a change of holder names it. */
export interface LeaseName {
  readonly backend: LeaseConfig["backend"];
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** @param entries those that follow what was told, in their order */
export function narrate(
  from: Told,
  entries: readonly Entry[],
  config: ScopeConfig,
  lease: LeaseName,
): Narrated {
  let told = from;
  const rows: HistoryRow[] = [];
  const decisions: NamedFile[] = [];
  const escalations: NamedFile[] = [];
  for (const entry of entries) {
    const before = told.state;
    const after = fold(before, entry);
    const { fact } = entry;
    const started = startOf(told, fact);
    const step = { entry, before, after, started: started?.fact };
    const changed = changeOfHolder(told, entry, after, config, lease);
    if (changed !== undefined) decisions.push(changed);
    const decision = decisionOf(step, config);
    if (decision !== undefined) {
      decisions.push({
        name: decisionName(entry.atMs, safeId(decision.attemptId, entry)),
        artifact: decision.artifact,
      });
    }
    const escalation = escalationOf(step, config);
    if (escalation !== undefined) {
      escalations.push({
        name: escalationName(entry.atMs, escalation.reason),
        artifact: escalation.artifact,
      });
    }
    const row = rowOf(entry, started);
    if (row !== undefined) rows.push(row);
    told = {
      state: after,
      started: fact.type === "attempt_started" ? { fact, atMs: entry.atMs } : endsWith(told, fact),
      holder: entry.token > 0 ? entry.writer : told.holder,
    };
  }
  return { told, rows, decisions, escalations };
}

function rowOf(entry: Entry, started: Started | undefined): HistoryRow | undefined {
  const { fact, atMs, seq } = entry;
  if (fact.type === "held") return heldRow(entry, fact);
  if (fact.type !== "attempt_ended" || started === undefined) return undefined;
  return endedRow({
    started: started.fact,
    startedAtMs: started.atMs,
    ended: fact,
    endedAtMs: atMs,
    seq,
  });
}

/** Of the attempt that ends; from the state alone where the entry itself is gone. */
function startOf({ started, state }: Told, fact: Fact): Started | undefined {
  if (fact.type !== "attempt_ended") return undefined;
  if (started?.fact.attempt.attemptId === fact.attemptId) return started;
  const { attempt } = state;
  if (attempt?.attemptId !== fact.attemptId) return undefined;
  return { fact: { type: "attempt_started", attempt, answers: [] }, atMs: attempt.startedAtMs };
}

function endsWith({ started }: Told, fact: Fact): Started | undefined {
  const over = fact.type === "attempt_ended" && fact.attemptId === started?.fact.attempt.attemptId;
  return over ? undefined : started;
}

/**
 * `skip_not_lease_holder`, once for each change of holder: the new holder says that the one before is none any more. Whoever
 * only waits writes nothing, and a controller that was started again is no other one (cli:W-18b).
 */
function changeOfHolder(
  { holder }: Told,
  entry: Entry,
  after: ScopeState,
  config: ScopeConfig,
  lease: LeaseName,
): NamedFile | undefined {
  if (entry.token === 0 || holder === undefined) return undefined;
  if (placeOf(holder) === placeOf(entry.writer)) return undefined;
  const id = idOfEntry(entry, "holder");
  const artifact = decisionArtifact({ entry, after }, config, id, "skip_not_lease_holder", {
    lease_backend: lease.backend,
    lease_namespace: lease.namespace ?? null,
    scope_name: lease.name,
    lease: {
      backend: lease.backend,
      namespace: lease.namespace ?? null,
      name: lease.name,
      holder_controller_id: controllerIdOf(entry.writer),
      holder: entry.writer,
      token: entry.token,
      acquired_by_ms: entry.atMs,
    },
  });
  return {
    name: decisionName(entry.atMs, id),
    artifact: { ...artifact, controller_id: controllerIdOf(holder), holder },
  };
}

/** Of `<controller_id>@<host>:<pid>:<nonce>`, what stays when a controller is started again. */
function placeOf(holder: string): string {
  return holder.replace(/:\d+:[^:@]*$/, "");
}

/** Ids become names of files. */
function safeId(attemptId: string, entry: Entry): string {
  return /^[A-Za-z0-9-]{1,64}$/.test(attemptId) ? attemptId : idOfEntry(entry);
}
