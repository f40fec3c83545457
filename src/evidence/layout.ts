/**
 * Where the files of a run stand. It only makes names; whoever writes checks that they lead nowhere else.
 *
 * Source: spec kernel §3, spec cli §2.
 */
import { join, relative, sep } from "node:path";
import type { RunContext } from "../adapters/contract.ts";

export interface EvidencePaths {
  /** `<scope>/.akc/runtime/<run_id>/<runtime_run_id>` */
  readonly folder: string;
  readonly record: string;
  readonly checkpoint: string;
  readonly events: string;
  readonly queueSnapshot: string;
  readonly evidence: string;
  readonly audit: string;
  readonly decisions: string;
  readonly spans: string;
  readonly control: string;
  readonly profileDecisions: string;
  /** On runs that were judged by operational criteria. */
  readonly validityReport: string;
  /** Shared by all runs of one compile run. */
  readonly otel: string;
  readonly manifest: string;
  /** The report of the run of this compile run that was judged last. */
  readonly latestValidityReport: string;
}

/** @param scopeRoot `<outputs_root>/<tenant>/<repo>`, absolute. */
export function evidencePaths(
  scopeRoot: string,
  context: Pick<RunContext, "runId" | "runtimeRunId">,
): EvidencePaths {
  const folder = join(scopeRoot, ".akc", "runtime", context.runId, context.runtimeRunId);
  const runs = join(scopeRoot, ".akc", "run");
  return {
    folder,
    record: join(folder, "runtime_run.json"),
    checkpoint: join(folder, "checkpoint.json"),
    events: join(folder, "events.json"),
    queueSnapshot: join(folder, "queue_snapshot.json"),
    evidence: join(folder, "runtime_evidence.json"),
    audit: join(folder, "evidence", "coordination_audit.jsonl"),
    decisions: join(folder, "policy_decisions.json"),
    spans: join(folder, "runtime_trace_spans.json"),
    control: join(folder, "control.json"),
    profileDecisions: join(folder, "developer_profile_decisions.json"),
    validityReport: join(folder, "operational_validity_report.json"),
    otel: join(runs, `${context.runId}.otel.jsonl`),
    manifest: join(runs, `${context.runId}.manifest.json`),
    latestValidityReport: join(
      scopeRoot,
      ".akc",
      "verification",
      `${context.runId}.operational_validity_report.json`,
    ),
  };
}

/** As files name another: relative to the scope's folder where it lies inside, so that the tree can be moved. */
export function shownPath(scopeRoot: string, path: string): string {
  const inside = relative(scopeRoot, path);
  return inside === ".." || inside.startsWith(`..${sep}`) ? path : inside.replaceAll(sep, "/");
}
