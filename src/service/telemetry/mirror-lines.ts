/**
 * The documented trace lines of an autopilot: one for each decision, and one for an escalation. Pure but for the ids handed in; ids have
 * the lengths of W3C, and a failure has the status of one.
 *
 * Source: spec cli §13, §14.12; cli:W-37.
 */
import type { ScopeStatus, Telling } from "../../autopilot/contract.ts";
import type { GateAnswer } from "../../autopilot/gates/model.ts";
import type { Entry, ScopeId } from "../../autopilot/model.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { AttemptNews } from "./attempts.ts";
import { spanIdOf } from "./spans.ts";

export interface LineInput {
  readonly told: Telling;
  readonly news: AttemptNews | undefined;
  /** Of the scope that it is told of; undefined where it is not watched any more. */
  status(scope: ScopeId): ScopeStatus | undefined;
  /** Which documented refusal the answers of gates amount to. */
  refusalOf(answers: readonly GateAnswer[]): { readonly word: string } | undefined;
  /** 32 hex digits, new each time. */
  traceId(): string;
}

/** COMPACT lines to be; empty where nothing was decided. */
export function mirrorLines(input: LineInput): readonly JsonObject[] {
  const { told } = input;
  if (told.kind === "lease") {
    const said = told.answer === "taken" && isTold(told.streak);
    if (!said) return [];
    const more = { "akc.autopilot.lease_denied_streak": told.streak };
    return [line(input, told.scope, told.atMs, "skip_not_lease_holder", "ok", more)];
  }
  if (told.kind !== "entry") return [];
  const { scope, entry } = told;
  const decision = decisionOf(entry, input);
  const lines =
    decision === undefined ? [] : [line(input, scope, entry.atMs, decision.word, decision.status)];
  return entry.fact.type === "escalated"
    ? [...lines, escalationLine(input, scope, entry.atMs, entry.fact.reason)]
    : lines;
}

/** A standby is denied all the time: the first, the fifth (of which the alert contract speaks), then ever more rarely. */
function isTold(streak: number): boolean {
  return streak === 1 || streak === 5 || (streak > 5 && Number.isInteger(Math.log2(streak / 5)));
}

function decisionOf(
  { fact }: Entry,
  { news, refusalOf }: LineInput,
): { readonly word: string; readonly status: "ok" | "error" } | undefined {
  switch (fact.type) {
    case "recompile_ended":
      if (fact.result === "failed") return { word: "compile_failed", status: "error" };
      if (fact.result === "offered" || fact.result === "cut_off") return undefined;
      return { word: "no_new_manifest", status: "ok" };
    case "held": {
      const refusal = refusalOf(fact.answers);
      return refusal === undefined ? undefined : { word: refusal.word, status: "ok" };
    }
    case "proposed":
      return { word: "rollout_proposed", status: "ok" };
    case "attempt_ended": {
      const kind = news?.news === "ended" ? news.attempt?.kind : undefined;
      if (kind !== "repair" && fact.verdict === "not_started") {
        return { word: "promotion_prevented", status: "ok" };
      }
      const word = kind === "repair" ? "runtime_repair" : "runtime_rollout";
      return { word, status: fact.verdict === "kept" ? "ok" : "error" };
    }
    case "escalated":
      return { word: "escalation_hold", status: "error" };
    default:
      return undefined;
  }
}

function line(
  input: LineInput,
  scope: ScopeId,
  atMs: number,
  decision: string,
  status: "ok" | "error",
  more: JsonObject = {},
): JsonObject {
  const state = input.status(scope)?.state;
  return traceLine(input, scope, atMs, `akc.autopilot.${decision}`, status, {
    "akc.autopilot.decision": decision,
    "akc.autopilot.human_escalation_required":
      decision === "escalation_hold" || state?.escalated !== undefined,
    "akc.autopilot.consecutive_failures": state?.consecutiveFailures ?? 0,
    "akc.autopilot.mutations_count": withinDay(state?.mutationsAtMs ?? [], atMs),
    "akc.autopilot.rollbacks_count": withinDay(state?.rollbacksAtMs ?? [], atMs),
    ...more,
  });
}

function escalationLine(input: LineInput, scope: ScopeId, atMs: number, reason: string): JsonObject {
  return traceLine(input, scope, atMs, "akc.autopilot.human_escalation", "error", {
    "akc.autopilot.reason": reason,
    "akc.autopilot.human_escalation_required": true,
    "akc.autopilot.consecutive_failures": input.status(scope)?.state.consecutiveFailures ?? 0,
  });
}

function traceLine(
  { traceId }: LineInput,
  { tenantId, repoId }: ScopeId,
  atMs: number,
  name: string,
  status: "ok" | "error",
  attributes: JsonObject,
): JsonObject {
  const trace = traceId();
  const correlation = { "akc.tenant_id": tenantId, "akc.repo_id": repoId, "akc.run_id": "autopilot" };
  const atNano: JsonValue = BigInt(Math.round(atMs)) * 1_000_000n;
  return {
    akc_trace_export_version: 1,
    source: "runtime.autopilot_scope",
    resource: { attributes: { "service.name": "akc", ...correlation } },
    span: {
      trace_id: trace,
      span_id: spanIdOf(trace, name),
      parent_span_id: null,
      name,
      kind: "internal",
      start_time_unix_nano: atNano,
      end_time_unix_nano: atNano,
      attributes: { "akc.autopilot.span": name, ...attributes, ...correlation },
      status,
    },
  };
}

const dayMs = 24 * 60 * 60 * 1_000;

function withinDay(times: readonly number[], atMs: number): number {
  return times.filter((time) => time > atMs - dayMs).length;
}
