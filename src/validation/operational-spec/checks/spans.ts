/**
 * The span contract of a compile: which spans there must be, and what one of them must carry. Pure.
 * A contract that cannot be read is an error, and never one that asks for nothing.
 *
 * Source: spec reconcile §7.4 (15), §7.6, §7.7.
 */

import { member, objectAt, textAt, textsAt } from "../../../bundle/member.ts";
import { all, fault, filledText, issuesOf, listOf, type Rule, record } from "../../../bundle/shape/rule.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../../json/value.ts";
import type { Check } from "../model.ts";
import type { Params } from "../params.ts";
import { broken, checkOf, failed, type Outcome, passed } from "../verdict.ts";

export interface Traces {
  readonly records: readonly JsonObject[];
  readonly rejectedReason: string | null;
}

/** Refused lines are told where somebody looks at spans; the documented checks have none for it. */
export function traceChecks(params: Params, traces: Traces, contract: JsonValue): readonly Check[] {
  const { rejectedReason } = traces;
  const looks = contract !== null || params.composites.some(({ kind }) => kind === "span_status_fraction");
  if (rejectedReason === null || !looks) return [];
  const outcome = broken("malformed", `the trace lines were refused: ${rejectedReason}`);
  return [checkOf("otel_trace_ndjson_parse", outcome, { rejected_reason: rejectedReason })];
}

export function spanContractCheck(contract: JsonValue, traces: Traces): Check {
  return checkOf("otel_span_contract", contractOutcome(contract, traces), null);
}

const something: Rule = (value, report) => {
  if (isJsonObject(value) && keys.every((key) => textsAt(value, key).length === 0))
    fault(report, "asks for nothing");
};
const keys = ["required_span_names", "required_attributes"] as const;
const contractRule = all(
  record(
    {},
    { required_span_names: listOf(filledText), required_attributes: listOf(filledText) },
    { closed: true },
  ),
  something,
);

function contractOutcome(contract: JsonValue, { records, rejectedReason }: Traces): Outcome {
  const [issue] = issuesOf(contract, contractRule);
  if (issue !== undefined || !isJsonObject(contract)) {
    return broken("malformed", `the span contract${issue?.path ?? ""} ${issue?.message ?? "is no object"}`);
  }
  if (rejectedReason !== null) return broken("malformed", `the trace lines were refused: ${rejectedReason}`);
  const spans = records.map((line) => objectAt(line, "span"));
  const names = new Set(spans.map((span) => textAt(span, "name")));
  const missing = textsAt(contract, "required_span_names").find((name) => !names.has(name));
  if (missing !== undefined) return failed("presence", `there is no span ${missing}`);
  const attributes = textsAt(contract, "required_attributes");
  const carried =
    attributes.length === 0 ||
    spans.some((span) => attributes.every((key) => member(objectAt(span, "attributes"), key) !== undefined));
  return carried ? passed : failed("presence", "no span carries all attributes that the contract asks for");
}
