/**
 * Which evidence a run must leave, and which of it is missing.
 * Only names types of evidence; it never looks into a run and never says what a row must hold.
 *
 * Source: spec bundle §8.7, spec cli §4.7.
 */
import { isJsonObject, type JsonValue } from "../json/value.ts";

export interface Expected {
  /** Evaluation modes of the intent's success criteria. */
  readonly evaluationModes: readonly string[];
  readonly requireReconcileEvidence: boolean;
  /** What the bundle and the envelope declare; counts only when widening is permitted. */
  readonly declared: readonly (readonly string[])[];
  readonly widen: boolean;
}

/** The expectations of a run, sorted. A declaration that the intent does not call for is dropped unless it may widen. */
export function evidenceExpectations({
  evaluationModes,
  requireReconcileEvidence,
  declared,
  widen,
}: Expected): readonly string[] {
  const expected = new Set<string>();
  for (const mode of evaluationModes) {
    if (mode !== "metric_threshold" && mode !== "operational_spec") continue;
    expected.add(mode).add("reconciler.health_check");
  }
  if (requireReconcileEvidence) expected.add("reconciler.health_check");
  if (widen) for (const token of declared.flat()) expected.add(token);
  return [...expected].sort();
}

/** What a run left, as far as expectations ask. */
export interface EvidencePresent {
  /** Types of evidence of which there is at least one row. */
  readonly present: ReadonlySet<string>;
  /** Resources with a `terminal_health` row of their own whose health is known. */
  readonly reconciledResources: number;
  /** Resources that the bundle wants to stand. */
  readonly desiredResources: number;
}

/** The expectations of `required` that the evidence does not meet, in the same order. */
export function unmetExpectations({
  required,
  ...evidence
}: EvidencePresent & { readonly required: readonly string[] }): string[] {
  const reconciled = healthWasChecked(evidence);
  const acted = evidence.present.has("reconcile_outcome") || evidence.present.has("transition_application");
  return required.filter((token) => {
    if (token === "reconciler.health_check") return !reconciled;
    if (token === "metric_threshold" || token === "operational_spec") return !(reconciled && acted);
    return !evidence.present.has(token);
  });
}

/**
 * An aggregate `terminal_health` row is written whatever happened, so it proves a check only where there was nothing
 * to reconcile (bundle:W-37).
 */
function healthWasChecked({ present, reconciledResources, desiredResources }: EvidencePresent): boolean {
  if (
    ["reconcile_outcome", "reconcile_resource_status", "rollback_chain"].some((type) => present.has(type))
  ) {
    return true;
  }
  if (!present.has("terminal_health")) return false;
  return desiredResources === 0 || reconciledResources > 0;
}

/** A row of the evidence stream (spec bundle §18), as far as it is looked at here. */
export interface EvidenceRow {
  readonly evidence_type: string;
  readonly payload: JsonValue;
}

/** What `unmetExpectations` wants to know of a run's evidence, counted in one pass. */
export function summariseEvidence(rows: Iterable<EvidenceRow>): Omit<EvidencePresent, "desiredResources"> {
  const present = new Set<string>();
  const known = new Set<JsonValue>();
  for (const { evidence_type, payload } of rows) {
    present.add(evidence_type);
    if (evidence_type !== "terminal_health" || !isJsonObject(payload)) continue;
    const { aggregate, health_status: health, resource_id: resource } = payload;
    if (aggregate !== true && typeof health === "string" && health !== "unknown" && resource !== undefined) {
      known.add(resource);
    }
  }
  return { present, reconciledResources: known.size };
}
