/**
 * One probe as a check of an analysis: the probes that resources have too, over HTTP and TCP. Whatever is wrong with it is an answer.
 */
import * as v from "valibot";
import { checkOnce } from "../../providers/probe/check.ts";
import { ProbeSchema } from "../../providers/probe/schema.ts";
import type { Analysis } from "../../reconciler/rollout/model.ts";
import type { CheckAnswer } from "./analyst.ts";

export async function measureProbe(
  check: Analysis["checks"][number],
  signal: AbortSignal,
): Promise<CheckAnswer> {
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
