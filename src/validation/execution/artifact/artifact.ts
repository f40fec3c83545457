/**
 * The three documented artifacts of what bindings came to, with akc's own keys beside the documented ones. Pure.
 * An artifact never says `ok`, `passed` or "no assertion failed" where nothing was measured: old readers look only at those words.
 *
 * Source: spec reconcile §6.5, W-04b.
 */
import { textAt } from "../../../bundle/member.ts";
import { fingerprint } from "../../../json/fingerprint.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import { type Judgement, lastAttempt } from "../judgement.ts";
import type { ArtifactKind, BindingObservation } from "../model.ts";
import { judgementJson } from "./judged-keys.ts";
import { mainResponse, type ObservedFiles } from "./observed-files.ts";
import { summaryOf } from "./summary.ts";

type Status = BindingObservation["status"];

export interface Artifact {
  readonly kind: ArtifactKind;
  /** Without the envelope, with `fingerprint_sha256`. */
  readonly payload: JsonObject;
  readonly status: Status;
}

export function artifactOf(judgement: Judgement, kind: ArtifactKind, files: ObservedFiles): Artifact {
  const { payload, status } = payloadOf(judgement, kind, files);
  return { kind, payload: fingerprinted({ ...judgementJson(judgement, files), ...payload }), status };
}

/** The key is taken of all others. @throws AkcError as `fingerprint` */
export function fingerprinted(payload: JsonObject): JsonObject {
  return { ...payload, fingerprint_sha256: fingerprint(payload) };
}

/** As the file has it. */
export function withEnvelope(kind: ArtifactKind, payload: JsonObject): JsonObject {
  return { ...payload, schema_id: `akc:${kind}:v1`, schema_version: 1 };
}

interface Documented {
  readonly payload: JsonObject;
  readonly status: Status;
}

function payloadOf(judgement: Judgement, kind: ArtifactKind, files: ObservedFiles): Documented {
  switch (kind) {
    case "observability_query_result":
      return queryResult(judgement, files);
    case "mobile_journey_result":
      return journeyResult(judgement, files);
    case "device_capture_result":
      return captureResult(judgement, files);
  }
}

function queryResult(judgement: Judgement, files: ObservedFiles): Documented {
  const { binding } = judgement;
  const last = lastAttempt(judgement);
  const isMeasured = last.answer.verdict === "pass" || last.answer.verdict === "fail";
  const status = isMeasured ? "ok" : "error";
  const payload = {
    ...named(judgement),
    query_kind: binding.kind,
    target: textAt(binding.settings, "target") ?? binding.id,
    window_start_ms: last.evaluatedAtMs,
    window_end_ms: last.endedAtMs,
    status,
    summary: querySummary(judgement),
    attachments: attachmentsOf(files),
  };
  return { payload, status };
}

function querySummary(judgement: Judgement): JsonObject {
  const { answer, exchanges } = lastAttempt(judgement);
  if (answer.verdict === "error") return { error: wordsOf(judgement) };
  const said = mainResponse(exchanges) ?? toolOutput(judgement);
  const decoded = said === undefined ? {} : summaryOf(said.body.bytes, { cut: said.truncated });
  const { value } = answer.observed;
  // What could not be judged has no judged value, though something may have been seen.
  const isJudged = answer.verdict === "pass" || answer.verdict === "fail";
  return isJudged && asDouble(value) !== undefined ? { ...decoded, value: value ?? null } : decoded;
}

/** What a program said, where a program was asked. */
function toolOutput(judgement: Judgement) {
  for (const exchange of lastAttempt(judgement).exchanges) {
    if (exchange.kind !== "tool" || exchange.answer.kind !== "ended") continue;
    const { stdout, truncated } = exchange.answer;
    return { body: stdout, truncated };
  }
  return undefined;
}

function journeyResult(judgement: Judgement, files: ObservedFiles): Documented {
  const { binding } = judgement;
  const last = lastAttempt(judgement);
  const { observed, verdict } = last.answer;
  const status = verdict === "pass" ? "passed" : verdict === "fail" ? "failed" : "error";
  const platform = platformOf(judgement);
  const deviceId = textAt(observed, "device_id") ?? textAt(binding.settings, "device_id");
  const journey = textAt(observed, "journey_id") ?? textAt(binding.settings, "journey_id") ?? binding.id;
  const payload = {
    ...named(judgement),
    platform,
    device_id: deviceId ?? (platform === "ios" ? "booted" : "default"),
    journey_id: journey,
    status,
    started_at_ms: last.evaluatedAtMs,
    ended_at_ms: last.endedAtMs,
    assertions_passed:
      status === "error" ? 0 : (countAt(observed, "assertions_passed") ?? (status === "passed" ? 1 : 0)),
    assertions_failed: status === "passed" ? 0 : Math.max(1, countAt(observed, "assertions_failed") ?? 1),
    artifacts: attachmentsOf(files),
    summary: status === "error" ? { error: wordsOf(judgement) } : restOf(observed, journeyKeys),
  };
  return { payload, status };
}

function captureResult(judgement: Judgement, files: ObservedFiles): Documented {
  const { binding } = judgement;
  const { observed, verdict } = lastAttempt(judgement).answer;
  const status = verdict === "pass" ? "ok" : "error";
  const operation = textAt(observed, "operation") ?? textAt(binding.settings, "operation") ?? binding.kind;
  const deviceId = textAt(observed, "device_id") ?? textAt(binding.settings, "device_id") ?? null;
  const artifact = textAt(observed, "artifact");
  const captured = status === "ok" && artifact !== undefined ? files.attachment(artifact)?.path : undefined;
  const { metadata } = observed;
  const payload = {
    ...named(judgement),
    platform: platformOf(judgement),
    capture_kind: operation,
    status,
    artifact_path: captured ?? null,
    attachments: attachmentsOf(files),
    metadata: {
      ...restOf(observed, captureKeys),
      ...(isJsonObject(metadata) ? metadata : {}),
      binding_kind: binding.kind,
      device_id: deviceId,
      operation,
      ...criteria(judgement),
      ...(status === "ok" ? {} : { error: wordsOf(judgement) }),
    },
  };
  return { payload, status };
}

const journeyKeys = [
  "assertions_passed",
  "assertions_failed",
  "platform",
  "device_id",
  "journey_id",
  "value",
] as const;
const captureKeys = ["platform", "device_id", "operation", "artifact", "metadata", "value"] as const;

function restOf(observed: JsonObject, known: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(observed).filter(([key]) => !known.includes(key)));
}

function named(judgement: Judgement): JsonObject {
  const { id, kind } = judgement.binding;
  return { binding_id: id, binding_kind: kind, ...criteria(judgement) };
}

function criteria({ criterionIds }: Judgement): JsonObject {
  return criterionIds.length === 0 ? {} : { success_criterion_ids: criterionIds };
}

function platformOf({ binding: { kind, settings }, attempts }: Judgement): "android" | "ios" {
  const platform = textAt(attempts[0].answer.observed, "platform") ?? textAt(settings, "platform");
  return platform === "ios" || kind === "ios_simulator_helper" ? "ios" : "android";
}

function attachmentsOf({ files }: ObservedFiles): JsonValue {
  return files.map(({ path, mediaType, sha256 }) => ({ path, media_type: mediaType, sha256 }));
}

function countAt(observed: JsonObject, key: string): number | undefined {
  const count = observed[key];
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0 ? count : undefined;
}

function wordsOf(judgement: Judgement): string {
  const { answer } = lastAttempt(judgement);
  return answer.message ?? answer.reason ?? answer.verdict;
}
