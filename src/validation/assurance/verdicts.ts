/**
 * What the recomputed verdicts of criteria come to as findings. Pure. Only a pass is no finding; what an advisory criterion finds is
 * told and counts for nothing.
 *
 * Source: spec reconcile §9; reconcile:W-04c, reconcile:W-29.
 */
import type { CriterionVerdict, Rollup, Validity } from "../operational-spec/model.ts";
import { type Finding, type FindingCode, finding } from "./finding.ts";

export function verdictFindings(validity: Validity): readonly Finding[] {
  return validity.criteria.flatMap((criterion) => {
    const code = codeOf(criterion);
    return code === undefined ? [] : [verdictFinding(code, criterion)];
  });
}

function codeOf({ verdict, predicateKind }: CriterionVerdict): FindingCode | undefined {
  switch (verdict) {
    case "pass":
      return undefined;
    case "fail":
      return "operational.verdict_failed";
    case "inconclusive":
      return "operational.verdict_inconclusive";
    case "error":
      // Params that cannot be read have no kind.
      return predicateKind === undefined ? "operational.criterion_invalid" : "operational.verdict_error";
  }
}

const outcomeWords = {
  "operational.verdict_failed": "is not met",
  "operational.verdict_inconclusive": "cannot be told",
  "operational.verdict_error": "could not be judged",
  "operational.criterion_invalid": "has params that are not valid",
} as const;

function verdictFinding(code: FindingCode, { id, verdict, advisory, failures }: CriterionVerdict): Finding {
  const says = Object.entries(outcomeWords).find(([key]) => key === code)?.[1] ?? "is not met";
  return finding(code, `criterion ${id} ${says}`, {
    evidence: { success_criterion_id: id, failures, passed: false, verdict },
    ...(advisory ? { severity: "warning" } : {}),
  });
}

/** Rollups that criteria name and that cannot be judged by. */
export function rollupFindings(rollups: ReadonlyMap<string, Rollup>): readonly Finding[] {
  return [...rollups].flatMap(([path, rollup]) => {
    if (rollup.kind === "loaded") return [];
    const code =
      rollup.reason === "missing" ? "operational.rollup_missing" : "operational.rollup_load_failed";
    const evidence = { path, reason: rollup.reason };
    return [finding(code, `rollup ${path}: ${rollup.message}`, { evidence })];
  });
}
