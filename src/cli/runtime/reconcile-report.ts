/**
 * What a reconciliation tells: the documented lines for scripts, a table for people, one shape for programs.
 *
 * Source: spec reconcile §3.3; docs/json-output.md.
 */

import type { JsonValue } from "../../json/value.ts";
import type { StatusPayload } from "../../reconciler/model.ts";
import { isActive, type PlannedChange, type ReconcilePlan } from "../../reconciler/plan.ts";
import type { Passes } from "../../reconciler/resync.ts";
import type { ReconcileReport } from "../../run/deployment/reconcile-run.ts";
import type { Place } from "../io.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { styleOf } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { rolloutData } from "../rollout/rollout-words.ts";
import { validityData } from "./report.ts";

const valueCharsMax = 60;

export function lastPass({
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
    converged: watched?.settled ?? last?.converged ?? false,
    plan: last === undefined ? null : planData(last.plan),
    statuses: (last?.statuses ?? []).map((status) => plainStatus(status)),
    rollout: last?.rollout === undefined ? null : rolloutData(last.rollout, Date.now()),
    ...(passes === undefined
      ? {}
      : { attempts: passes.attempts, window_ms: passes.windowMs, wait_ms: passes.waitMs }),
    ...(watched === undefined ? {} : { looks: watched.looks, passes: watched.passes }),
    ...(report.judged?.validity === undefined ? {} : { validity: validityData(report.judged.validity) }),
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
    { title: "WHY", value: ({ reason_code: code = "" }) => code },
  ];
  // Beneath the table a sentence is not cut off.
  const why = statuses.flatMap(({ resource_id: id, error, converged }) =>
    error === undefined || converged ? [] : [`${printable(id)}: ${printable(error)}`],
  );
  const shown = statuses.length === 0 ? [] : ["", table(statuses, columns, place.columns()), ...why];
  return [...head, ...shown, ...(differences.length === 0 ? [] : ["", ...differences])].join("\n");
}

function diffLines({ changes }: ReconcilePlan, style: ReturnType<typeof styleOf>): readonly string[] {
  return changes.flatMap((change) => {
    const { diff, resourceId, type, blocked } = change;
    if (type === "noop" && diff.ignored.length === 0 && blocked === undefined) return [];
    const why = blocked === undefined ? "" : ` — not done: ${blocked.reason}, ${printable(blocked.message)}`;
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
  const reasons = plan.changes.flatMap(({ blocked }) => blocked?.reason ?? []);
  const alone = `${reasons.length} left alone (${[...new Set(reasons)].join(", ")})`;
  return [...counts, ...(reasons.length === 0 ? [] : [alone])].join(", ");
}
