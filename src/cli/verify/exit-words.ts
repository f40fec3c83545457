/**
 * The last words of a verification that did not go well, for people: whether the run is not good, or not true, and what to do next.
 * Decides nothing.
 */
import { type FindingCode, isError } from "../../validation/assurance/finding.ts";
import { followUpOnRun } from "../follow-up.ts";
import type { Io } from "../io.ts";
import type { Verified } from "./verified.ts";

/** Empty where everything holds. */
export async function exitWords({ exit, emitted, coupling, place }: Verified, io: Io): Promise<string> {
  if (exit === 0) return "";
  if (!emitted.passed) return "error: results of tests or of the verifier are not good [VALIDITY_FAILED]\n";
  if (coupling === undefined) {
    const { tenantId, repoId } = place.scope;
    const list = await followUpOnRun(
      io,
      ["runtime", "list", "--tenant-id", tenantId, "--repo-id", repoId],
      place,
    );
    return `error: there is no manifest, so no run was verified [VALIDITY_INCONCLUSIVE]\nhint: Name a run of akc with --runtime-run-id (\`${list}\` shows them), or leave it out with --no-operational-coupling.\n`;
  }
  if (exit === 4) return "error: there is too little evidence to judge the run [VALIDITY_INCONCLUSIVE]\n";
  const untrue = coupling.findings.some((found) => isError(found) && !honest.has(found.code));
  return untrue
    ? "error: what the run says about its validity does not hold [VALIDITY_FAILED]\n"
    : "error: the run does not meet its operational criteria [VALIDITY_FAILED]\n";
}

/** What is found of a run that says the same of itself. */
const honest: ReadonlySet<FindingCode> = new Set([
  "operational.verdict_failed",
  "operational.verdict_error",
  "operational.criterion_invalid",
  "operational.governance_error_threshold_exceeded",
]);
