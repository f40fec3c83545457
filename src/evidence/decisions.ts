/**
 * The rows of `policy_decisions.json`: every answer of the policy, with when, why and by which rule. Pure.
 *
 * Source: spec bundle §8.6; bundle:W-41 (time, number, source and rule are additions).
 */
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import type { DecisionRow, RunRow } from "../store/contract.ts";
import { RowReader } from "./text/row-reader.ts";

export interface DecisionJson {
  readonly action: string;
  readonly token_id: string;
  readonly context: JsonObject;
  readonly allowed: boolean;
  readonly reason: string;
  readonly mode: string;
  /** From 0, in the order in which the decisions were made. */
  readonly seq: number;
  readonly at_ms: number;
  readonly [key: string]: JsonValue;
}

/** @param contexts what read the contexts of the decisions before reads this one faster. */
export function decisionJson(
  run: RunRow,
  decision: DecisionRow & { readonly row: number },
  contexts = new RowReader(),
): DecisionJson {
  const { scope, runId, runtimeRunId } = run.context;
  const context = contexts.read(decision.context);
  // In order of keys, which is the order they are written in.
  return {
    action: decision.action,
    allowed: decision.allowed,
    at_ms: decision.atMs,
    context: isJsonObject(context) ? context : {},
    event_seq: decision.seq,
    mode: decision.mode,
    reason: decision.reason,
    repo_id: scope.repoId,
    rule: decision.rule,
    run_id: runId,
    runtime_run_id: runtimeRunId,
    seq: decision.row - 1,
    source: decision.source,
    tenant_id: scope.tenantId,
    // Names the row for good: nothing else in a run's evidence has this id.
    token_id: `${runtimeRunId}:decision:${decision.row}`,
  };
}
