/**
 * A rollout as commands show it: one line, a table of its resources, and as data. It only words what is kept.
 */
import { limits } from "../../limits.ts";
import { endedPhases, type Rollout, type Unit } from "../../reconciler/rollout/model.ts";
import type { Clock } from "../../system/clock.ts";
import type { Plain } from "../render/output.ts";
import type { Style } from "../render/style.ts";
import { type Column, table } from "../render/table.ts";
import { printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";

/** `paused: awaiting_approval, step 1 of 2, for 3 min 02 s; ends by itself in 23 h 57 min` */
export function standingText(rollout: Rollout, nowMs: number): string {
  const { phase, reason, step, strategy, phaseSinceMs, deadlineMs } = rollout;
  const why = reason === undefined ? "" : `: ${reason}`;
  if (endedPhases.has(phase)) return `${phase}${why}`;
  const at = strategy.steps.length > 1 ? `, step ${step + 1} of ${strategy.steps.length}` : "";
  const since = `, for ${elapsed(Math.max(0, nowMs - phaseSinceMs))}`;
  const until = deadlineMs === null ? "" : `; ends by itself in ${elapsed(Math.max(0, deadlineMs - nowMs))}`;
  return `${phase}${why}${at}${since}${until}`;
}

/** `1 of 3 settled`, and of a way back `1 of 2 back`. */
function progressText({ phase, units }: Rollout): string {
  const count = (wanted: Unit["state"]) => units.filter(({ state }) => state === wanted).length;
  const settled = count("settled");
  if (phase !== "rolling_back" && phase !== "rolled_back") return `${settled} of ${units.length} settled`;
  const touched = units.filter(({ touched }) => touched).length;
  return `${count("rolled_back")} of ${touched} back`;
}

/** A line for each step of a rollout, and none twice. */
export function stepTeller(
  clock: Pick<Clock, "nowMs">,
  say: (line: string) => void,
): (rollout: Rollout) => void {
  let said = "";
  return (rollout) => {
    const { phase, step, reason, message } = rollout;
    const progress = progressText(rollout);
    const now = `${phase} ${step} ${reason} ${progress}`;
    if (now === said) return;
    said = now;
    const why = message === undefined ? "" : `: ${printable(message)}`;
    say(`${standingText(rollout, clock.nowMs())} (${progress})${why}\n`);
  };
}

export function paintPhase({ phase }: Rollout, style: Style): (text: string) => string {
  if (phase === "completed") return style.good;
  if (phase === "failed" || phase === "rolled_back") return style.bad;
  return phase === "paused" || phase === "rolling_back" ? style.warn : style.busy;
}

export function rolloutText(
  rollout: Rollout,
  nowMs: number,
  { style, columnsMax }: { readonly style: Style; readonly columnsMax: number | undefined },
): string {
  const { rolloutId, runtimeRunId, strategy, message, units } = rollout;
  const paint = paintPhase(rollout, style);
  const lines = [
    `rollout   ${rolloutId}`,
    `run       ${runtimeRunId}`,
    `strategy  ${strategy.kind}`,
    `phase     ${paint(standingText(rollout, nowMs))}`,
    ...(message === undefined ? [] : [`          ${printable(message)}`]),
  ];
  const shown = units.slice(0, limits.issuesShownMax);
  const more = units.length > shown.length ? [`… and ${units.length - shown.length} more`] : [];
  // Beneath the table a sentence is not cut off.
  const why = shown.flatMap(({ resourceId, message: words }) =>
    words === undefined ? [] : [`${printable(resourceId)}: ${printable(words)}`],
  );
  const below = why.length === 0 ? [] : ["", ...why];
  return [...lines, "", table(shown, columns(style), columnsMax), ...more, ...below].join("\n");
}

function columns(style: Style): readonly Column<Unit>[] {
  return [
    { title: "RESOURCE", value: ({ resourceId }) => printable(resourceId), narrowest: 8 },
    { title: "CHANGE", value: ({ operation }) => operation },
    {
      title: "STATE",
      value: ({ state }) => state,
      paint: (cell, { state }) => {
        if (state === "settled") return style.good(cell);
        return state === "failed" || state.startsWith("rollback_") ? style.bad(cell) : cell;
      },
    },
    { title: "COPIES", value: copiesOf, align: "end", optional: true },
    { title: "HEALTH", value: ({ health }) => health ?? "" },
    {
      title: "TRIES",
      value: ({ failures }) => (failures === 0 ? "" : String(failures)),
      align: "end",
      optional: true,
    },
    {
      title: "WHY",
      value: ({ reason = "" }) => reason,
    },
  ];
}

function copiesOf({ replicas, updated }: Unit): string {
  if (replicas === null) return "";
  return updated === null ? String(replicas) : `${updated}/${replicas}`;
}

export function rolloutData(rollout: Rollout, nowMs: number): { readonly [key: string]: Plain } {
  const { strategy, units, analysis } = rollout;
  return {
    rollout_id: rollout.rolloutId,
    runtime_run_id: rollout.runtimeRunId,
    plan_id: rollout.planId,
    bundle_sha256: rollout.bundleSha256,
    provider_id: rollout.providerId,
    strategy: strategy.kind,
    phase: rollout.phase,
    reason: rollout.reason ?? null,
    message: rollout.message ?? null,
    step: rollout.step + 1,
    steps: strategy.steps.length,
    started_at_ms: rollout.startedMs,
    phase_since_ms: rollout.phaseSinceMs,
    deadline_at_ms: rollout.deadlineMs,
    observed_at_ms: nowMs,
    analysis:
      analysis === null
        ? null
        : {
            passed: analysis.passed,
            failed: analysis.failed,
            inconclusive: analysis.inconclusive,
            errors: analysis.errors,
            message: analysis.message ?? null,
          },
    resources: units.map((unit) => ({
      resource_id: unit.resourceId,
      operation_type: unit.operation,
      layer: unit.layer,
      state: unit.state,
      health: unit.health,
      replicas: unit.replicas,
      updated: unit.updated,
      failures: unit.failures,
      reason: unit.reason ?? null,
      message: unit.message ?? null,
    })),
  };
}
