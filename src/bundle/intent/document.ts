/**
 * Reads intent files into their normal form and takes the fingerprints that bundles refer to. The normal form is what
 * the compiler wrote down, to the byte; nothing is added that it would not have added.
 *
 * Source: spec bundle §4.1, §4.2, §4.3, §22.
 */

import { AkcError } from "../../errors.ts";
import { fingerprint, sha256Hex } from "../../json/fingerprint.ts";
import { compareCodePoints } from "../../json/order.ts";
import { asDouble, isJsonObject, JsonFloat, type JsonObject, type JsonValue } from "../../json/value.ts";
import {
  listAt,
  member,
  objectAt,
  objectsAt,
  requiredText,
  textAt,
  textsAt,
  withoutNulls,
} from "../member.ts";
import { issuesOf } from "../shape/rule.ts";
import { intentShape, qualityDimensions } from "./shape.ts";

/** An intent in its normal form. */
export interface Intent {
  readonly intentId: string;
  readonly tenantId: string;
  readonly repoId: string;
  readonly goal: string | undefined;
  /** The whole normal form: what `stable_intent_sha256` is taken over. */
  readonly document: JsonObject;
}

/** @throws AkcError INTENT_INVALID with every issue. */
export function parseIntent(value: JsonValue): Intent {
  const issues = issuesOf(value, intentShape);
  if (issues.length > 0 || !isJsonObject(value)) {
    throw new AkcError("INTENT_INVALID", { details: { reason: "INTENT_STORE_READ" }, issues });
  }
  return {
    intentId: requiredText(value, "intent_id"),
    tenantId: requiredText(value, "tenant_id"),
    repoId: requiredText(value, "repo_id"),
    goal: textAt(value, "goal_statement"),
    document: normalIntent(value),
  };
}

export function stableIntentSha256(intent: Intent): string {
  return fingerprint(intent.document);
}

/** What the intent means, apart from wording of titles, times and tags; lists by id. */
function semanticPayload(intent: Intent): JsonObject {
  const { document } = intent;
  return {
    spec_version: member(document, "spec_version") ?? 1,
    objectives: sortedById(document, "objectives"),
    constraints: sortedById(document, "constraints"),
    policies: sortedById(document, "policies"),
    success_criteria: sortedById(document, "success_criteria"),
    assumptions: sortedById(document, "assumptions"),
    operating_bounds: member(document, "operating_bounds") ?? null,
    quality_contract: member(document, "quality_contract") ?? null,
  };
}

/** 16 hexadecimal digits. */
export function semanticFingerprint(intent: Intent): string {
  return fingerprint(semanticPayload(intent)).slice(0, 16);
}

/** 16 hexadecimal digits, or empty when the intent has no goal text. */
export function goalFingerprint(intent: Intent): string {
  return intent.goal === undefined ? "" : sha256Hex(intent.goal).slice(0, 16);
}

export function sortedById(document: JsonObject, key: string): readonly JsonObject[] {
  return objectsAt(document, key).toSorted((a, b) =>
    compareCodePoints(requiredText(a, "id"), requiredText(b, "id")),
  );
}

function normalIntent(value: JsonObject): JsonObject {
  const bounds = member(value, "operating_bounds");
  const quality = member(value, "quality_contract");
  return {
    intent_id: requiredText(value, "intent_id"),
    tenant_id: requiredText(value, "tenant_id"),
    repo_id: requiredText(value, "repo_id"),
    spec_version: 1,
    status: textAt(value, "status") ?? "draft",
    title: trimmedOrNull(value, "title"),
    goal_statement: trimmedOrNull(value, "goal_statement"),
    summary: trimmedOrNull(value, "summary"),
    derived_from_goal_text: member(value, "derived_from_goal_text") ?? false,
    objectives: items(value, "objectives", ["id", "priority", "statement", "target", "metadata"]),
    constraints: items(value, "constraints", ["id", "kind", "statement", "metadata"]),
    policies: items(value, "policies", ["id", "source", "requirement", "metadata"]),
    success_criteria: items(value, "success_criteria", ["id", "evaluation_mode", "description", "params"]),
    operating_bounds: isJsonObject(bounds) ? normalBounds(bounds) : null,
    quality_contract: isJsonObject(quality) ? normalQuality(quality) : null,
    assumptions: items(value, "assumptions", ["id", "statement"]),
    risk_notes: listAt(value, "risk_notes"),
    tags: textsAt(value, "tags"),
    metadata: member(value, "metadata") ?? null,
    created_at_ms: member(value, "created_at_ms") ?? 0,
    updated_at_ms: member(value, "updated_at_ms") ?? 0,
    schema_version: member(value, "schema_version") ?? 1,
    schema_id: member(value, "schema_id") ?? "akc:intent_spec:v1",
  };
}

function trimmedOrNull(value: JsonObject, key: string): string | null {
  const text = member(value, key);
  return typeof text === "string" ? text.trim() : null;
}

function items(value: JsonObject, key: string, keep: readonly string[]): readonly JsonObject[] {
  return objectsAt(value, key).map((item) =>
    withoutNulls(Object.fromEntries(keep.map((name) => [name, trimmed(member(item, name) ?? null)]))),
  );
}

function trimmed(value: JsonValue): JsonValue {
  return typeof value === "string" ? value.trim() : value;
}

function normalBounds(value: JsonObject): JsonObject {
  return withoutNulls({
    max_seconds: asFloat(member(value, "max_seconds") ?? null),
    max_steps: member(value, "max_steps") ?? null,
    max_input_tokens: member(value, "max_input_tokens") ?? null,
    max_output_tokens: member(value, "max_output_tokens") ?? null,
    allow_network: member(value, "allow_network") ?? false,
  });
}

function normalQuality(value: JsonObject): JsonObject {
  return Object.fromEntries(
    qualityDimensions.map((dimension) => {
      const document = objectAt(value, dimension);
      return [
        dimension,
        withoutNulls({
          target_score: asFloat(member(document, "target_score") ?? null),
          gate_min_score: asFloat(member(document, "gate_min_score") ?? null),
          weight: asFloat(member(document, "weight") ?? null),
          evidence_requirements: listAt(document, "evidence_requirements"),
          enforcement_stage: member(document, "enforcement_stage") ?? "advisory",
        }),
      ];
    }),
  );
}

/** Some numbers are floats in the normal form whatever the file says: 90 is written 90.0. */
function asFloat(value: JsonValue): JsonValue {
  const double = asDouble(value);
  if (double === undefined) return value;
  return Number.isInteger(double) ? new JsonFloat(double) : double;
}
