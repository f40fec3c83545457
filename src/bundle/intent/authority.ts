/**
 * Strict intent authority: the bundle's intent is looked up in the repository's own intent store and must say what the
 * bundle claims it says. The bundle can ask for the check but cannot switch it off.
 *
 * Source: spec bundle §9; bundle:W-12, bundle:W-18, bundle:W-32.
 */
import { AkcError, type ErrorDetails } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import type { BundleFiles } from "../files.ts";
import { isIdentifier } from "../identifier.ts";
import { member, objectAt, textAt } from "../member.ts";
import type { Scope } from "../model.ts";
import { parseIntent, stableIntentSha256 } from "./document.ts";
import { intentProjection } from "./projection.ts";

export interface IntentAuthority {
  readonly strict: boolean;
  /** The recomputed projection under strict authority, else the bundle's own. */
  readonly projection: JsonObject;
}

/**
 * @param operatorChoice what the operator said; undefined leaves it to the bundle's wish and to whether the repository
 *   has an intent store for this scope
 * @throws AkcError INTENT_INVALID whose `details.reason` is one of the names of spec bundle §9.3
 */
export async function intentAuthority(
  bundle: JsonObject,
  scope: Scope,
  files: BundleFiles,
  operatorChoice: boolean | undefined,
): Promise<IntentAuthority> {
  const own = objectAt(bundle, "intent_policy_projection");
  const wished = member(objectAt(bundle, "runtime_policy_envelope"), "intent_authority_strict") === true;
  const strict = operatorChoice ?? (wished || (await hasIntentStore(bundle, scope, files)));
  if (!strict) return { strict, projection: own };
  return { strict, projection: await verifiedProjection(bundle, own, scope, files) };
}

async function hasIntentStore(bundle: JsonObject, scope: Scope, files: BundleFiles): Promise<boolean> {
  if ((await files.read(intentPath(scope, "active"))) !== undefined) return true;
  const intentId = textAt(objectAt(bundle, "intent_ref"), "intent_id");
  if (intentId === undefined || !isIdentifier(intentId)) return false;
  return (await files.read(intentPath(scope, intentId))) !== undefined;
}

async function verifiedProjection(
  bundle: JsonObject,
  own: JsonObject,
  scope: Scope,
  files: BundleFiles,
): Promise<JsonObject> {
  if (member(bundle, "intent_ref") === undefined)
    throw refused("INTENT_REF_MISSING", "the bundle names no intent");
  const ref = objectAt(bundle, "intent_ref");
  const intentId = textAt(ref, "intent_id");
  const expected = textAt(ref, "stable_intent_sha256")?.toLowerCase();
  if (
    intentId === undefined ||
    !isIdentifier(intentId) ||
    expected === undefined ||
    !/^[0-9a-f]{64}$/.test(expected)
  ) {
    throw refused("INTENT_REF_INVALID", "the bundle's intent_ref is not valid");
  }
  const document = await files.read(intentPath(scope, intentId));
  if (document === undefined)
    throw refused("INTENT_NOT_FOUND", "the bundle's intent is not in the intent store");
  const intent = parseIntent(document);
  if (intent.intentId !== intentId || intent.tenantId !== scope.tenantId || intent.repoId !== scope.repoId) {
    throw refused("INTENT_STORE_READ", "the intent in the store belongs to another scope, or has another id");
  }
  const actual = stableIntentSha256(intent);
  if (actual !== expected) {
    throw refused("INTENT_HASH_MISMATCH", "the intent is not the one the bundle was made from", {
      expected,
      actual,
    });
  }
  const projection = intentProjection(intent);
  const claimed = fingerprint(own);
  const recomputed = fingerprint(projection);
  if (claimed !== recomputed) {
    throw refused("INTENT_PROJECTION_MISMATCH", "the bundle's projection is not what its intent says", {
      claimed,
      recomputed,
    });
  }
  return projection;
}

function intentPath(scope: Scope, name: string): string {
  return `.akc/intent/${scope.tenantId}/${scope.repoId}/${name}.json`;
}

function refused(reason: string, message: string, details: ErrorDetails = {}): AkcError {
  return new AkcError("INTENT_INVALID", { message, details: { reason, ...details } });
}
