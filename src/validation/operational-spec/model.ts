/**
 * The nouns of operational validity: criteria, what they are judged by, and the verdicts. Data only.
 *
 * Source: spec reconcile §7, §8.
 */
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Verdict } from "../../validators/contract.ts";

/** One criterion of a bundle or of the intent store, as it stands there. */
export interface Criterion {
  readonly id: string;
  readonly params: JsonObject;
  /** Its verdict is told and fails nothing. */
  readonly advisory: boolean;
}

/** A row of `runtime_evidence.json`. */
export interface EvidenceRecord {
  readonly evidence_type: string;
  readonly runtime_run_id: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly payload: JsonObject;
}

/** Lines of `.akc/run/<run_id>.otel_metrics.jsonl`; absent sidecar: no value of this type at all. */
export interface MetricLines {
  readonly records: readonly JsonObject[];
  /** Why all of them were refused, e.g. too many lines; null when they were not. */
  readonly rejectedReason: string | null;
}

/** A window of evidence over several runs (`operational_evidence_window.v1`), loaded and checked. */
export type Rollup =
  | {
      readonly kind: "loaded";
      readonly windowStartMs: number;
      readonly windowEndMs: number;
      readonly exports: readonly { readonly path: string; readonly sha256: string }[];
      readonly records: readonly EvidenceRecord[];
      /** Of the metric lines below; absent where the window names none. */
      readonly metricExports?: readonly { readonly path: string; readonly sha256: string }[];
      /** Over the window, for a comparison with it; absent where the window names none. */
      readonly metrics?: MetricLines;
    }
  /** `tampered`: bytes that are not those of the digest. */
  | {
      readonly kind: "failed";
      readonly reason: "missing" | "malformed" | "tampered" | "path";
      readonly message: string;
    };

export interface SpecInputs {
  /** Of the run that is judged. */
  readonly evidence: readonly EvidenceRecord[];
  /** Trace lines (`.otel.jsonl`), objects only. */
  readonly otel?: readonly JsonObject[];
  /** Why all trace lines were refused; `otel` is empty then. */
  readonly otelRejectedReason?: string | null;
  readonly metrics?: MetricLines;
  /** `schema_version` of the bundle; null where the caller does not know. */
  readonly bundleSchemaVersion: number | null;
  /** By the path that the params name (`evidence_rollup_rel_path`, and the baseline's). */
  readonly rollups: ReadonlyMap<string, Rollup>;
}

export interface Check {
  readonly name: string;
  readonly verdict: Verdict;
  /** Of what is no pass: a token such as `no-data`, `threshold`, `tampered`, `malformed`, or that of the binding's own verdict. */
  readonly reason?: string;
  readonly evidence: JsonObject | null;
  readonly message?: string;
  /** Told and not counted. */
  readonly dryRun?: boolean;
}

export interface CriterionVerdict {
  readonly id: string;
  /** `error` before `fail` before `inconclusive` before `pass`, over the checks that count. */
  readonly verdict: Verdict;
  /** Told, and fails nothing: because the criterion is advisory, or a dry run. */
  readonly advisory: boolean;
  /** Whether its params say `dry_run`. */
  readonly dryRun?: boolean;
  readonly checks: readonly Check[];
  /** The documented lines: `<sc> (<check_name>): <message|failed>`. */
  readonly failures: readonly string[];
  /** `threshold` or `presence`; absent where the params could not be read. */
  readonly predicateKind?: "threshold" | "presence";
  readonly specVersion?: number;
  readonly expectedEvidenceTypes: readonly string[];
  readonly inputsSha256: string;
  readonly verdictSha256: string;
  /** FP({inputs_sha256, verdict_sha256}) */
  readonly combinedSha256: string;
  /** As hashed. */
  readonly canonicalParams: JsonValue;
}

export interface Validity {
  /** Worst over criteria that are neither advisory nor a dry run. */
  readonly verdict: Verdict;
  /** Whether every criterion passes, the advisory ones too, dry runs not counted: the documented word. */
  readonly passed: boolean;
  readonly criteria: readonly CriterionVerdict[];
  /** FP({"criteria":[{"id", "sha256": combined}, …]}) by id. */
  readonly attestationSha256: string;
}
