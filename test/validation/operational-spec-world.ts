/**
 * Runs, criteria and rows as the tests of operational validity speak of them. Data only.
 */
import type { JsonObject } from "../../src/json/value.ts";
import { evaluateCriterion } from "../../src/validation/operational-spec/evaluate.ts";
import type {
  Check,
  Criterion,
  CriterionVerdict,
  EvidenceRecord,
  SpecInputs,
} from "../../src/validation/operational-spec/model.ts";

export function row(type: string, payload: JsonObject, timestamp = 100, run = "rr-1"): EvidenceRecord {
  return { evidence_type: type, runtime_run_id: run, timestamp, payload };
}

/** What a run leaves that reconciled one resource, and all went well. */
export const soundRun: readonly EvidenceRecord[] = [
  row("reconcile_outcome", { applied: true, operation_type: "create", resource_id: "api", error: null }, 10),
  row(
    "reconcile_resource_status",
    { converged: true, health_status: "healthy", resource_id: "api", resync_completed_attempts: 1 },
    20,
  ),
  row(
    "terminal_health",
    { aggregate: true, health_status: "healthy", resource_id: "__runtime_aggregate__" },
    30,
  ),
];

export const presence = { spec_version: 1, window: "single_run", predicate_kind: "presence" };
export const threshold = (comparator: "gte" | "lte" | "eq", bound: number) => ({
  ...presence,
  predicate_kind: "threshold",
  threshold: bound,
  threshold_comparator: comparator,
});

export const queryType = "akc_observability_query_result";
export const journeyType = "akc_mobile_journey_result";
export const captureType = "akc_device_capture_result";

/** Of the binding `q`, measured, with a number. */
export function query(payload: JsonObject = {}, timestamp = 40, run = "rr-1"): EvidenceRecord {
  const sound = { binding_id: "q", status: "ok", verdict: "pass", summary: { value: 7 } };
  return row(queryType, { ...sound, ...payload }, timestamp, run);
}

export const querySignal = (path: string) => ({
  evidence_type: queryType,
  payload_path: path,
  validator_stub: "q",
});

export function criterion(params: JsonObject, id = "sc"): Criterion {
  return { id, params, advisory: false };
}

export function inputs(
  evidence: readonly EvidenceRecord[] = soundRun,
  more: Partial<SpecInputs> = {},
): SpecInputs {
  return { evidence, bundleSchemaVersion: 4, rollups: new Map(), ...more };
}

/** Judges one criterion of a sound run with these rows beside. */
export function judged(
  params: JsonObject,
  rows: readonly EvidenceRecord[] = [],
  more: Partial<SpecInputs> = {},
): CriterionVerdict {
  return evaluateCriterion(criterion(params), inputs([...soundRun, ...rows], more));
}

/** The check whose name begins so. */
export function checkOf(verdict: CriterionVerdict, name: string): Check {
  const found = verdict.checks.find((check) => check.name.startsWith(name));
  if (found === undefined) throw new Error(`no check ${name}: ${verdict.checks.map((check) => check.name)}`);
  return found;
}

/** `pass`, or verdict and reason of a check: `error/unreachable`. */
export function told(verdict: CriterionVerdict, name: string): string {
  const { verdict: word, reason } = checkOf(verdict, name);
  return reason === undefined ? word : `${word}/${reason}`;
}
