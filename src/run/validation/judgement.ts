/**
 * Judges a run by its operational criteria and keeps the judgement: the report as an artifact, the attestation as an event. A run that
 * does not meet what counts has failed; one that nobody can judge has not passed.
 *
 * Source: spec reconcile §7, §8; reconcile:W-04c, W-29.
 */
import type { ArtifactRef } from "../../adapters/contract.ts";
import { member, objectAt, objectsAt, textAt, textsAt } from "../../bundle/member.ts";
import type { ValidityFacts } from "../../evidence/facts.ts";
import { evidencePaths, shownPath } from "../../evidence/layout.ts";
import { canonicalJson, prettyJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { eventTypes } from "../../kernel/wire.ts";
import type { RunReader, RunRow } from "../../store/contract.ts";
import { failpoint } from "../../system/failpoint.ts";
import { type JudgedRun, judgeRun } from "../../validation/judge.ts";
import type { Validity } from "../../validation/operational-spec/model.ts";
import { verdicts } from "../../validators/contract.ts";
import type { WrittenEvidence } from "../evidence.ts";
import type { JudgedValidity, SettleParts } from "../settle.ts";

export interface KeptJudgement {
  readonly validity: JudgedValidity;
  /** What the run has failed for; absent where it has not, or had before. */
  readonly lastError?: string;
}

/** Undefined where there is nothing to judge by, or the run was cut off and may go on. @throws AkcError what the store throws */
export async function judgeSettled(
  parts: SettleParts,
  written: WrittenEvidence,
  facts: ValidityFacts,
): Promise<KeptJudgement | undefined> {
  const { run, paths } = written;
  const { context, bundlePath, bundleSha256 } = run;
  const judged = await judgeRun({
    scopeRoot: parts.place.scopeRoot,
    ids: context,
    evidencePath: paths.evidence,
    bundle: {
      path: shownPath(parts.place.scopeRoot, bundlePath),
      sha256: bundleSha256,
      schemaVersion: facts.bundleSchemaVersion,
      intentRef: facts.intentRef,
    },
    criteria: facts.criteria,
    clock: parts.clock,
  });
  if (judged === undefined) return undefined;
  const report = await parts.writer.artifacts.put(new TextEncoder().encode(prettyJson(judged.report)));
  for (const { bytes } of judged.kept) await parts.writer.artifacts.put(bytes);
  const { verdict, passed } = judged.validity;
  const lastError = failsFor(run, judged.validity);
  await attest(parts, run, { ...judged, reportRef: report }, lastError);
  return {
    validity: { verdict, passed, failures: failuresOf(judged.report), reportPath: paths.validityReport },
    ...(lastError === undefined ? {} : { lastError }),
  };
}

/**
 * The judgement that was the run's last word: whoever made it died before the evidence told of it, and it is not made twice.
 * Undefined where something happened since, and in histories of the old runtime. @throws AkcError STORE_DAMAGED
 */
export async function standingJudgement(
  { place }: Pick<SettleParts, "place">,
  reader: Pick<RunReader, "eventAt" | "artifacts">,
  { context, lastSeq }: RunRow,
): Promise<KeptJudgement | undefined> {
  const last = await reader.eventAt(lastSeq);
  if (last?.type !== eventTypes.validityAttested) return undefined;
  const told = objectOf(last.payload);
  const verdict = verdicts.find((word) => word === textAt(told, "verdict"));
  const sha256 = textAt(objectAt(told, "report"), "sha256");
  if (verdict === undefined || sha256 === undefined) return undefined;
  const report = objectOf(new TextDecoder().decode(await reader.artifacts.read(sha256)));
  const lastError = textAt(told, "run_failed_with");
  return {
    validity: {
      verdict,
      passed: member(told, "passed") === true,
      failures: failuresOf(report),
      reportPath: evidencePaths(place.scopeRoot, context).validityReport,
    },
    ...(lastError === undefined ? {} : { lastError }),
  };
}

/** What did not pass, and whether it counts. */
function failuresOf(report: JsonObject): readonly string[] {
  return objectsAt(report, "criterion_results").flatMap((row) => {
    const advises = member(row, "advisory") === true;
    return textsAt(row, "failures").map((line) => (advises ? `${line} (only advises)` : line));
  });
}

function objectOf(text: string): JsonObject {
  const value = parseJson(text);
  return isJsonObject(value) ? value : {};
}

/** Not knowing fails nothing by itself; simulating proves nothing. */
function failsFor({ outcome, context }: RunRow, { verdict, criteria }: Validity): string | undefined {
  if (outcome !== "succeeded" || context.mode === "simulate") return undefined;
  if (verdict === "pass" || verdict === "inconclusive") return undefined;
  const unmet = criteria.filter(
    (one) => !one.advisory && (one.verdict === "fail" || one.verdict === "error"),
  );
  return `operational criteria not met: ${unmet.map(({ id, verdict: why }) => `${id} (${why})`).join(", ")}`;
}

async function attest(
  { writer, clock }: SettleParts,
  { status, outcome }: RunRow,
  { validity, kept, reportRef }: JudgedRun & { readonly reportRef: ArtifactRef },
  lastError: string | undefined,
): Promise<void> {
  const { verdict, passed, criteria, attestationSha256 } = validity;
  const ids = criteria.map(({ id }) => id);
  const [only, ...others] = ids;
  const payload = canonicalJson({
    passed,
    success_criterion_ids: ids,
    ...(only === undefined || others.length > 0 ? {} : { success_criterion_id: only }),
    verdict,
    attestation_fingerprint_sha256: attestationSha256,
    report: { sha256: reportRef.sha256, size_bytes: reportRef.sizeBytes },
    ...(kept.length === 0
      ? {}
      : { inputs: kept.map(({ path, sha256, bytes }) => ({ path, sha256, size_bytes: bytes.length })) }),
    ...(lastError === undefined
      ? {}
      : { run_failed_with: lastError, status_before: status, outcome_before: outcome }),
  });
  const event = { seq: writer.lastSeq + 1, type: eventTypes.validityAttested, atMs: clock.nowMs(), payload };
  await writer.commit({
    events: [event],
    actions: [],
    decisions: [],
    ...(lastError === undefined ? {} : { run: { status: "failed", outcome: "failed" as const, lastError } }),
  });
  failpoint("validation.attested");
}
