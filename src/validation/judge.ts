/**
 * Judges one run by its operational criteria: reads what it left, evaluates, and makes the report. It writes nothing, and knows neither
 * the store nor the kernel: whoever ran the run records what comes back.
 *
 * Source: spec reconcile §7.7, §8.
 */
import { realpath } from "node:fs/promises";
import type { JsonObject } from "../json/value.ts";
import type { Clock } from "../system/clock.ts";
import { readEvidence } from "./evidence-rows.ts";
import { judgeInputs, loadInputs } from "./inputs.ts";
import { inputsFolder, JudgedFiles, type KeptInput } from "./judged-inputs.ts";
import type { Criterion, Validity } from "./operational-spec/model.ts";
import { type RunIds, validityReport } from "./report.ts";

export interface JudgeInput {
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
  readonly ids: RunIds;
  /** `runtime_evidence.json`: below the scope, or absolute within it. */
  readonly evidencePath: string;
  readonly bundle: {
    /** As the report shows it: below the scope with `/`, or absolute. */
    readonly path: string;
    /** Fingerprint of its document. */
    readonly sha256: string;
    readonly schemaVersion: number | null;
    /** `intent_ref`, where it has one. */
    readonly intentRef?: JsonObject | undefined;
  };
  readonly criteria: readonly Criterion[];
  readonly clock: Pick<Clock, "nowMs">;
}

export interface JudgedRun {
  readonly validity: Validity;
  /** `operational_validity_report.json`, for `prettyJson`. */
  readonly report: JsonObject;
  /** To be kept where they say; the report names them. */
  readonly kept: readonly KeptInput[];
}

/**
 * Undefined when there are no criteria. What cannot be read makes every criterion an error; it never rejects for that.
 * @throws AkcError INTERNAL
 */
export async function judgeRun(input: JudgeInput): Promise<JudgedRun | undefined> {
  const { ids, bundle, criteria, clock } = input;
  if (criteria.length === 0) return undefined;
  const scopeRoot = await realpath(input.scopeRoot);
  const evidence = await readEvidence(scopeRoot, input.evidencePath, ids.runtimeRunId);
  const files = new JudgedFiles(scopeRoot, inputsFolder(ids.runId, ids.runtimeRunId));
  const inputs = await loadInputs({
    scopeRoot,
    ...ids,
    evidence,
    criteria,
    bundleSchemaVersion: bundle.schemaVersion,
    files,
  });
  const validity = judgeInputs(criteria, inputs);
  // What could not even be read is looked for again where it should be.
  const kept = inputs.kind === "loaded" ? files.kept : undefined;
  const report = validityReport({
    ids,
    evaluatedAtMs: clock.nowMs(),
    validity,
    intentRef: bundle.intentRef,
    bundleRef: { path: bundle.path, sha256: bundle.sha256, schemaVersion: bundle.schemaVersion },
    evidenceRef: evidence.kind === "read" ? { path: evidence.shown, sha256: evidence.sha256 } : undefined,
    judgedInputs: kept,
  });
  return { validity, report, kept: kept ?? [] };
}
