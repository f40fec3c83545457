/**
 * Takes one run out of what was found, and says what of it is certain. A run is called whole only when its history holds to
 * its end, nothing shows that there was more, and the trees prove that nothing stood in between.
 */
import type { Database } from "bun:sqlite";
import { genesisOf } from "../../chain.ts";
import { rowIdBase, rowIdEnd } from "../keys.ts";
import { runNamed } from "../runs.ts";
import { chained } from "./chain.ts";
import type { Gathered } from "./found.ts";
import { newestOf, type SalvageTarget, versionsOf } from "./target.ts";
import { isLost } from "./walk.ts";

export interface SalvagedRun {
  readonly runtimeRunId: string;
  /**
   * `whole`: all of it is there. `unproven`: what is there holds together, but whether more stood there cannot be known. `cut`:
   * something is certainly missing.
   */
  readonly standing: "whole" | "unproven" | "cut";
  /** Its events go from 1 to this one. */
  readonly lastSeq: number;
  /** Events found that follow from nothing that was found. */
  readonly eventsUnplaced: number;
  readonly outcomeBefore: string | null;
  readonly actions: number;
  readonly decisions: number;
  /** What is missing or cannot be vouched for, for people. */
  readonly why: readonly string[];
}

export interface RunSource {
  readonly found: Database;
  readonly gathered: Gathered;
  readonly target: SalvageTarget;
}

/** @param runtimeRunId of a row that `target.insertRun` took */
export function salvageRun(source: RunSource, key: number, runtimeRunId: string): SalvagedRun {
  const { found, gathered, target } = source;
  const { db } = target;
  const { row } = runNamed(db, runtimeRunId);
  const cut: string[] = [];
  const unproven: string[] = [];

  let lastSeq = 0;
  let lastAtMs = row.startedAtMs;
  for (const event of chained(found, key, genesisOf(row))) {
    target.insertEvent(rowIdBase(key) + event.seq, event);
    lastSeq = event.seq;
    lastAtMs = event.at_ms;
  }
  const eventsUnplaced = countBeyond(found, key, lastSeq);
  if (eventsUnplaced > 0) cut.push(`${eventsUnplaced} events after event ${lastSeq} do not follow from it`);
  if ((row.evidenceSeq ?? 0) > lastSeq)
    cut.push(`its evidence covers ${row.evidenceSeq} events, ${lastSeq} are left`);
  if (gathered.logCut) unproven.push("the log is cut: its last turns may be missing");
  const { lost } = gathered.walked;
  if (isLost(lost.event, rowIdBase(key) + lastSeq + 1, rowIdEnd(key)))
    unproven.push("events may have followed");

  const actionsFound = newestOf(found, "action", key, 6);
  const actions = actionsFound.filter(({ values }) => Number(values[6]) <= lastSeq);
  for (const { values } of actions) target.insert("action", values);
  if (actions.length < actionsFound.length)
    cut.push(`${actionsFound.length - actions.length} actions tell of events that are gone`);
  if (isLost(lost.action, key, key)) unproven.push("actions may be missing");

  const decisions = insertDecisions(source, key, lastSeq, cut);
  if (isLost(lost.decision, rowIdBase(key) + decisions + 1, rowIdEnd(key)))
    unproven.push("decisions may be missing");

  for (const { values } of newestOf(found, "signal", key, 7)) {
    const taken = values[7];
    if (typeof taken === "number" && taken > lastSeq) {
      cut.push(`signal ${String(values[2])} was taken by an event that is gone`);
      target.insert("signal", [...values.slice(0, 7), null]);
    } else target.insert("signal", values);
  }
  if (lost.signal.length > 0) unproven.push("signals may be missing");
  for (const table of ["evidence_file", "artifact_ref"] as const) {
    for (const { values } of newestOf(found, table, key)) target.insert(table, values);
    if (isLost(lost[table], key, key)) unproven.push(`rows of ${table} may be missing`);
  }
  for (const { values } of newestOf(found, "lease", key)) target.insertLease(key, values);

  const standing = cut.length > 0 ? "cut" : unproven.length > 0 ? "unproven" : "whole";
  const ended = row.outcome !== null && row.evidenceSeq === lastSeq;
  // It must not be taken for one that may go on: what it did after the cut would be done again.
  if (standing !== "whole" && !ended) target.closeRun(key, lastSeq, lastAtMs);
  return {
    runtimeRunId,
    standing,
    lastSeq,
    eventsUnplaced,
    outcomeBefore: row.outcome,
    actions: actions.length,
    decisions,
    why: [...cut, ...unproven],
  };
}

/** From 1 without a gap, as far as their events are there. Answers how many. */
function insertDecisions({ found, target }: RunSource, key: number, lastSeq: number, cut: string[]): number {
  let number = 0;
  let left = 0;
  for (const { key: own, values } of versionsOf(found, "decision", key)) {
    if (typeof own !== "number" || own <= number) continue;
    if (left > 0 || own !== number + 1 || Number(values[1]) > lastSeq) {
      left += 1;
      continue;
    }
    number += 1;
    target.insert("decision", [rowIdBase(key) + number, ...values.slice(1)]);
  }
  if (left > 0) cut.push(`${left} decisions after decision ${number} could not be placed`);
  return number;
}

function countBeyond(found: Database, key: number, lastSeq: number): number {
  return (
    found
      .query<{ n: number }, [number, number]>(
        "SELECT count(DISTINCT seq) AS n FROM found_event WHERE run_key = ? AND seq > ?",
      )
      .get(key, lastSeq)?.n ?? 0
  );
}
