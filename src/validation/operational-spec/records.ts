/**
 * Records of evidence: how one is read from a row, in which order they are hashed, and how they are found. Pure.
 * The same records give the same answers, in whatever order they came.
 *
 * Source: spec reconcile §5.1, §7.2, §8 (sort key, with the fingerprint of the payload where the old runtime had a text of Python's).
 */
import { member, textAt } from "../../bundle/member.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { compareCodePoints, sortedByCodePoint } from "../../json/order.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { EvidenceRecord } from "./model.ts";
import { type Standing, standingOf } from "./standing.ts";
import { compareVerdicts, type Outcome, unknown, worstOutcome } from "./verdict.ts";

/** Undefined for what is no row of evidence. */
function evidenceRecord(value: JsonValue): EvidenceRecord | undefined {
  if (!isJsonObject(value)) return undefined;
  const type = textAt(value, "evidence_type");
  const run = textAt(value, "runtime_run_id");
  const timestamp = member(value, "timestamp");
  const payload = member(value, "payload");
  if (type === undefined || run === undefined || !isJsonObject(payload)) return undefined;
  if (typeof timestamp !== "number" || !Number.isSafeInteger(timestamp) || timestamp < 0) return undefined;
  return { evidence_type: type, runtime_run_id: run, timestamp, payload };
}

/** Of a whole stream; a text says what is wrong with it. */
export function evidenceRecords(value: JsonValue | undefined): readonly EvidenceRecord[] | string {
  if (!isJsonArray(value)) return "the evidence is not a list of rows";
  const records: EvidenceRecord[] = [];
  for (const [index, item] of value.entries()) {
    const record = evidenceRecord(item);
    if (record === undefined) return `row ${index} is no evidence`;
    records.push(record);
  }
  return records;
}

export function recordJson(record: EvidenceRecord): JsonObject {
  const { evidence_type, runtime_run_id, timestamp, payload } = record;
  return { evidence_type, runtime_run_id, timestamp, payload };
}

/** A record with what it says of its own making. */
export interface Entry {
  readonly record: EvidenceRecord;
  readonly standing: Standing;
}

export class EvidenceIndex {
  readonly #records: readonly EvidenceRecord[];
  readonly #byType: Map<string, EvidenceRecord[]>;
  readonly #entries = new Map<string, readonly Entry[]>();
  readonly #counting = new Map<string, readonly Entry[]>();
  readonly #fingerprints = new Map<EvidenceRecord, string>();
  #canonical: readonly EvidenceRecord[] | undefined;

  constructor(records: readonly EvidenceRecord[]) {
    this.#records = records;
    this.#byType = Map.groupBy(records, ({ evidence_type }) => evidence_type);
  }

  /** Types of which there is at least one record that counts, sorted. */
  get types(): readonly string[] {
    return sortedByCodePoint([...this.#byType.keys()]).filter((type) => this.counting(type).length > 0);
  }

  /** As hashed: by run, time, type, and the fingerprint of the payload. */
  get canonical(): readonly EvidenceRecord[] {
    this.#canonical ??= this.#records.toSorted(
      (left, right) =>
        compareCodePoints(left.runtime_run_id, right.runtime_run_id) ||
        left.timestamp - right.timestamp ||
        compareCodePoints(left.evidence_type, right.evidence_type) ||
        this.#byPayload(left, right),
    );
    return this.#canonical;
  }

  /** Of one type, oldest first. Of the same moment what went wrong comes last, so that the last one never hides it. */
  entries(type: string): readonly Entry[] {
    const known = this.#entries.get(type);
    if (known !== undefined) return known;
    const entries = (this.#byType.get(type) ?? [])
      .map((record) => ({ record, standing: standingOf(record) }))
      .sort(
        (left, right) =>
          left.record.timestamp - right.record.timestamp ||
          compareVerdicts(left.standing.outcome.verdict, right.standing.outcome.verdict) ||
          this.#byPayload(left.record, right.record) ||
          compareCodePoints(left.record.runtime_run_id, right.record.runtime_run_id),
      );
    this.#entries.set(type, entries);
    return entries;
  }

  /** Those that gate: all but dry runs. */
  counting(type: string): readonly Entry[] {
    const known = this.#counting.get(type);
    if (known !== undefined) return known;
    const counting = this.entries(type).filter(({ standing }) => !standing.dryRun);
    this.#counting.set(type, counting);
    return counting;
  }

  #byPayload(left: EvidenceRecord, right: EvidenceRecord): number {
    return left === right ? 0 : compareCodePoints(this.#fingerprint(left), this.#fingerprint(right));
  }

  /** Taken only of records that nothing else tells apart. */
  #fingerprint(record: EvidenceRecord): string {
    const known = this.#fingerprints.get(record);
    if (known !== undefined) return known;
    const taken = fingerprint(record.payload);
    this.#fingerprints.set(record, taken);
    return taken;
  }
}

/** Whether one of them at least is a success, and if none is, why not. */
export function presenceOf(entries: readonly Entry[], what: string): Outcome {
  if (entries.length === 0) return unknown("no-data", `there is no ${what}`);
  const good = entries.find(({ standing }) => standing.outcome.verdict === "pass");
  return good === undefined ? worstStanding(entries) : good.standing.outcome;
}

/** What the worst of them says of itself. */
export function worstStanding(entries: readonly Entry[]): Outcome {
  return worstOutcome(entries.map(({ standing }) => standing.outcome));
}
