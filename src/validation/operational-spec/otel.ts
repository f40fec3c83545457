/**
 * The sidecars with traces and metrics of a run: from their text to lines, or to the reason why all of them are refused. Pure.
 * Lines of another scope, lines that cannot be read and too many lines refuse the whole; lines of another run of the same scope are
 * left out, since the sidecar is shared.
 *
 * Source: spec reconcile §7.6; reconcile:W-28.
 */
import { member, objectAt, textAt } from "../../bundle/member.ts";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { MetricLines } from "./model.ts";

/** Whose lines they must be; ids that a line does not name are not asked for. */
export interface LineScope {
  readonly tenantId: string;
  readonly repoId: string;
  /** Of the compile run; absent where lines of several are wanted. */
  readonly runId?: string;
  /** Lines of other runs are left out; absent: of all runs. */
  readonly runtimeRunId?: string;
}

export interface Lines {
  readonly records: readonly JsonObject[];
  /** `too_many_lines`, `too_many_records`, `malformed_line` or `other_scope`; null when they are not refused. */
  readonly rejectedReason: string | null;
}

/** `.akc/run/<run_id>.otel.jsonl` */
export function readTraceLines(text: string, scope?: LineScope): Lines {
  return readLines(text, {
    scope,
    linesMax: limits.traceLinesMax,
    recordsMax: limits.traceLinesMax,
    shared: true,
  });
}

/** Of the text of such a file: the lines that akc wrote for this run. */
export function ownTraceLines(text: string, scope: LineScope): string {
  return linesWith(text, (line) => isOwn(line, scope));
}

/** The others that count for it: whoever else writes there says nothing, or the same, of whose they are. */
export function otherTraceLines(text: string, scope: LineScope): string {
  return linesWith(text, (line) => {
    if (isOwn(line, scope)) return false;
    const record = objectOf(line);
    return record !== undefined && whoseLine(record, scope) === "ours";
  });
}

function isOwn(line: string, { runtimeRunId }: LineScope): boolean {
  const isOfAkc = /"source":"runtime\.(trace_span|coordination_audit)"/.test(line);
  return isOfAkc && line.includes(`"akc.runtime_run_id":${JSON.stringify(runtimeRunId ?? "")}`);
}

function linesWith(text: string, wanted: (line: string) => boolean): string {
  let found = "";
  for (const [, line] of linesOf(text)) if (line.trim() !== "" && wanted(line)) found += `${line}\n`;
  return found;
}

/** `.akc/run/<run_id>.otel_metrics.jsonl` */
export function readMetricLines(text: string, scope?: LineScope): MetricLines {
  return readLines(text, {
    scope,
    linesMax: limits.metricLinesMax,
    recordsMax: limits.metricRecordsMax,
    shared: false,
  });
}

interface Reading {
  readonly scope: LineScope | undefined;
  readonly linesMax: number;
  readonly recordsMax: number;
  /** Somebody else may be at work at its end. */
  readonly shared: boolean;
}

function readLines(text: string, { scope, linesMax, recordsMax, shared }: Reading): Lines {
  const records: JsonObject[] = [];
  for (const [number, line, whole] of linesOf(text)) {
    if (number > linesMax) return refused("too_many_lines");
    if (line.trim() === "") continue;
    const record = objectOf(line);
    if (record === undefined) {
      // Another run is writing it.
      if (shared && !whole) continue;
      return refused("malformed_line");
    }
    const whose = scope === undefined ? "ours" : whoseLine(record, scope);
    if (whose === "foreign") return refused("other_scope");
    if (whose === "another run") continue;
    if (records.length >= recordsMax) return refused("too_many_records");
    records.push(record);
  }
  return { records, rejectedReason: null };
}

function refused(rejectedReason: string): Lines {
  return { records: [], rejectedReason };
}

/** One at a time: number from 1, text, and whether it has its end. */
function* linesOf(text: string): Generator<readonly [number, string, boolean]> {
  let number = 1;
  for (let start = 0; start < text.length; number += 1) {
    const end = text.indexOf("\n", start);
    yield end < 0 ? [number, text.slice(start), false] : [number, text.slice(start, end), true];
    start = end < 0 ? text.length : end + 1;
  }
}

function objectOf(line: string): JsonObject | undefined {
  try {
    const value = parseJson(line);
    return isJsonObject(value) ? value : undefined;
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}

function whoseLine(line: JsonObject, scope: LineScope): "ours" | "another run" | "foreign" {
  const places = ["resource", "span", "metric"].map((key) => objectAt(objectAt(line, key), "attributes"));
  const differs = (key: string, id: string | undefined) =>
    id !== undefined &&
    places.some((attributes) => member(attributes, key) !== undefined && textAt(attributes, key) !== id);
  const foreign =
    differs("akc.tenant_id", scope.tenantId) ||
    differs("akc.repo_id", scope.repoId) ||
    differs("akc.run_id", scope.runId);
  if (foreign) return "foreign";
  return differs("akc.runtime_run_id", scope.runtimeRunId) ? "another run" : "ours";
}

/** In the order in which they are hashed and added up. */
export function byFingerprint(records: readonly JsonObject[]): readonly JsonObject[] {
  return records
    .map((record) => ({ record, sha256: fingerprint(record) }))
    .sort((left, right) => (left.sha256 < right.sha256 ? -1 : left.sha256 > right.sha256 ? 1 : 0))
    .map(({ record }) => record);
}

/** Of lines that tell one; a line without a metric is no point. */
export function metricPoints(metrics: MetricLines | undefined): readonly JsonObject[] {
  return (metrics?.records ?? []).flatMap((line) => {
    const metric = member(line, "metric");
    return isJsonObject(metric) && textAt(metric, "name") !== undefined ? [metric] : [];
  });
}
