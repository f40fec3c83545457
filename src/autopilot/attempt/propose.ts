/**
 * Writes down what an attempt would do, for a person to look at, and does none of it: the actions that would run, and what would become of
 * each resource. It names the fields that would change and leaves their values out, since anybody may read the file.
 *
 * Source: docs/autopilot.md "Modes"; spec cli §17.3 (dry-run mode).
 */
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { prettyJson } from "../../json/canonical.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { isActive, type PlannedChange, type ReconcilePlan } from "../../reconciler/plan.ts";
import { openSentry } from "../../run/deployment/sentry.ts";
import { prepareRun } from "../../run/prepare.ts";
import type { RunHost } from "../../run/ready.ts";
import { resolveConfined, writeFileAtomic } from "../../system/files.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt } from "../model.ts";
import { sentryInputOf } from "../sentries.ts";

/** @throws AkcError of the bundle, the policy or the provider; the signal's reason */
export async function propose(
  scope: ScopeConfig,
  attempt: Omit<Attempt, "runtimeRunId">,
  signal: AbortSignal,
  host: RunHost,
): Promise<{ readonly planPath: string; readonly summary: string }> {
  const actions = attempt.kind === "repair" ? [] : await actionsOf(scope, attempt);
  const planned = await plannedBy(scope, attempt, signal, host);
  signal.throwIfAborted();
  const summary = summaryOf(actions.length, planned?.plan);
  const folder = await resolveConfined(scope.scopeRoot, proposalsFolder);
  const planPath = `${proposalsFolder}/${attempt.attemptId}.json`;
  const text = prettyJson({
    kind: "AutopilotProposal",
    schema_version: 1,
    attempt_id: attempt.attemptId,
    attempt_kind: attempt.kind,
    tenant_id: scope.scope.tenantId,
    repo_id: scope.scope.repoId,
    bundle_path: attempt.bundlePath,
    bundle_sha256: attempt.bundleSha256,
    previous_bundle_sha256: attempt.previous?.bundleSha256 ?? null,
    proposed_at_ms: host.clock.nowMs(),
    summary,
    actions: [...actions],
    provider: planned?.provider ?? null,
    plan_id: planned?.plan.planId ?? null,
    changes: (planned?.plan.changes ?? []).filter(isTold).map(changeJson),
  });
  await writeFileAtomic(join(folder, `${attempt.attemptId}.json`), text);
  await dropOldest(folder);
  return { planPath, summary };
}

/** Of plans that wait for a person, below the scope's folder. */
export const proposalsFolder = ".akc/autopilot/proposals";

async function actionsOf(
  { policyPath }: ScopeConfig,
  { bundlePath, bundleSha256 }: Pick<Attempt, "bundlePath" | "bundleSha256">,
): Promise<readonly string[]> {
  const { plan, bundle } = await prepareRun({
    bundlePath,
    expectedSha256: bundleSha256,
    mode: "simulate",
    adapter: "auto",
    ...(policyPath === undefined ? {} : { policyPath }),
  });
  return plan.steps.length > 0
    ? plan.steps.map(({ stepId }) => stepId)
    : bundle.nodes.map(({ nodeId }) => nodeId);
}

async function plannedBy(
  scope: ScopeConfig,
  offered: Pick<Attempt, "bundlePath" | "bundleSha256">,
  signal: AbortSignal,
  host: RunHost,
): Promise<{ readonly plan: ReconcilePlan; readonly provider: string } | undefined> {
  const sentry = await openSentry(sentryInputOf(scope, offered), host);
  if (sentry === undefined) return undefined;
  try {
    const { plan } = await sentry.look(signal);
    return { plan, provider: sentry.deployment.kind };
  } finally {
    await sentry.close();
  }
}

function isTold(change: PlannedChange): boolean {
  return change.type !== "noop" || change.blocked !== undefined;
}

function changeJson({ resourceId, resourceClass, type, diff, blocked }: PlannedChange): JsonObject {
  return {
    resource_id: resourceId,
    resource_class: resourceClass,
    operation_type: type,
    fields: diff.changes.map(({ path }) => path),
    blocked: blocked === undefined ? null : { reason: blocked.reason, message: blocked.message },
  };
}

/** `3 actions; create 1, update 2; 1 cannot be done` */
function summaryOf(actions: number, plan: ReconcilePlan | undefined): string {
  const changes = plan?.changes ?? [];
  const counts = (["create", "update", "delete"] as const).flatMap((type) => {
    const count = changes.filter((change) => change.type === type && isActive(change)).length;
    return count === 0 ? [] : [`${type} ${count}`];
  });
  const blocked = changes.filter((change) => change.blocked !== undefined).length;
  return [
    ...(actions === 0 ? [] : [`${actions} ${actions === 1 ? "action" : "actions"}`]),
    counts.length === 0 ? "nothing that stands would be changed" : counts.join(", "),
    ...(blocked === 0 ? [] : [`${blocked} cannot be done`]),
  ].join("; ");
}

/** Their names are UUIDs that sort by time. */
async function dropOldest(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  const surplus = sortedByCodePoint(names).slice(
    0,
    Math.max(0, names.length - limits.autopilotProposalsKeptMax),
  );
  await Promise.all(surplus.map((name) => unlink(join(folder, name)).catch(() => undefined)));
}
