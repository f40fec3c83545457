/**
 * Signals: which record of the evidence one means, which value in it, and whether that is there or keeps its threshold. Pure.
 * A record that says of itself that it is no success never lets a signal pass, and what is not there is no data, never zero.
 *
 * Source: spec reconcile §7.2, §7.4 (12, 12'); reconcile:W-04b, W-29; anchors §1.2 (dry run), §1.9 (least samples).
 */
import { member, textAt } from "../../../bundle/member.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import type { Check } from "../model.ts";
import { floatJson, holds, numericValue } from "../number.ts";
import type { Params, Predicate, Signal } from "../params.ts";
import { type Entry, type EvidenceIndex, recordJson } from "../records.ts";
import { checkOf, failed, type Outcome, passed, unknown, worstOutcome } from "../verdict.ts";

/** Records that a signal means, oldest first. */
export interface Selected {
  readonly entries: readonly Entry[];
  /** They are all there is, and gate nothing. */
  readonly dryRun: boolean;
}

export function selectRecords(signal: Signal, index: EvidenceIndex): Selected {
  const counting = narrowed(signal, index.counting(signal.evidenceType));
  if (counting.length > 0) return { entries: counting, dryRun: false };
  const all = narrowed(signal, index.entries(signal.evidenceType));
  return { entries: all, dryRun: all.length > 0 };
}

function narrowed({ evidenceType, payloadPath, stub }: Signal, all: readonly Entry[]): readonly Entry[] {
  const bound =
    stub === undefined ? all : all.filter(({ record }) => textAt(record.payload, "binding_id") === stub);
  const aggregated = aggregatePaths.get(evidenceType);
  const [first = ""] = (payloadPath ?? "").split(".");
  const wanted = first === "aggregate" || aggregated?.has(payloadPath ?? "") === true;
  if (aggregated === undefined || !wanted) return bound;
  const aggregates = bound.filter(({ record }) => member(record.payload, "aggregate") === true);
  return aggregates.length > 0 ? aggregates : bound;
}

/** Paths of which what is said of all resources together counts more than what is said of one. */
const aggregatePaths: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ["terminal_health", new Set(["", "health_status"])],
  ["convergence_certificate", new Set(["", "converged", "health"])],
]);

/** The value at a dotted path; dots walk objects only, and a leading `aggregate.` says which record is meant. */
export function valueAt(payload: JsonObject, path: string | undefined): JsonValue | undefined {
  if (path === undefined) return payload;
  let value: JsonValue | undefined = payload;
  for (const part of path.replace(/^aggregate\./, "").split(".")) {
    value = isJsonObject(value) ? member(value, part) : undefined;
  }
  return value;
}

export function signalName({ evidenceType, payloadPath }: Signal): string {
  return `${evidenceType}:${payloadPath ?? "*"}`;
}

export function signalCheck(signal: Signal, params: Params, index: EvidenceIndex): Check {
  const { entries, dryRun } = selectRecords(signal, index);
  const { predicate, consecutive = 1, minSamples } = params;
  const looks = entries.slice(-consecutive).map((entry) => lookAt(entry, signal, predicate));
  const latest = looks.at(-1) ?? nothing(signal, predicate);
  const samples = entries.filter(({ standing }) => standing.outcome.verdict === "pass").length;
  const all = worstOutcome([latest.outcome, ...looks.map((look) => look.outcome)]);
  // One of the newest that does not hold is known to be one, however few there are; only a pass needs all of them.
  const inARow =
    all.verdict === "pass" && looks.length < consecutive
      ? unknown("limited", `${looks.length} records in a row are fewer than ${consecutive}`)
      : all;
  const outcome = enough(inARow, { seen: samples, wanted: minSamples, what: "records" });
  const evidence =
    latest.evidence === null
      ? null
      : {
          ...latest.evidence,
          ...(params.consecutive === undefined
            ? {}
            : {
                consecutive: {
                  required: params.consecutive,
                  considered: looks.length,
                  held: looks.filter((look) => look.outcome.verdict === "pass").length,
                },
              }),
          ...(minSamples === undefined ? {} : { samples, min_samples: minSamples }),
        };
  return { ...checkOf(latest.name, outcome, evidence), ...(dryRun ? { dryRun } : {}) };
}

interface Count {
  readonly seen: number;
  /** Undefined: any number is enough. */
  readonly wanted: number | undefined;
  readonly what: string;
}

/** Too few samples tell nothing, not even a failure; an error stays one. */
export function enough(outcome: Outcome, { seen, wanted, what }: Count): Outcome {
  if (wanted === undefined || seen >= wanted) return outcome;
  // What is already told to be unknown, or broken, keeps its own reason.
  if (outcome.verdict === "error" || outcome.verdict === "inconclusive") return outcome;
  return unknown("limited", `${seen} ${what} are fewer than ${wanted}`);
}

interface Look {
  readonly name: string;
  readonly outcome: Outcome;
  readonly evidence: JsonObject | null;
}

function nothing(signal: Signal, predicate: Predicate): Look {
  const { evidenceType, stub } = signal;
  const of = stub === undefined ? "" : ` of ${stub}`;
  return {
    name: predicate.kind === "presence" ? presenceName(signal) : numberlessName(signal),
    outcome: unknown("no-data", `there is no record ${evidenceType}${of}`),
    evidence: null,
  };
}

function presenceName(signal: Signal): string {
  return `presence_signal:${signalName(signal)}`;
}

/** Where there is no number to compare, the documented name has no path. */
function numberlessName({ evidenceType }: Signal): string {
  return `threshold_signal:${evidenceType}`;
}

function lookAt({ record, standing }: Entry, signal: Signal, predicate: Predicate): Look {
  const value = valueAt(record.payload, signal.payloadPath);
  const selected = { selected_record: recordJson(record) };
  if (predicate.kind === "presence") {
    const outcome = standing.outcome.verdict === "pass" ? presence(value, signal) : standing.outcome;
    return { name: presenceName(signal), outcome: ofBinding(outcome, signal), evidence: selected };
  }
  const name = `threshold_signal:${signalName(signal)}`;
  if (standing.outcome.verdict !== "pass") {
    return { name, outcome: ofBinding(standing.outcome, signal), evidence: selected };
  }
  const { threshold, comparator } = predicate;
  const number = numericValue(value);
  const evidence = {
    observed: value ?? null,
    numeric_value: number === undefined ? null : floatJson(number),
    threshold: floatJson(threshold),
    comparator,
  };
  if (number === undefined) {
    const outcome = unknown("no-data", `there is no number at ${signalName(signal)}`);
    return { name: numberlessName(signal), outcome: ofBinding(outcome, signal), evidence };
  }
  return { name, outcome: ofBinding(thresholdOutcome(number, predicate), signal), evidence };
}

/** Whoever reads why it is no pass wants to know who said so: the name of the check does not tell. */
function ofBinding(outcome: Outcome, { stub }: Signal): Outcome {
  if (outcome.verdict === "pass" || stub === undefined) return outcome;
  return { ...outcome, message: `${stub}: ${outcome.message}` };
}

export function thresholdOutcome(
  value: number,
  { comparator, threshold }: Extract<Predicate, { kind: "threshold" }>,
): Outcome {
  return holds(value, comparator, threshold)
    ? passed
    : failed("threshold", `${value} is not ${comparator} ${threshold}`);
}

/** Any boolean and number is something, a text that is not blank, and what has members. */
function presence(value: JsonValue | undefined, signal: Signal): Outcome {
  if (value === undefined || value === null) {
    return unknown("no-data", `there is nothing at ${signalName(signal)}`);
  }
  const empty =
    (typeof value === "string" && value.trim() === "") ||
    (isJsonArray(value) && value.length === 0) ||
    (isJsonObject(value) && Object.keys(value).length === 0);
  return empty ? failed("presence", `${signalName(signal)} is empty`) : passed;
}
