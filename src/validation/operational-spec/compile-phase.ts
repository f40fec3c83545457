/**
 * Judges the criteria of a compile by what the compile accounts for, with no run and no disk. Pure.
 * Without evidence it never passes, and what is judged after a run is told as skipped and never as passed.
 *
 * Source: spec reconcile §7.7.
 */
import { member } from "../../bundle/member.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { attestationSha256 } from "./attestation.ts";
import { Evaluation } from "./evaluate.ts";
import type { Criterion, CriterionVerdict, SpecInputs } from "./model.ts";
import { readMetricLines, readTraceLines } from "./otel.ts";
import { readParams } from "./params.ts";
import { evidenceRecords } from "./records.ts";
import { broken, checkOf, type Outcome, unknown } from "./verdict.ts";

export type CompilePhase =
  | { readonly kind: "judged"; readonly verdict: CriterionVerdict; readonly attestationSha256: string }
  /** It is judged when a run has ended; nothing is known of it now. */
  | { readonly kind: "skipped"; readonly id: string; readonly subStatus: "skipped" };

/** @param accounting of the compile, with `operational_compile_bundle` */
export function evaluateCompilePhase(criterion: Criterion, accounting: JsonValue | undefined): CompilePhase {
  const reading = readParams(criterion.params);
  const skipped = reading.kind === "read" && reading.params.phase === "post_runtime";
  if (skipped) return { kind: "skipped", id: criterion.id, subStatus: "skipped" };
  const verdict = verdictOf(criterion, accounting);
  return { kind: "judged", verdict, attestationSha256: attestationSha256([verdict]) };
}

function verdictOf(criterion: Criterion, accounting: JsonValue | undefined): CriterionVerdict {
  const reading = readParams(criterion.params);
  if (reading.kind !== "read") return new Evaluation(nothing).verdictOf(criterion);
  if (reading.params.rolling !== undefined || reading.params.comparison !== undefined) {
    return refused(criterion, broken("malformed", "a compile has no window over several runs"));
  }
  const document = isJsonObject(accounting) ? accounting : {};
  const bundle = member(document, "operational_compile_bundle") ?? null;
  if (bundle === null) return refused(criterion, unknown("no-data", "the compile accounts for no evidence"));
  const read = compileInputs(bundle);
  return typeof read === "string"
    ? refused(criterion, broken("malformed", read))
    : read.inputs.evidence.length === 0
      ? refused(criterion, unknown("no-data", "the compile accounts for no evidence"))
      : new Evaluation(read.inputs, read.contract).verdictOf(criterion);
}

function refused(criterion: Criterion, outcome: Outcome): CriterionVerdict {
  const check = checkOf("operational_compile_bundle", outcome, null);
  return new Evaluation(nothing).verdictOf(criterion, check);
}

const nothing: SpecInputs = { evidence: [], bundleSchemaVersion: null, rollups: new Map() };

const known: ReadonlySet<string> = new Set([
  "runtime_evidence_records",
  "otel_ndjson_text",
  "otel_contract",
  "runtime_bundle_schema_version",
  "otel_metric_ndjson_text",
]);

/** A text says what is wrong with it. */
function compileInputs(
  bundle: JsonValue,
): { readonly inputs: SpecInputs; readonly contract: JsonValue } | string {
  if (!isJsonObject(bundle)) return "operational_compile_bundle is no object";
  const stray = Object.keys(bundle).find((key) => !known.has(key));
  if (stray !== undefined) return `operational_compile_bundle has a key that is not known: ${stray}`;
  const evidence = evidenceRecords(member(bundle, "runtime_evidence_records"));
  if (typeof evidence === "string") return `runtime_evidence_records: ${evidence}`;
  const traces = textOf(bundle, "otel_ndjson_text");
  const metrics = textOf(bundle, "otel_metric_ndjson_text");
  const version = member(bundle, "runtime_bundle_schema_version") ?? null;
  const versionNumber = asDouble(version);
  if (traces.wrong || metrics.wrong) return "a sidecar is no text";
  if (version !== null && (versionNumber === undefined || !Number.isSafeInteger(versionNumber))) {
    return "runtime_bundle_schema_version is no whole number";
  }
  const lines = traces.text === undefined ? undefined : readTraceLines(traces.text);
  return {
    inputs: {
      evidence,
      ...(lines === undefined ? {} : { otel: lines.records, otelRejectedReason: lines.rejectedReason }),
      ...(metrics.text === undefined ? {} : { metrics: readMetricLines(metrics.text) }),
      bundleSchemaVersion: versionNumber ?? null,
      rollups: new Map(),
    },
    contract: member(bundle, "otel_contract") ?? null,
  };
}

function textOf(bundle: JsonObject, key: string): { readonly text?: string; readonly wrong: boolean } {
  const value = member(bundle, key) ?? null;
  return typeof value === "string" ? { text: value, wrong: false } : { wrong: value !== null };
}
