/**
 * Everything that a verification can find, by its code: how grave it is, and what to do next. Data only.
 * A code never changes its meaning; the first ones are those of old, the rest say what the old runtime was blind to.
 *
 * Source: spec reconcile §9; reconcile:W-04c, W-10b, W-24.
 */
import type { JsonObject } from "../../json/value.ts";

export type Severity = "error" | "warning";

interface CodeEntry {
  readonly severity: Severity;
  /** What to do next. */
  readonly next: string;
}

const again = "Run again, and let akc judge the new run.";
const restore =
  "Restore the file from where it was kept, or run again: what does not match its digest proves nothing.";

export const findingCodes = {
  // documented
  "intent.projection_mismatch": {
    severity: "error",
    next: "Compile again: the bundle's criteria must be those of its intent.",
  },
  "intent.report_authority_mismatch": {
    severity: "error",
    next: "Judge the run again under the intent that its bundle was made from.",
  },
  "operational.stub_binding_missing": {
    severity: "warning",
    next: "Bind the stub in the registry of validator bindings (--validator-bindings).",
  },
  "operational.provider_not_allowlisted": {
    severity: "error",
    next: "Use a binding of an allowed kind, or add the kind to provider_allowlist in the governance profile.",
  },
  "operational.rollup_missing": {
    severity: "error",
    next: "Write the rollup to the path that the criterion names.",
  },
  "operational.rollup_load_failed": {
    severity: "error",
    next: "Mend the rollup: its exports must be there, below the scope, with the digests that it names.",
  },
  "operational.verdict_failed": {
    severity: "error",
    next: "See what was expected and seen above; mend the system, and run again.",
  },
  "operational.report_passed_mismatch": { severity: "error", next: restore },
  "operational.report_fingerprint_mismatch": { severity: "error", next: restore },
  "operational.report_pointer_sha_mismatch": { severity: "error", next: restore },
  "operational.manifest_fingerprint_mismatch": { severity: "error", next: restore },
  "operational.report_missing_recomputed": {
    severity: "warning",
    next: "Nothing was judged when the run ended: the verdict is that of now.",
  },
  "operational.governance_error_threshold_exceeded": {
    severity: "error",
    next: "See the errors above; the limit is max_errors_before_block in the governance profile.",
  },
  // what was asked of outside evidence
  "operational.verdict_error": {
    severity: "error",
    next: "See what went wrong above; ask again with --execute-validators.",
  },
  "operational.verdict_inconclusive": {
    severity: "warning",
    next: "See what is missing above; ask again with --execute-validators once there is something to measure.",
  },
  "operational.criterion_invalid": {
    severity: "error",
    next: "Mend the criterion's params in the intent, and compile again.",
  },
  // files and their digests
  "operational.evidence_missing": { severity: "error", next: again },
  "operational.evidence_unreadable": { severity: "error", next: restore },
  "operational.evidence_tampered": { severity: "error", next: restore },
  "operational.evidence_foreign": { severity: "error", next: restore },
  "operational.evidence_unpinned": {
    severity: "error",
    next: "Nothing says which bytes the run left: run again, or judge with --mode relaxed.",
  },
  "operational.sidecar_unreadable": { severity: "error", next: restore },
  "operational.attachment_tampered": { severity: "error", next: restore },
  "operational.attachment_missing": {
    severity: "warning",
    next: "The verdict stands without it; restore it from where it was kept.",
  },
  "operational.bundle_unreadable": { severity: "error", next: restore },
  "operational.bundle_tampered": { severity: "error", next: restore },
  "operational.report_missing": { severity: "error", next: restore },
  "operational.report_unreadable": { severity: "error", next: restore },
  "operational.report_foreign": { severity: "error", next: restore },
  "operational.report_verdict_mismatch": { severity: "error", next: restore },
  "operational.report_content_mismatch": { severity: "error", next: restore },
  "operational.report_without_criteria": {
    severity: "warning",
    next: "The bundle has no criteria to judge it by: compile again, or take the link out of the manifest.",
  },
  "operational.manifest_passed_mismatch": { severity: "error", next: restore },
  "operational.manifest_evidence_mismatch": { severity: "error", next: restore },
  "operational.run_not_ended": {
    severity: "error",
    next: "Wait for its end, or go on with it: `akc runtime resume`.",
  },
  "operational.state_unreadable": {
    severity: "error",
    next: "Look at the state with `akc state check`: it holds the digests of what the run left.",
  },
  "operational.path_outside": {
    severity: "error",
    next: "Somebody changed where the manifest points; restore it.",
  },
  "operational.scope_mismatch": { severity: "error", next: restore },
  // who says what is to hold
  "intent.authority_invalid": {
    severity: "error",
    next: "Restore the intent that the bundle was made from, or compile again.",
  },
  "intent.store_missing": {
    severity: "warning",
    next: "Keep the intent store beside the outputs: without it the bundle alone says what is to hold.",
  },
  "operational.governance_invalid": {
    severity: "error",
    next: "Mend .akc/control/policy_bundle.json; until then findings block.",
  },
} as const satisfies Record<string, CodeEntry>;

export type FindingCode = keyof typeof findingCodes;

export interface Finding {
  readonly code: FindingCode;
  /** For people: one sentence. */
  readonly message: string;
  readonly severity: Severity;
  readonly evidence?: JsonObject;
}

/** @param options.severity instead of the one that the code usually has */
export function finding(
  code: FindingCode,
  message: string,
  { evidence, severity }: { readonly evidence?: JsonObject; readonly severity?: Severity } = {},
): Finding {
  return {
    code,
    message,
    severity: severity ?? findingCodes[code].severity,
    ...(evidence === undefined ? {} : { evidence }),
  };
}

export function isError({ severity }: Finding): boolean {
  return severity === "error";
}

/** As it stands in the assurance result. */
export function findingJson({ code, message, severity, evidence }: Finding): JsonObject {
  return { code, message, severity, ...(evidence === undefined ? {} : { evidence }) };
}
