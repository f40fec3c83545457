/**
 * Writes checks and bounds down as the bundle's projection of an intent: success criteria and operating bounds.
 *
 * Source: docs/operational-validity.md; spec bundle §4.4.
 */
import type { JsonObject } from "../../json/value.ts";
import { merged } from "../merge.ts";
import type { CheckForm } from "../tables/check.ts";
import type { PlanForm } from "../tables/plan.ts";
import { filledOnly, present } from "./plain-members.ts";

export function projectionOf({ checks, limits }: PlanForm): JsonObject | undefined {
  const criteria = [...(checks ?? [])].map(([id, check]) => criterionOf(id, check));
  const bounds = present({
    max_seconds: limits?.run === undefined ? undefined : Math.ceil(limits.run / 1_000),
    max_input_tokens: limits?.input_tokens,
    max_output_tokens: limits?.output_tokens,
  });
  return filledOnly(
    present({
      operating_bounds_effective: filledOnly(bounds),
      success_criteria_summary: criteria.length === 0 ? undefined : { count: criteria.length, criteria },
    }),
  );
}

function criterionOf(id: string, check: CheckForm): JsonObject {
  const [[comparator, bound] = []] = Object.entries(check.is ?? {});
  const params = present({
    spec_version: 1,
    window: "single_run",
    predicate_kind: bound === undefined ? "presence" : "threshold",
    threshold: bound,
    threshold_comparator: comparator,
    signals: filledOnly(signalsOf(check)),
    expected_evidence_types: check.converged === true ? ["convergence_certificate"] : undefined,
    reject_failed_aggregate_terminal_health: check.healthy,
    min_samples: check.min_samples,
    consecutive: check.consecutive,
    dry_run: check.dry_run,
  });
  return present({
    id,
    evaluation_mode: "operational_spec",
    summary: check.title,
    advisory: check.advisory,
    params: merged(params, check.params),
  });
}

function signalsOf({ binding, evidence, at, healthy }: CheckForm): readonly JsonObject[] {
  const health = { evidence_type: "terminal_health", payload_path: "health_status" };
  const asked = present({
    evidence_type: evidence ?? "akc_observability_query_result",
    payload_path: at ?? (binding === undefined ? undefined : "summary.value"),
    validator_stub: binding,
  });
  return [
    ...(binding === undefined && evidence === undefined ? [] : [asked]),
    ...(healthy === true ? [health] : []),
  ];
}
