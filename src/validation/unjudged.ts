/**
 * The validity of a run by whose evidence nothing can be judged, since it cannot be read: an error for every criterion.
 * Pure; not knowing never becomes a pass or a fail here.
 *
 * Source: reconcile:W-04c, reconcile:W-10b.
 */
import { fingerprint } from "../json/fingerprint.ts";
import { compareCodePoints } from "../json/order.ts";
import type { JsonObject } from "../json/value.ts";
import type { Check, Criterion, CriterionVerdict, Validity } from "./operational-spec/model.ts";

/** Which input could not be read, and why. */
export interface Unreadable {
  readonly input: "runtime_evidence" | "otel" | "otel_metrics";
  /** A token: `missing`, `unreadable`, `too_large`, `malformed`, `foreign`, `outside`. */
  readonly reason: string;
  /** For people: one sentence. */
  readonly message: string;
}

export function unjudged(criteria: readonly Criterion[], unreadable: Unreadable): Validity {
  const verdicts = criteria
    .toSorted((left, right) => compareCodePoints(left.id, right.id))
    .map((criterion) => unjudgedCriterion(criterion, unreadable));
  return {
    verdict: verdicts.some(({ advisory }) => !advisory) ? "error" : "pass",
    passed: verdicts.length === 0,
    criteria: verdicts,
    attestationSha256: fingerprint({
      criteria: verdicts.map(({ id, combinedSha256 }) => ({ id, sha256: combinedSha256 })),
    }),
  };
}

function unjudgedCriterion({ id, params, advisory }: Criterion, unreadable: Unreadable): CriterionVerdict {
  const { input, reason, message } = unreadable;
  const check: Check = {
    name: `${input}_load`,
    verdict: "error",
    reason,
    evidence: { input, reason },
    message,
  };
  const failures = [`${id} (${check.name}): ${message}`];
  const inputsSha256 = fingerprint({ params, unreadable: { input, reason } });
  const told: JsonObject = { check_name: check.name, success_criterion_id: id, verdict: "error", reason };
  const verdictSha256 = fingerprint({ passed: false, verdict: "error", checks: [told] });
  return {
    id,
    verdict: "error",
    advisory,
    checks: [check],
    failures,
    expectedEvidenceTypes: [],
    inputsSha256,
    verdictSha256,
    combinedSha256: fingerprint({ inputs_sha256: inputsSha256, verdict_sha256: verdictSha256 }),
    canonicalParams: params,
  };
}
