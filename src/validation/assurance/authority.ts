/**
 * Who says what has to hold: the intent that the bundle was made from, where the intent store has it, else the bundle alone, which is
 * told. An intent that is not the one the bundle names is an error, and then nobody's word is taken but the bundle's own.
 *
 * Source: spec reconcile §9 step 2; spec bundle §9.
 */
import { isIdentifier } from "../../bundle/identifier.ts";
import {
  goalFingerprint,
  type Intent,
  parseIntent,
  semanticFingerprint,
  stableIntentSha256,
} from "../../bundle/intent/document.ts";
import { intentProjection } from "../../bundle/intent/projection.ts";
import { member, objectAt, textAt } from "../../bundle/member.ts";
import type { Scope } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { readArtifact } from "../artifact.ts";
import { type Finding, finding } from "./finding.ts";

export interface Authority {
  readonly source: "intent_store" | "bundle";
  /** What criteria are read from: the bundle, with its projection replaced by that of its intent. */
  readonly document: JsonObject;
  /** The `intent_ref` that a report must have; absent where the bundle names no intent. */
  readonly ref?: JsonObject;
  readonly findings: readonly Finding[];
}

export interface AuthorityInput {
  readonly bundle: JsonObject;
  readonly scope: Scope;
  readonly scopeRoot: string;
  readonly outputsRoot: string;
}

export async function intentAuthorityOf(input: AuthorityInput): Promise<Authority> {
  const { bundle } = input;
  const written = member(bundle, "intent_ref");
  if (written === undefined || written === null) return { source: "bundle", document: bundle, findings: [] };
  const ref = objectAt(bundle, "intent_ref");
  const alone = (...findings: readonly Finding[]): Authority => ({
    source: "bundle",
    document: bundle,
    ref,
    findings,
  });
  const intentId = textAt(ref, "intent_id");
  const stable = textAt(ref, "stable_intent_sha256")?.toLowerCase();
  if (
    !isJsonObject(written) ||
    intentId === undefined ||
    !isIdentifier(intentId) ||
    !/^[0-9a-f]{64}$/.test(stable ?? "")
  ) {
    return alone(refused("INTENT_REF_INVALID", "the bundle's intent_ref is not valid", input));
  }
  const stored = await storedIntent(intentId, input);
  if (stored === undefined) {
    const message = `intent ${intentId} is not in the intent store: the bundle's own criteria are judged`;
    return alone(
      finding("intent.store_missing", message, { evidence: scopeEvidence(input, { intent_id: intentId }) }),
    );
  }
  if (stored instanceof AkcError) return alone(refused("INTENT_STORE_READ", stored.message, input));
  return underIntent(stored, ref, input, alone);
}

function underIntent(
  intent: Intent,
  ref: JsonObject,
  input: AuthorityInput,
  alone: (finding: Finding) => Authority,
): Authority {
  const { bundle, scope } = input;
  if (
    intent.intentId !== textAt(ref, "intent_id") ||
    intent.tenantId !== scope.tenantId ||
    intent.repoId !== scope.repoId
  ) {
    const message = "the intent in the store belongs to another scope, or has another id";
    return alone(refused("INTENT_STORE_READ", message, input));
  }
  const canonical = canonicalRef(intent);
  for (const [key, expected] of Object.entries(canonical)) {
    const claimed = member(ref, key);
    if (claimed === undefined || claimed === null || String(claimed).toLowerCase() === expected) continue;
    const message = `the intent in the store is not the one the bundle was made from: ${key} differs`;
    return alone(refused("INTENT_HASH_MISMATCH", message, input));
  }
  const projection = intentProjection(intent);
  const claimed = fingerprint(objectAt(bundle, "intent_policy_projection"));
  const recomputed = fingerprint(projection);
  const findings =
    claimed === recomputed
      ? []
      : [
          finding("intent.projection_mismatch", "the bundle's projection is not what its intent says", {
            evidence: scopeEvidence(input, { claimed, recomputed }),
          }),
        ];
  return {
    source: "intent_store",
    document: { ...bundle, intent_policy_projection: projection },
    ref: canonical,
    findings,
  };
}

function canonicalRef(intent: Intent): Readonly<Record<string, string>> {
  return {
    intent_id: intent.intentId,
    stable_intent_sha256: stableIntentSha256(intent),
    semantic_fingerprint: semanticFingerprint(intent),
    goal_text_fingerprint: goalFingerprint(intent),
  };
}

/** The store stands beside the scopes; a repository that was taken out of there has its own. */
async function storedIntent(
  intentId: string,
  { scope, scopeRoot, outputsRoot }: AuthorityInput,
): Promise<Intent | AkcError | undefined> {
  const path = `.akc/intent/${scope.tenantId}/${scope.repoId}/${intentId}.json`;
  for (const root of [outputsRoot, scopeRoot]) {
    const artifact = await readArtifact(root, path, { bytesMax: limits.jsonTextBytesMax });
    if (artifact.kind === "failed") {
      if (artifact.reason === "missing") continue;
      return new AkcError("INTENT_INVALID", { message: artifact.message });
    }
    try {
      return parseIntent(artifact.value);
    } catch (cause) {
      if (cause instanceof AkcError) return cause;
      throw cause;
    }
  }
  return undefined;
}

function refused(reason: string, message: string, input: AuthorityInput): Finding {
  const { tenantId, repoId } = input.scope;
  return finding("intent.authority_invalid", `${message} (${tenantId}/${repoId})`, {
    evidence: scopeEvidence(input, { reason }),
  });
}

function scopeEvidence({ scope }: AuthorityInput, more: JsonObject): JsonObject {
  return { tenant_id: scope.tenantId, repo_id: scope.repoId, ...more };
}
