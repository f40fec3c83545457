/**
 * A row of the history as the line that it is written as, and back. Times that were measured are floats there.
 * It never invents a row: a line that is none is left to whoever reads to tell.
 *
 * Source: spec cli §1.1 (LINE), §14.13.
 */
import * as v from "valibot";
import { lineJson } from "../../json/canonical.ts";
import { doubleValue } from "../../json/number.ts";
import { toPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { HistoryRow } from "../score/history-row.ts";
import type { ScoredRow } from "../score/kpi.ts";

/** With its newline. */
export function historyLine(row: HistoryRow): string {
  return `${lineJson(rowJson(row))}\n`;
}

function rowJson(row: HistoryRow): JsonObject {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]: [string, JsonValue]) => [
      key,
      typeof value === "number" && floats.has(key) ? doubleValue(value) : value,
    ]),
  );
}

const floats: ReadonlySet<string> = new Set([
  "convergence_latency_ms",
  "intent_to_healthy_runtime_ms",
  "compile_to_healthy_runtime_ms",
  "compression_factor_vs_baseline",
  "intent_to_staging_ms",
  "intent_to_prod_ms",
  "staging_to_prod_ms",
  "approval_wait_ms",
]);

/** A row as it was read; those of the old runtime have no number of an entry. */
export type ReadRow = ScoredRow & { readonly entry_seq?: number | undefined };

/** Undefined for what is no row. */
export function readHistoryLine(line: string): ReadRow | undefined {
  try {
    const read = v.safeParse(Row, toPlain(parseJson(line, { textBytesMax: limits.autopilotFactBytesMax })));
    return read.success ? read.output : undefined;
  } catch {
    return undefined;
  }
}

const number = v.pipe(v.number(), v.finite());
const maybeNumber = v.nullable(number);
const maybeText = v.nullable(v.string());
const maybeFlag = v.nullable(v.boolean());

const Row = v.object({
  event_kind: v.picklist(["runtime_rollout", "promotion_prevented"]),
  attempt_id: v.pipe(v.string(), v.nonEmpty()),
  started_at_ms: number,
  promotion_policy_allow: v.boolean(),
  runtime_terminal_status: maybeText,
  rollback_count: number,
  rollback_success_count: number,
  convergence_latency_ms: maybeNumber,
  intent_to_healthy_runtime_ms: maybeNumber,
  compile_to_healthy_runtime_ms: maybeNumber,
  compression_factor_vs_baseline: maybeNumber,
  intent_to_staging_ms: maybeNumber,
  intent_to_prod_ms: maybeNumber,
  staging_to_prod_ms: maybeNumber,
  approval_wait_ms: maybeNumber,
  manual_touch_count: maybeNumber,
  prevented_reason: maybeText,
  compile_realization_mode: maybeText,
  compile_apply_applied: maybeFlag,
  compile_apply_policy_allowed: maybeFlag,
  compile_apply_denial_reason: maybeText,
  entry_seq: v.optional(v.pipe(v.number(), v.safeInteger())),
});
