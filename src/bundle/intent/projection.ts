/**
 * The runtime projection of an intent: the part of it that a bundle carries along. Recomputing it from the intent
 * itself is how strict authority finds out whether a bundle says what its intent says.
 *
 * Source: spec bundle §4.4.
 */
import { sortedByCodePoint } from "../../json/order.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { emptyObject, member, objectsAt, requiredText } from "../member.ts";
import {
  goalFingerprint,
  type Intent,
  semanticFingerprint,
  sortedById,
  stableIntentSha256,
} from "./document.ts";
import { observabilityOf } from "./operational.ts";

/** `intent_policy_projection` without any override of the operating bounds. */
export function intentProjection(intent: Intent): JsonObject {
  const bounds = member(intent.document, "operating_bounds");
  const summary = criteriaSummary(intent);
  return {
    intent_id: intent.intentId,
    spec_version: member(intent.document, "spec_version") ?? 1,
    intent_semantic_fingerprint: semanticFingerprint(intent),
    intent_goal_text_fingerprint: goalFingerprint(intent),
    stable_intent_sha256: stableIntentSha256(intent),
    operating_bounds_effective: isJsonObject(bounds) ? bounds : emptyObject,
    policies: sortedById(intent.document, "policies"),
    ...(summary === undefined ? {} : { success_criteria_summary: summary }),
  };
}

function criteriaSummary(intent: Intent): JsonObject | undefined {
  const criteria = sortedById(intent.document, "success_criteria");
  if (criteria.length === 0) return undefined;
  const observability = observabilityOf(objectsAt(intent.document, "success_criteria"));
  const modes = new Set(criteria.map((criterion) => requiredText(criterion, "evaluation_mode")));
  return {
    count: criteria.length,
    evaluation_modes: sortedByCodePoint([...modes]),
    criteria: criteria.map(summaryOf),
    ...(observability === undefined
      ? {}
      : {
          observability: {
            otel_query_stubs: observability.otelQueryStubs,
            intent_trace_tags: observability.intentTraceTags,
          },
        }),
  };
}

function summaryOf(criterion: JsonObject): JsonObject {
  const params = member(criterion, "params");
  return {
    id: requiredText(criterion, "id"),
    evaluation_mode: requiredText(criterion, "evaluation_mode"),
    summary: requiredText(criterion, "description"),
    ...(params === undefined ? {} : { params }),
  };
}
