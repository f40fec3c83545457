/**
 * The bundle's own policy envelope, read with its true types.
 * Never decides: it says what the bundle asks for, `rules.ts` and `lanes.ts` say what that means.
 *
 * Source: spec bundle §8.3.
 */
import * as v from "valibot";
import type { Issue } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import { Names, readPart, Switch } from "./border.ts";

/** Keys that the old runtime computed or emitted but never enforced are not read (bundle:W-35). */
const EnvelopeSchema = v.object({
  allow_actions: v.optional(Names),
  allow_runtime_actions: v.optional(Names),
  deny_actions: v.optional(Names),
  deny_runtime_actions: v.optional(Names),
  deny_action_types: v.optional(Names),
  knowledge_network_egress_forbidden: v.optional(Switch),
  knowledge_derived_deny_actions: v.optional(Names),
  require_reconcile_evidence: v.optional(Switch),
  runtime_evidence_expectations: v.optional(Names),
  allow_runtime_evidence_expectation_widening: v.optional(Switch),
  intent_authority_strict: v.optional(Switch),
  runtime_allow_subprocess: v.optional(Switch),
  runtime_allow_http: v.optional(Switch),
  http_allowlist: v.optional(Names),
  allow_network: v.optional(Switch),
});
export type Envelope = v.InferOutput<typeof EnvelopeSchema>;

export const envelopePointer = "/runtime_policy_envelope";

/** The envelope; faults are added to `issues`, and the empty envelope stands in for one that has any. */
export function readEnvelope(envelope: JsonObject, issues: Issue[]): Envelope {
  return readPart(EnvelopeSchema, envelope, envelopePointer, issues) ?? {};
}

/**
 * Whether the intent must be verified against the intent store. Any side may ask for it, none may take it back:
 * what a caller or the operator demands, a bundle cannot switch off (spec bundle §9.1, bundle:W-18).
 */
export function strictIntentWanted(
  envelope: JsonObject,
  asked: { readonly flag?: boolean; readonly operator?: boolean } = {},
): boolean {
  return asked.flag === true || asked.operator === true || envelope["intent_authority_strict"] === true;
}
