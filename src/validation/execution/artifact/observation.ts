/**
 * From what a binding came to, to what is kept of it: the documented artifact, its file, and the files beside. Also what is kept of
 * bindings that could not be asked. Pure.
 *
 * Source: spec reconcile §6.5, §6.6.
 */
import { textAt } from "../../../bundle/member.ts";
import { prettyJson } from "../../../json/canonical.ts";
import { sha256Hex } from "../../../json/fingerprint.ts";
import type { JsonObject } from "../../../json/value.ts";
import type { Binding } from "../../bindings/model.ts";
import { type Judgement, lastAttempt } from "../judgement.ts";
import type { ArtifactKind, BindingObservation, ObservedFile } from "../model.ts";
import { artifactKindOf, type MissingBinding } from "../select.ts";
import { artifactOf, fingerprinted, withEnvelope } from "./artifact.ts";
import { recordedSettings } from "./judged-keys.ts";
import type { FileNames } from "./names.ts";
import { observedFiles } from "./observed-files.ts";

export interface Naming {
  /** Where artifacts stand below the scope; empty for the scope itself. */
  readonly folder: string;
  readonly names: FileNames;
}

/** Its first file is the artifact itself, with its envelope. */
export function observationOf(judgement: Judgement, naming: Naming): BindingObservation {
  const { binding } = judgement;
  const artifactKind = artifactKindOf(binding.kind);
  const files = observedFiles(judgement, { ...naming, artifactKind });
  const { payload, status } = artifactOf(judgement, artifactKind, files);
  const { verdict, reason, message } = lastAttempt(judgement).answer;
  return {
    bindingId: binding.id,
    kind: binding.kind,
    artifactKind,
    verdict,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    dryRun: binding.dryRun,
    payload,
    files: [artifactFile(binding.id, artifactKind, payload, naming), ...files.files],
    status,
  };
}

/** The documented tokens: old readers look for exactly these words. */
const missingToken = "validator binding missing";
const blockedToken = "validator execution requires adapter_id=local_depth";

export interface NotAsked extends Naming {
  readonly atMs: number;
  readonly criterionIds: ReadonlyMap<string, readonly string[]>;
  /** Why the registry could not be read, where it could not. */
  readonly unreadable?: string;
}

/** A criterion names a binding that the registry does not have. */
export function missingObservation(missing: MissingBinding, parts: NotAsked): BindingObservation {
  const { unreadable } = parts;
  const why =
    unreadable === undefined
      ? `the registry has no binding "${missing.bindingId}"`
      : `the registry of "${missing.bindingId}" cannot be read: ${unreadable}`;
  return unasked({ ...missing, kind: "missing", platform: "android", dryRun: false }, parts, {
    token: missingToken,
    reason: "missing",
    message: `${missingToken}: ${why}`,
    status: "error",
  });
}

/** The run's adapter may not ask anybody. */
export function blockedObservation(binding: Binding, adapterId: string, parts: NotAsked): BindingObservation {
  const { id: bindingId, kind, settings, dryRun } = binding;
  const isIos = kind === "ios_simulator_helper" || textAt(settings, "platform") === "ios";
  const platform = isIos ? "ios" : "android";
  const artifactKind = artifactKindOf(kind);
  return unasked({ bindingId, artifactKind, kind, platform, dryRun, settings }, parts, {
    token: blockedToken,
    reason: "blocked",
    message: `${blockedToken}, and this run has "${adapterId}": start it with full layer replacement, or ask afterwards with \`akc verify --execute-validators\``,
    status: "blocked",
  });
}

interface Unasked {
  readonly bindingId: string;
  readonly artifactKind: ArtifactKind;
  readonly kind: string;
  readonly platform: "android" | "ios";
  readonly dryRun: boolean;
  readonly settings?: JsonObject;
}

interface Refusal {
  readonly token: string;
  readonly reason: "missing" | "blocked";
  readonly message: string;
  readonly status: "error" | "blocked";
}

function unasked(of: Unasked, parts: NotAsked, refusal: Refusal): BindingObservation {
  const { bindingId, artifactKind, kind, dryRun, settings } = of;
  const { reason, message, status } = refusal;
  const payload = fingerprinted({
    binding_id: bindingId,
    ...(kind === "missing" ? {} : { binding_kind: kind }),
    ...documented(of, parts, refusal.token),
    verdict: "error",
    reason,
    message,
    judged_by: "akc",
    dry_run: dryRun,
    evaluated_at_ms: parts.atMs,
    ...(settings === undefined ? {} : { binding: recordedSettings(kind, settings) }),
    exchanges: [],
  });
  const files = [artifactFile(bindingId, artifactKind, payload, parts)];
  return {
    bindingId,
    kind,
    artifactKind,
    verdict: "error",
    reason,
    message,
    dryRun,
    payload,
    files,
    status,
  };
}

function documented(
  { bindingId, artifactKind, kind, platform, settings = {} }: Unasked,
  { atMs, criterionIds }: NotAsked,
  error: string,
): JsonObject {
  const ids = criterionIds.get(bindingId) ?? [];
  const criteria: JsonObject = ids.length === 0 ? {} : { success_criterion_ids: ids };
  switch (artifactKind) {
    case "observability_query_result":
      return {
        ...criteria,
        query_kind: kind,
        target: textAt(settings, "target") ?? bindingId,
        window_start_ms: atMs,
        window_end_ms: atMs,
        status: "error",
        summary: { error },
        attachments: [],
      };
    case "mobile_journey_result":
      return {
        ...criteria,
        platform,
        device_id: textAt(settings, "device_id") ?? (platform === "ios" ? "booted" : "default"),
        journey_id: textAt(settings, "journey_id") ?? bindingId,
        status: "error",
        started_at_ms: atMs,
        ended_at_ms: atMs,
        assertions_passed: 0,
        assertions_failed: 1,
        artifacts: [],
        summary: { error },
      };
    case "device_capture_result":
      return {
        platform,
        capture_kind: "blocked",
        status: "error",
        artifact_path: null,
        attachments: [],
        metadata: { error, ...criteria },
      };
  }
}

function artifactFile(
  bindingId: string,
  kind: ArtifactKind,
  payload: JsonObject,
  { folder, names }: Naming,
): ObservedFile {
  const bytes = new TextEncoder().encode(`${prettyJson(withEnvelope(kind, payload))}\n`);
  const name = `${names.slug(bindingId)}.${kind}.json`;
  return {
    path: folder === "" ? name : `${folder}/${name}`,
    mediaType: "application/json",
    sha256: sha256Hex(bytes),
    bytes,
  };
}
