/**
 * The last thing that the policy refused in a run, and how the documented denial object tells it.
 *
 * Source: spec cli §3.6; cli:W-42 (the decision itself speaks, not a stand-in).
 */
import { limits } from "../../limits.ts";
import { policyDenialExplain } from "../../policy/explain.ts";
import type { Decision } from "../../policy/model.ts";
import type { RunReport } from "../../run/start.ts";
import type { DecisionRow, RunReader } from "../../store/contract.ts";
import type { Environment } from "../io.ts";
import { type Plain, plainOf } from "../render/output.ts";

export type Denied = DecisionRow & { readonly row: number };

export async function lastDenial(reader: RunReader): Promise<Denied | undefined> {
  let denial: Denied | undefined;
  let after = 0;
  for (;;) {
    const page = await reader.decisions(after, limits.eventsPageMax);
    denial = page.findLast((decision) => !decision.allowed) ?? denial;
    after = page.at(-1)?.row ?? after;
    if (page.length < limits.eventsPageMax) return denial;
  }
}

/**
 * The object `akc:policy_denial_explain:v1`.
 * @param followUp the command that shows every rule
 */
export function denialData(denied: Denied, report: RunReport, env: Environment, followUp: string): Plain {
  const bundleId = env["AKC_POLICY_BUNDLE_ID"] ?? "";
  const gitSha = env["AKC_POLICY_GIT_SHA"] ?? "";
  const regoVersion = env["AKC_REGO_PACK_VERSION"] ?? "";
  const explanation = policyDenialExplain(
    { kind: "decision", decision: decisionOf(denied) },
    {
      runId: report.runId,
      runtimeRunId: report.runtimeRunId,
      bundlePath: report.bundlePath,
      followUp,
      ...(bundleId === "" ? {} : { policyBundleId: bundleId }),
      ...(gitSha === "" ? {} : { policyGitSha: gitSha }),
      ...(regoVersion === "" ? {} : { regoPackVersion: regoVersion }),
    },
  );
  return plainOf(explanation);
}

const sources: readonly Decision["source"][] = [
  "allowlist",
  "envelope",
  "intent",
  "ir",
  "knowledge",
  "operator",
  "capability",
];

function decisionOf({ action, reason, rule, source, mode }: Denied): Decision {
  return {
    action,
    allowed: false,
    reason,
    rule,
    source: sources.find((known) => known === source) ?? "allowlist",
    mode: mode === "enforce" ? "enforce" : "audit_only",
  };
}
