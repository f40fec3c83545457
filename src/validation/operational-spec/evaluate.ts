/**
 * Judges operational criteria by what a run has left: every check in the documented order, the verdict of each criterion and of all. Pure.
 * A criterion always has a verdict, also one whose params cannot be read; only what is known to hold passes.
 *
 * Source: spec reconcile §7.3, §7.4, §8; reconcile:W-04b, W-04c, W-12b, W-29, W-29b.
 */
import { compareCodePoints } from "../../json/order.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { attestationSha256, combinedSha256, InputsDigest, isFailure, verdictSha256 } from "./attestation.ts";
import { comparisonChecks } from "./checks/comparison.ts";
import { compositeChecks } from "./checks/composites.ts";
import { metricChecks } from "./checks/metrics.ts";
import { runChecks } from "./checks/run.ts";
import { signalCheck } from "./checks/signals.ts";
import { spanContractCheck, type Traces, traceChecks } from "./checks/spans.ts";
import { type LoadedRollup, windowChecks } from "./checks/window.ts";
import type {
  Check,
  Criterion,
  CriterionVerdict,
  EvidenceRecord,
  MetricLines,
  Rollup,
  SpecInputs,
  Validity,
} from "./model.ts";
import { byFingerprint } from "./otel.ts";
import { type Params, type ParamsReading, readParams } from "./params.ts";
import { EvidenceIndex, recordJson } from "./records.ts";
import { broken, checkOf, unknown, worstVerdict } from "./verdict.ts";

/** All of them; advisory criteria and dry runs are told, and do not count for `verdict`. */
export function evaluate(criteria: readonly Criterion[], inputs: SpecInputs): Validity {
  const evaluation = new Evaluation(inputs);
  const verdicts = criteria
    .map((criterion) => evaluation.verdictOf(criterion))
    .sort(
      (left, right) =>
        compareCodePoints(left.id, right.id) || compareCodePoints(left.combinedSha256, right.combinedSha256),
    );
  const gating = verdicts.filter(({ advisory }) => !advisory);
  return {
    verdict: worstVerdict(gating.map(({ verdict }) => verdict)),
    passed: verdicts.every(({ verdict, dryRun }) => verdict === "pass" || dryRun === true),
    criteria: verdicts,
    attestationSha256: attestationSha256(verdicts),
  };
}

export function evaluateCriterion(criterion: Criterion, inputs: SpecInputs): CriterionVerdict {
  return new Evaluation(inputs).verdictOf(criterion);
}

/** What checks look at: the evidence of the run, or of a window over several. */
interface Ground {
  readonly index: EvidenceIndex;
  readonly digest: InputsDigest;
}

/** Looks at its inputs once, however many criteria there are. */
export class Evaluation {
  readonly #inputs: SpecInputs;
  readonly #contract: JsonValue;
  readonly #traces: Traces;
  readonly #metrics: MetricLines | undefined;
  readonly #grounds = new Map<readonly EvidenceRecord[], Ground>();

  /** @param contract of spans, for a compile; null without one */
  constructor(inputs: SpecInputs, contract: JsonValue = null) {
    this.#inputs = inputs;
    this.#contract = contract;
    this.#traces = {
      records: byFingerprint(inputs.otel ?? []),
      rejectedReason: inputs.otelRejectedReason ?? null,
    };
    this.#metrics = sorted(inputs.metrics);
  }

  /** @param refusal the only check where what is to be judged could not even be looked at */
  verdictOf(criterion: Criterion, refusal?: Check): CriterionVerdict {
    const reading = readParams(criterion.params);
    const params = reading.kind === "read" ? reading.params : undefined;
    const canonical = reading.kind === "read" ? reading.canonical : criterion.params;
    const rolling = params?.rolling === undefined ? undefined : this.#rollup(params.rolling.rollupPath);
    const baseline =
      params?.comparison === undefined ? undefined : this.#rollup(params.comparison.rollupPath);
    const ground = this.#ground(recordsFor(rolling, this.#inputs));
    const checks =
      params === undefined
        ? [paramsCheck(reading)]
        : refusal === undefined
          ? this.#checks(params, ground, rolling, baseline)
          : [refusal];
    const inputsSha256 = ground.digest.of({
      params: canonical,
      bundleSchemaVersion: this.#inputs.bundleSchemaVersion,
      ...(rolling === undefined ? {} : { rollingRollup: rollupJson(rolling) }),
      ...(baseline === undefined ? {} : { baselineRollup: rollupJson(baseline) }),
    });
    return concluded(criterion, { params, checks, canonical, inputsSha256 });
  }

  #checks(
    params: Params,
    { index }: Ground,
    rolling: Rollup | undefined,
    baseline: Rollup | undefined,
  ): readonly Check[] {
    if (rolling?.kind === "failed") {
      return [checkOf("operational_evidence_rollup_load", broken(rolling.reason, rolling.message), null)];
    }
    const metrics = this.#metrics;
    const { bundleSchemaVersion } = this.#inputs;
    return [
      ...(rolling === undefined || params.rolling === undefined
        ? []
        : windowChecks(rolling, params.rolling.windowMs)),
      ...runChecks(params, { index, metrics, bundleSchemaVersion }),
      ...params.signals.map((signal) => signalCheck(signal, params, index)),
      ...metricChecks(params, metrics),
      ...traceChecks(params, this.#traces, this.#contract),
      ...(this.#contract === null ? [] : [spanContractCheck(this.#contract, this.#traces)]),
      ...compositeChecks(params, this.#traces, metrics),
      ...(params.comparison === undefined
        ? []
        : comparisonChecks(params.comparison, params, { index, metrics, baseline })),
    ];
  }

  /** What nobody loaded is not there. */
  #rollup(path: string): Rollup {
    const loaded = this.#inputs.rollups.get(path);
    if (loaded === undefined) return { kind: "failed", reason: "missing", message: `${path} was not loaded` };
    return loaded.kind === "failed" || loaded.metrics === undefined
      ? loaded
      : { ...loaded, metrics: sorted(loaded.metrics) ?? loaded.metrics };
  }

  #ground(records: readonly EvidenceRecord[]): Ground {
    const known = this.#grounds.get(records);
    if (known !== undefined) return known;
    const index = new EvidenceIndex(records);
    const metrics = this.#metrics;
    const digest = new InputsDigest({
      evidence: index.canonical.map(recordJson),
      otelRecords: this.#traces.records,
      otelRejectedReason: this.#traces.rejectedReason,
      otelContract: this.#contract,
      ...(metrics === undefined ? {} : { metrics }),
    });
    const ground = { index, digest };
    this.#grounds.set(records, ground);
    return ground;
  }
}

const noRecords: readonly EvidenceRecord[] = [];

/** A window is judged by its own records alone; one that could not be loaded by none. */
function recordsFor(rolling: Rollup | undefined, inputs: SpecInputs): readonly EvidenceRecord[] {
  if (rolling === undefined) return inputs.evidence;
  return rolling.kind === "loaded" ? rolling.records : noRecords;
}

function sorted(metrics: MetricLines | undefined): MetricLines | undefined {
  return metrics === undefined ? undefined : { ...metrics, records: byFingerprint(metrics.records) };
}

function paramsCheck(reading: ParamsReading): Check {
  if (reading.kind !== "malformed") {
    return checkOf("operational_params", unknown("no-data", "the criterion has no params to judge by"), null);
  }
  const { faults } = reading;
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const message =
    first === undefined ? "the params are no object" : `params${first.path} ${first.message}${more}`;
  return checkOf("operational_params", broken("malformed", message), {
    faults: faults.map(({ path, message: what }) => ({ path, message: what })),
  });
}

/** By path and digest: the bytes were held against it. */
function rollupJson(rollup: Rollup): JsonObject {
  if (rollup.kind === "failed") return { error: rollup.reason };
  const { windowStartMs, windowEndMs, exports, metricExports } = rollup;
  return {
    window_start_ms: windowStartMs,
    window_end_ms: windowEndMs,
    runtime_evidence_exports: exportsJson(exports),
    ...(metricExports === undefined ? {} : { otel_metric_exports: exportsJson(metricExports) }),
  };
}

function exportsJson(exports: LoadedRollup["exports"]): readonly JsonObject[] {
  return exports
    .map(({ path, sha256 }) => ({ path, sha256 }))
    .sort(
      (left, right) =>
        compareCodePoints(left.path, right.path) || compareCodePoints(left.sha256, right.sha256),
    );
}

interface Conclusion {
  readonly params: Params | undefined;
  readonly checks: readonly Check[];
  readonly canonical: JsonValue;
  readonly inputsSha256: string;
}

function concluded({ id, advisory }: Criterion, conclusion: Conclusion): CriterionVerdict {
  const { params, checks, canonical, inputsSha256 } = conclusion;
  const verdict = worstVerdict(checks.filter(({ dryRun }) => dryRun !== true).map((check) => check.verdict));
  const verdictDigest = verdictSha256(id, verdict, checks);
  const dryRun = params?.dryRun === true;
  return {
    id,
    verdict,
    advisory: advisory || dryRun,
    ...(dryRun ? { dryRun } : {}),
    checks,
    failures: checks.filter(isFailure).map(({ name, message }) => `${id} (${name}): ${message ?? "failed"}`),
    ...(params === undefined
      ? {}
      : { predicateKind: params.predicate.kind, specVersion: params.specVersion }),
    expectedEvidenceTypes: params?.expectedEvidenceTypes ?? [],
    inputsSha256,
    verdictSha256: verdictDigest,
    combinedSha256: combinedSha256(inputsSha256, verdictDigest),
    canonicalParams: canonical,
  };
}
