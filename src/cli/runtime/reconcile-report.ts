/**
 * What a reconciliation tells: the documented lines for scripts, a table for people, one shape for programs; and the exit code.
 *
 * Source: spec reconcile §3.3; docs/json-output.md.
 */

import type { JsonValue } from "../../json/value.ts";
import type { StatusPayload } from "../../reconciler/model.ts";
import { isActive, type PlannedChange, type ReconcilePlan } from "../../reconciler/plan.ts";
import type { Passes } from "../../reconciler/resync.ts";
import type { ReconcileReport } from "../../run/deployment/reconcile-run.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Place } from "../io.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { styleOf } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { rolloutData } from "../rollout/rollout-words.ts";

const valueCharsMax = 60;

function lastPass({
  passes,
  watched,
}: ReconcileReport): Pick<Passes, "plan" | "statuses" | "converged" | "rollout"> | undefined {
  return passes ?? watched?.last;
}

export function reconcileData(runtimeRunId: string, report: ReconcileReport): Plain {
  const { deployment, mode, passes, watched } = report;
  const last = lastPass(report);
  return {
    kind: "Reconcile",
    runtime_run_id: runtimeRunId,
    reconcile_mode: mode,
    provider_id: deployment.kind,
    provider_declared: deployment.declared ?? null,
    resource_count: last?.statuses.length ?? 0,
    converged: last?.converged ?? (watched === undefined ? false : watched.settled),
    plan: last === undefined ? null : planData(last.plan),
    statuses: (last?.statuses ?? []).map((status) => plainStatus(status)),
    rollout: last?.rollout === undefined ? null : rolloutData(last.rollout, Date.now()),
    ...(passes === undefined
      ? {}
      : { attempts: passes.attempts, window_ms: passes.windowMs, wait_ms: passes.waitMs }),
    ...(watched === undefined ? {} : { looks: watched.looks, passes: watched.passes }),
  };
}

function planData({ planId, changes }: ReconcilePlan): Plain {
  return {
    plan_id: planId,
    changes: changes.map((change) => ({
      operation_id: change.operationId,
      operation_type: change.type,
      resource_id: change.resourceId,
      layer: change.layer,
      desired_hash: change.desiredHash,
      correction: change.correction,
      adopt: change.adopt,
      diff: change.diff.changes.map(({ path, from, to }) => ({
        path,
        ...(from === undefined ? {} : { from: plainOf(from) }),
        ...(to === undefined ? {} : { to: plainOf(to) }),
      })),
      diff_omitted: change.diff.omitted,
      ignored_fields: change.diff.ignored,
      blocked:
        change.blocked === undefined
          ? null
          : { reason: change.blocked.reason, message: change.blocked.message },
    })),
  };
}

function plainStatus(status: StatusPayload): Plain {
  const members = Object.entries(status).flatMap(([key, value]): [string, Plain][] =>
    value === undefined ? [] : [[key, plainOf(value)]],
  );
  return Object.fromEntries(members.sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** On a terminal a table; elsewhere the lines that scripts of the old runtime read. */
export function reconcileText(
  runtimeRunId: string,
  report: ReconcileReport,
  { place, diff }: { readonly place: Place; readonly diff: boolean },
): string {
  const last = lastPass(report);
  const statuses = last?.statuses ?? [];
  const head = [
    `runtime_run_id: ${runtimeRunId}`,
    `reconcile_mode: ${report.mode}`,
    `resource_count: ${statuses.length}`,
    ...(report.watched === undefined ? [] : [`reconcile_iterations: ${report.watched.looks}`]),
    ...(last === undefined ? [] : [`plan_id: ${last.plan.planId}`]),
    ...(last?.rollout === undefined ? [] : [`rollout_id: ${last.rollout.rolloutId}`]),
  ];
  const style = styleOf(place.color);
  const differences = diff && last !== undefined ? diffLines(last.plan, style) : [];
  if (!place.isTerminal) {
    return [...head, ...differences, ...statuses.map((status) => JSON.stringify(plainStatus(status)))].join(
      "\n",
    );
  }
  const columns: readonly Column<StatusPayload>[] = [
    { title: "RESOURCE", value: ({ resource_id: id }) => printable(id), narrowest: 8 },
    { title: "CHANGE", value: ({ operation_type: type }) => type },
    {
      title: "OUTCOME",
      value: ({ outcome }) => outcome,
      paint: (cell, { converged, outcome }) =>
        converged ? style.good(cell) : outcome === "planned" ? style.busy(cell) : style.bad(cell),
    },
    { title: "HEALTH", value: ({ health_status: health }) => health },
    {
      title: "DIFFERS IN",
      value: ({ drift }) => (drift.length === 0 ? "" : `${drift.length} fields`),
      optional: true,
    },
    {
      title: "WHY",
      value: ({ reason_code: code, error }) => printable([code, error].filter(Boolean).join(": ")),
      narrowest: 12,
    },
  ];
  const shown = statuses.length === 0 ? [] : ["", table(statuses, columns, place.columns())];
  return [...head, ...shown, ...(differences.length === 0 ? [] : ["", ...differences])].join("\n");
}

function diffLines({ changes }: ReconcilePlan, style: ReturnType<typeof styleOf>): readonly string[] {
  return changes.flatMap((change) => {
    const { diff, resourceId, type, blocked } = change;
    if (type === "noop" && diff.ignored.length === 0 && blocked === undefined) return [];
    const why = blocked === undefined ? "" : ` — not done: ${blocked.reason}`;
    const by = change.correction ? " (changed by somebody else)" : "";
    return [
      style.strong(`${signOf(change)} ${printable(resourceId)} ${type}${by}${why}`),
      ...diff.changes.map(
        ({ path, from, to }) => `    ${printable(path)}  ${valueText(from)} → ${valueText(to)}`,
      ),
      ...(diff.omitted === 0 ? [] : [`    … and ${diff.omitted} more fields`]),
      ...diff.ignored.map((path) => style.faint(`    ${printable(path)}  differs and is ignored`)),
    ];
  });
}

function signOf({ type, blocked }: PlannedChange): string {
  if (blocked !== undefined) return "!";
  return type === "create" ? "+" : type === "delete" ? "-" : "~";
}

function valueText(value: JsonValue | undefined): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(plainOf(value));
  return printable(text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : text);
}

/** `2 to create, 1 to update`; `2 created, 1 updated` once it was done. */
export function changesText(report: ReconcileReport): string {
  const last = lastPass(report);
  if (last === undefined) return "";
  const { plan, statuses } = last;
  const made = new Set(
    statuses.filter(({ applied, converged }) => applied && converged).map(({ resource_id: id }) => id),
  );
  const active = plan.changes.filter(isActive);
  const counts = (["create", "update", "delete"] as const).flatMap((type) => {
    const changes = active.filter((change) => change.type === type);
    const done = changes.filter(({ resourceId }) => made.has(resourceId)).length;
    const left = changes.length - done;
    return [
      ...(done === 0 ? [] : [`${done} ${type}d`]),
      ...(left === 0 ? [] : [`${left} ${report.mode === "simulate" ? "" : "left "}to ${type}`]),
    ];
  });
  const blocked = plan.changes.filter(({ blocked }) => blocked !== undefined).length;
  return [...counts, ...(blocked === 0 ? [] : [`${blocked} not to be done`])].join(", ");
}

/** What came of it, in words and as an exit code. */
export function verdictOf(
  report: ReconcileReport,
  { exitCode }: { readonly exitCode: boolean },
): { readonly words: string; readonly exit: ExitCode } {
  const last = lastPass(report);
  if (last === undefined) return { words: "", exit: 0 };
  const { plan, rollout, converged, statuses } = last;
  const differs = plan.changes.some((change) => isActive(change) || change.blocked !== undefined);
  const left = statuses.filter((status) => !status.converged).length;
  const leftWords = `${left} of ${statuses.length} ${left === 1 ? "does" : "do"} not stand as ${left === 1 ? "it" : "they"} should`;
  if (report.mode === "simulate") {
    if (differs) return { words: `plan: ${plan.planId}`, exit: exitCode ? 7 : 0 };
    if (converged) return { words: everythingStands, exit: 0 };
    // What waits to be started again, say.
    return { words: `nothing is to be changed, but ${leftWords}`, exit: exitCode ? 7 : 0 };
  }
  if (report.passes?.denied !== undefined)
    return { words: `denied: ${report.passes.denied.action}`, exit: 2 };
  if (converged) return { words: everythingStands, exit: exitCode && differs ? 7 : 0 };
  if (rollout?.phase === "paused") {
    return {
      words: `the rollout waits: ${rollout.reason}; \`akc rollout promote ${rollout.rolloutId}\` lets it go on, \`akc rollout abort ${rollout.rolloutId}\` brings it back`,
      exit: exitCode ? 7 : 0,
    };
  }
  const back =
    rollout?.phase === "rolled_back"
      ? `: the rollout was brought back (${rollout.reason}), \`akc rollout status ${rollout.rolloutId}\` says more`
      : "";
  return { words: `${leftWords}${back}`, exit: report.divergenceCounts ? 3 : 1 };
}

const everythingStands = "everything stands as it should";
