/**
 * Measures what an analysis names, between the steps of a rollout: the probes that resources have too. A check that cannot be
 * asked is an error and never a pass.
 *
 * Source: docs/rollouts.md; Argo Rollouts' four outcomes (design only).
 */
import * as v from "valibot";
import { checkOnce } from "../../providers/probe/check.ts";
import { ProbeSchema } from "../../providers/probe/schema.ts";
import type { Measurement } from "../../reconciler/drive.ts";
import type { Analysis } from "../../reconciler/rollout/model.ts";

/** All checks side by side; the worst answer is the measurement's. */
export async function measure({ checks }: Analysis, signal: AbortSignal): Promise<Measurement> {
  if (checks.length === 0) {
    return { verdict: "inconclusive", message: "there is nothing to measure", evidence: { checks: [] } };
  }
  const answers = await Promise.all(checks.map((check) => answerOf(check, signal)));
  const worst =
    answers.find(({ verdict }) => verdict === "error") ?? answers.find(({ verdict }) => verdict === "fail");
  const evidence = { checks: answers.map(({ kind, verdict, message }) => ({ kind, verdict, message })) };
  if (worst !== undefined) return { verdict: worst.verdict, message: worst.message, evidence };
  return { verdict: "pass", message: `${answers.length} checks passed`, evidence };
}

interface Answer {
  readonly kind: string;
  readonly verdict: "pass" | "fail" | "error";
  readonly message: string;
}

async function answerOf(check: Analysis["checks"][number], signal: AbortSignal): Promise<Answer> {
  const kind = String(check["kind"]);
  const parsed = v.safeParse(ProbeSchema, check);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return { kind, verdict: "error", message: `the check is not valid: ${issue.message}` };
  }
  const outcome = await checkOnce(parsed.output, { signal });
  return outcome.passed
    ? { kind, verdict: "pass", message: "" }
    : { kind, verdict: "fail", message: outcome.message };
}
