/**
 * What the entries of a scope decide, as the documented decision and escalation artifacts. Pure: the same entries, states and
 * configuration always give the same files, so what a crash or a full disk kept from being written is written later as it was.
 *
 * Source: spec cli §14.12; cli:W-18b, W-29.
 */
import { doubleValue } from "../../json/number.ts";
import type { JsonObject } from "../../json/value.ts";
import { budgetState } from "../budget.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { GateAnswer } from "../gates/model.ts";
import type { Entry, Fact, ScopeState } from "../model.ts";
import type { CompileApply } from "../offer/model.ts";
import { notStartedReason, rollbacksOf, terminalStatus } from "../score/history-row.ts";
import { refusalOf, sloStatusOf } from "../score/refusal.ts";

/** An entry, with the state before and after it. */
export interface Step {
  readonly entry: Entry;
  readonly before: ScopeState;
  readonly after: ScopeState;
  /** Of an attempt that ends here: how it began. */
  readonly started?: Extract<Fact, { type: "attempt_started" }> | undefined;
}

/** `autopilot_decision` v1; undefined where the entry decides nothing. */
export function decisionOf(
  step: Step,
  config: ScopeConfig,
): { readonly attemptId: string; readonly artifact: JsonObject } | undefined {
  const said = saidBy(step, config.recompile?.options ?? {});
  if (said === undefined) return undefined;
  return {
    attemptId: said.attemptId,
    artifact: decisionArtifact(step, config, said.attemptId, said.decision, said.more),
  };
}

/** With the keys that every decision has. */
export function decisionArtifact(
  { entry, after }: Pick<Step, "entry" | "after">,
  config: ScopeConfig,
  attemptId: string,
  decision: string,
  more: JsonObject,
): JsonObject {
  return {
    ...more,
    tenant_id: config.scope.tenantId,
    repo_id: config.scope.repoId,
    controller_id: controllerIdOf(entry.writer),
    holder: entry.writer,
    env_profile: config.environment,
    decision_at_ms: entry.atMs,
    attempt_id: attemptId,
    decision,
    budget_state: budgetState(after, entry.atMs, config.budgets),
    entry_seq: entry.seq,
    schema_version: 1,
    schema_id: "akc:autopilot_decision:v1",
  };
}

/** `autopilot_human_escalation` v1; undefined for every other entry. */
export function escalationOf(
  { entry, after }: Step,
  config: ScopeConfig,
): { readonly reason: string; readonly artifact: JsonObject } | undefined {
  if (entry.fact.type !== "escalated") return undefined;
  const { reason, message } = entry.fact;
  // One documented word for what budgets ask for; the old runtime wrote no file for anything else.
  const word = reason === "consecutive_failures" || reason === "rollbacks_per_day" ? documented : reason;
  return {
    reason: word,
    artifact: {
      tenant_id: config.scope.tenantId,
      repo_id: config.scope.repoId,
      generated_at_ms: entry.atMs,
      reason: word,
      escalation_reason: reason,
      message,
      budget_state: budgetState(after, entry.atMs, config.budgets),
      entry_seq: entry.seq,
      schema_version: 1,
      schema_id: "akc:autopilot_human_escalation:v1",
    },
  };
}

const documented = "autonomy_budget_escalation";

/** A holder is `<controller_id>@<host>:<pid>:<nonce>`. */
export function controllerIdOf(holder: string): string {
  const at = holder.lastIndexOf("@");
  return at < 0 ? holder : holder.slice(0, at);
}

/** An id of its own for what has no attempt: a UUID of version 8 of the entry's digest, the same whenever it is asked. */
export function idOfEntry({ sha256 }: Entry, salt = ""): string {
  const hex = salt === "" ? sha256 : new Bun.CryptoHasher("sha256").update(`${sha256}${salt}`).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

interface Said {
  readonly attemptId: string;
  readonly decision: string;
  readonly more: JsonObject;
}

function saidBy(step: Step, options: JsonObject): Said | undefined {
  const { fact } = step.entry;
  switch (fact.type) {
    case "recompile_ended":
      return saidByRecompile(step, fact, options);
    case "held":
      return saidByGates(fact);
    case "proposed":
      return {
        attemptId: fact.attemptId,
        decision: "rollout_proposed",
        more: {
          attempt_kind: fact.kind,
          bundle_sha256: fact.bundleSha256,
          plan_path: fact.planPath ?? null,
          summary: fact.summary,
        },
      };
    case "attempt_ended":
      return saidByAttempt(step, fact);
    case "escalated":
      return {
        attemptId: idOfEntry(step.entry),
        decision: "escalation_hold",
        more: {
          note: `${fact.message}; held until a person says \`akc autopilot ack\``,
          reason: fact.reason,
        },
      };
    default:
      return undefined;
  }
}

function saidByRecompile(
  { before }: Step,
  fact: Extract<Fact, { type: "recompile_ended" }>,
  options: JsonObject,
): Said | undefined {
  // A new bundle is decided about at its gates; what was cut off is not decided at all.
  if (fact.result === "offered" || fact.result === "cut_off") return undefined;
  const about = before.recompiling?.attemptId === fact.attemptId ? before.recompiling.triggerIds : [];
  const triggers = before.openTriggers.filter(({ id }) => about.includes(id));
  return {
    attemptId: fact.attemptId,
    decision: fact.result === "failed" ? "compile_failed" : "no_new_manifest",
    more: {
      compile_inputs: {
        runtime_event_count: triggers.filter(({ kind }) => kind === "runtime_event").length,
        // What the hook was told; what was not said is the hook's own.
        policy_mode: options["policy_mode"] ?? "enforce",
        canary_mode: options["canary_mode"] ?? null,
        accept_mode: options["accept_mode"] ?? null,
        trigger_count: about.length,
      },
      result: fact.result,
      duration_ms: fact.durationMs,
      error_code: fact.errorCode ?? null,
      message: fact.message ?? null,
    },
  };
}

function saidByGates(fact: Extract<Fact, { type: "held" }>): Said | undefined {
  const refusal = refusalOf(fact.answers);
  if (refusal === undefined) return undefined;
  const { answer, word } = refusal;
  const details = answer.details ?? {};
  return {
    attemptId: fact.attemptId,
    decision: word,
    more: {
      reason: answer.reason,
      message: answer.message,
      ...(word === "slo_gate_prevented"
        ? {
            gate_status: sloStatusOf(answer),
            gate_config: details["gate_config"] ?? {},
            scoreboard_kpi: details["scoreboard_kpi"] ?? {},
          }
        : { compile_apply: applyJson(fact.compileApply) }),
      attempt_kind: fact.kind,
      bundle_sha256: fact.bundleSha256,
      gates: fact.answers.map(gateJson),
    },
  };
}

function saidByAttempt({ before, started }: Step, fact: Extract<Fact, { type: "attempt_ended" }>): Said {
  const open = before.attempt?.attemptId === fact.attemptId ? before.attempt : started?.attempt;
  const { run, verdict } = fact;
  const kind = open?.kind ?? "rollout";
  const rollbacks = rollbacksOf(fact);
  const about: JsonObject = {
    attempt_kind: kind,
    verdict,
    bundle_sha256: open?.bundleSha256 ?? null,
    runtime_run_id: open?.runtimeRunId ?? null,
    compile_apply: applyJson(started?.compileApply),
    gates: (started?.answers ?? []).map(gateJson),
    error_code: run?.errorCode ?? null,
    message: fact.message ?? run?.message ?? null,
  };
  if (kind === "rollout" && verdict === "not_started") {
    return {
      attemptId: fact.attemptId,
      decision: "promotion_prevented",
      more: { ...about, reason: notStartedReason(run) },
    };
  }
  return {
    attemptId: fact.attemptId,
    decision: kind === "rollout" ? "runtime_rollout" : "runtime_repair",
    more: {
      ...about,
      runtime_outcome: {
        terminal_status: terminalStatus(verdict, run),
        ...rollbacks,
        convergence_latency_ms_avg:
          typeof run?.convergenceMs === "number" ? doubleValue(run.convergenceMs) : null,
        converged: run?.converged ?? null,
        validity: run?.validity ?? null,
        exit_code: run?.exitCode ?? null,
      },
    },
  };
}

function applyJson(apply: CompileApply | undefined): JsonObject {
  return {
    compile_realization_mode: apply?.realizationMode ?? null,
    compile_apply_applied: apply?.applied ?? null,
    compile_apply_policy_allowed: apply?.policyAllowed ?? null,
    compile_apply_denial_reason: apply?.denialReason ?? null,
  };
}

function gateJson({ gate, verdict, reason, message, opens, opensAtMs }: GateAnswer): JsonObject {
  return {
    gate,
    verdict,
    reason,
    message,
    ...(opens === undefined ? {} : { opens }),
    ...(opensAtMs === undefined ? {} : { opens_at_ms: opensAtMs }),
  };
}
