/**
 * Spans of what a controller does: an attempt as a pipeline run with its tasks, a recompile, and visits in which something was done.
 * Pure but for ids of visits, which belong to nothing. Ids of attempts follow from the attempt's own, so two tellings are one trace.
 *
 * Source: OpenTelemetry semantic conventions for CI/CD (status: development) beside akc's own names; cli:W-37.
 */
import type { Telling } from "../../autopilot/contract.ts";
import type { AttemptKind, AttemptVerdict, ScopeId } from "../../autopilot/model.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { AttemptNews } from "./attempts.ts";

export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export interface OtelSpan {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  readonly name: string;
  readonly kind: "internal" | "server";
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly status: { readonly code: "ok" | "error" | "unset"; readonly message?: string | undefined };
}

/** As the conventions name how a pipeline run ended. */
export type PipelineResult = "success" | "failure" | "error" | "cancellation";

export function resultOf(verdict: AttemptVerdict): PipelineResult {
  switch (verdict) {
    case "kept":
      return "success";
    case "failed":
    case "rolled_back":
      return "failure";
    case "rollback_failed":
    case "not_started":
      return "error";
    case "stopped":
      return "cancellation";
  }
}

export function pipelineName(kind: AttemptKind | "recompile" | undefined): string {
  return `akc ${kind ?? "attempt"}`;
}

/** What kind of error ended it; undefined where none did. Few different ones. */
export function errorTypeOf(news: Extract<AttemptNews, { readonly news: "ended" }>): string | undefined {
  return news.verdict === "kept" ? undefined : (news.run?.errorCode ?? news.verdict);
}

/** The run of the pipeline, and its tasks below it. */
export function attemptSpans(news: Extract<AttemptNews, { readonly news: "ended" }>): readonly OtelSpan[] {
  const { attemptId, attempt, scope, verdict, run, atMs, message } = news;
  const traceId = traceIdOf(attemptId);
  const startMs = attempt?.startedAtMs ?? run?.startedAtMs ?? atMs;
  const pipeline = pipelineName(attempt?.kind);
  const action = attempt?.kind === "repair" ? "SYNC" : "RUN";
  const root: OtelSpan = {
    traceId,
    spanId: spanIdOf(attemptId, "attempt"),
    name: `${action} ${pipeline}`,
    kind: "server",
    startMs,
    endMs: Math.max(startMs, atMs),
    attributes: {
      ...scopeAttributes(scope),
      "cicd.pipeline.name": pipeline,
      "cicd.pipeline.action.name": action,
      "cicd.pipeline.run.id": attempt?.runtimeRunId ?? attemptId,
      "cicd.pipeline.result": resultOf(verdict),
      "error.type": errorTypeOf(news),
      "akc.autopilot.attempt_id": attemptId,
      "akc.autopilot.kind": attempt?.kind,
      "akc.autopilot.verdict": verdict,
      "akc.runtime_run_id": attempt?.runtimeRunId,
      "akc.bundle_sha256": attempt?.bundleSha256,
      "akc.autopilot.rollbacks": run?.rollbacks,
    },
    status: verdict === "kept" ? { code: "ok" } : { code: "error", message: message ?? verdict },
  };
  const task = (name: string, type: string, fromMs: number, toMs: number, well: boolean): OtelSpan => ({
    traceId,
    spanId: spanIdOf(attemptId, name),
    parentSpanId: root.spanId,
    name: `akc.autopilot.${name}`,
    kind: "internal",
    startMs: fromMs,
    endMs: Math.max(fromMs, toMs),
    attributes: {
      ...scopeAttributes(scope),
      "cicd.pipeline.task.name": name,
      "cicd.pipeline.task.type": type,
      "cicd.pipeline.task.run.id": `${attemptId}/${name}`,
      "cicd.pipeline.task.run.result": well ? "success" : "failure",
    },
    status: { code: well ? "ok" : "error" },
  });
  const deployed = attempt?.deployed;
  return [
    root,
    ...(run === undefined
      ? []
      : [task("deploy", "deploy", run.startedAtMs, run.finishedAtMs, deployed !== undefined || run.healthy)]),
    ...(deployed === undefined ? [] : [task("bake", "test", deployed.atMs, atMs, verdict === "kept")]),
  ];
}

/** Undefined for every other telling. */
export function recompileSpan(told: Telling): OtelSpan | undefined {
  if (told.kind !== "entry" || told.entry.fact.type !== "recompile_ended") return undefined;
  const { scope, entry } = told;
  const { attemptId, result, durationMs, errorCode, message } = told.entry.fact;
  const failed = result === "failed" || result === "cut_off";
  return {
    traceId: traceIdOf(attemptId),
    spanId: spanIdOf(attemptId, "recompile"),
    name: `BUILD ${pipelineName("recompile")}`,
    kind: "server",
    startMs: entry.atMs - Math.max(0, durationMs),
    endMs: entry.atMs,
    attributes: {
      ...scopeAttributes(scope),
      "cicd.pipeline.name": pipelineName("recompile"),
      "cicd.pipeline.action.name": "BUILD",
      "cicd.pipeline.run.id": attemptId,
      "cicd.pipeline.result": recompileResult(result),
      "error.type": failed ? (errorCode ?? result) : undefined,
      "akc.autopilot.recompile_result": result,
    },
    status: failed ? { code: "error", message: message ?? result } : { code: "ok" },
  };
}

/** What did nothing is no span: there would be one for each scope and interval. */
export function visitSpan(told: Telling, traceId: () => string): OtelSpan | undefined {
  if (told.kind !== "visited" || idle.has(told.next)) return undefined;
  const id = traceId();
  return {
    traceId: id,
    spanId: spanIdOf(id, "visit"),
    name: "akc.autopilot.visit",
    kind: "internal",
    startMs: told.atMs - told.durationMs,
    endMs: told.atMs,
    attributes: { ...scopeAttributes(told.scope), "akc.autopilot.next": told.next },
    status: { code: "unset" },
  };
}

const idle: ReadonlySet<string> = new Set(["nothing", "hold", "wait"]);

function recompileResult(result: string): PipelineResult | "skip" {
  if (result === "failed") return "failure";
  if (result === "cut_off") return "cancellation";
  return result === "offered" ? "success" : "skip";
}

function scopeAttributes({ tenantId, repoId }: ScopeId): Attributes {
  return { "akc.tenant_id": tenantId, "akc.repo_id": repoId };
}

/** A UUID without its dashes is a trace id. */
export function traceIdOf(id: string): string {
  const hex = id.replaceAll("-", "").toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) && !/^0+$/.test(hex) ? hex : sha256Hex(id).slice(0, 32);
}

export function spanIdOf(id: string, name: string): string {
  return sha256Hex(`${id}/${name}`).slice(0, 16);
}
