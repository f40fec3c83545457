/**
 * What `start` says in the end: the shape `RunReport` of docs/json-output.md, and the `key: value` lines of old with
 * more below them.
 *
 * Source: spec cli §4.6 step 8.
 */
import type { FoundPast } from "../../run/continuation/found.ts";
import type { JudgedValidity } from "../../run/settle.ts";
import type { RunReport } from "../../run/start.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";
import { type Failure, failureData } from "./failure.ts";
import { foundData } from "./found-words.ts";
import { judgementLines } from "./judged.ts";

/**
 * @param denial the documented object for what the policy refused, if anything
 * @param found of a run that went on
 */
export function reportData(
  report: RunReport,
  failures: readonly Failure[],
  denial: Plain | undefined,
  found?: FoundPast | undefined,
): Plain {
  const { counts } = report;
  return {
    kind: "RunReport",
    runtime_run_id: report.runtimeRunId,
    tenant_id: report.scope.tenantId,
    repo_id: report.scope.repoId,
    run_id: report.runId,
    mode: report.mode,
    adapter_id: report.adapterId,
    status: report.status,
    outcome: report.outcome,
    exit_code: report.exitCode,
    counts: {
      total: counts.total,
      succeeded: counts.succeeded,
      without_effect: counts.withoutEffect,
      failed: counts.failed,
      denied: counts.denied,
      blocked: counts.blocked,
      cancelled: counts.cancelled,
      retried: counts.retried,
    },
    started_at_ms: report.startedAtMs,
    finished_at_ms: report.finishedAtMs,
    bundle_path: report.bundlePath,
    bundle_sha256: report.bundleSha256,
    scope_dir: report.scopeDir,
    events_path: report.eventsPath,
    last_error: report.lastError ?? null,
    policy_denial_explain: denial,
    last_error_code: report.lastErrorCode ?? null,
    converged: report.converged,
    validity: report.validity === undefined ? undefined : validityData(report.validity),
    failures: failures.map(failureData),
    resumed: found === undefined ? undefined : foundData(found),
  };
}

/** @param pictured whether the live picture stands above it and has said the rest already */
export function reportText(report: RunReport, { pictured }: { readonly pictured: boolean }): string {
  const lines = [
    `runtime_run_id: ${report.runtimeRunId}`,
    `tenant_id: ${report.scope.tenantId}`,
    `repo_id: ${report.scope.repoId}`,
    `run_id: ${report.runId}`,
    `status: ${report.status}`,
    `bundle_path: ${printable(report.bundlePath)}`,
    `events_path: ${printable(report.eventsPath)}`,
    `outcome: ${report.outcome}`,
    `actions: ${countsText(report)}`,
  ];
  if (report.converged !== undefined) lines.push(`converged: ${report.converged}`);
  if (report.validity !== undefined) lines.push(...judgementLines(report.validity));
  if (!pictured) {
    const took = elapsed(report.finishedAtMs - report.startedAtMs);
    lines.push(`mode: ${report.mode}`, `adapter_id: ${report.adapterId}`, `took: ${took}`);
  }
  return lines.join("\n");
}

/** The member `validity` of reports; docs/json-output.md. */
export function validityData({ verdict, passed, failures, reportPath }: JudgedValidity): Plain {
  return { verdict, passed, failures, report_path: reportPath };
}

/** `12 of 12 succeeded, 3 of them without effect, 1 retry` */
function countsText({ counts }: RunReport): string {
  const parts = [`${counts.succeeded} of ${counts.total} succeeded`];
  const say = (count: number, text: string) => count > 0 && parts.push(`${count} ${text}`);
  say(counts.withoutEffect, "of them without effect");
  say(counts.failed, "failed");
  say(counts.denied, "denied");
  say(counts.blocked, "blocked");
  say(counts.cancelled, "cancelled");
  say(counts.retried, counts.retried === 1 ? "retry" : "retries");
  return parts.join(", ");
}
