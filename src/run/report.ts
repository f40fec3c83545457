/**
 * What a run tells whoever started it: its plan before, its events meanwhile, its end. Data and the making of it.
 */
import { join } from "node:path";
import type { RunContext } from "../adapters/contract.ts";
import type { PolicyMode, Scope } from "../bundle/model.ts";
import type { ErrorCode } from "../errors.ts";
import type { Counts } from "../kernel/model.ts";
import { exitCodeOf } from "../kernel/outcome.ts";
import type { Progress } from "../kernel/recorder.ts";
import { retryPolicyOf } from "../kernel/retry.ts";
import { eventTypes } from "../kernel/wire.ts";
import type { Outcome } from "../store/contract.ts";
import type { HeldReport } from "./hold.ts";
import type { ReadyRun, Unasked } from "./ready.ts";
import type { Settled } from "./settle.ts";

export interface AnnouncedPlan {
  readonly runtimeRunId: string;
  readonly scope: Scope;
  readonly mode: PolicyMode;
  readonly adapterId: string;
  readonly steps: readonly {
    readonly id: string;
    readonly label: string;
    readonly waitsFor: readonly string[];
    /** Tries in all that it gets at most. */
    readonly triesMax: number;
  }[];
  /** Steps known now; events may trigger more actions. */
  readonly total: number;
  readonly unasked?: Unasked;
}

/** An event as a watcher sees it: the keys that are worth a line. */
export interface SeenEvent {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface RunReport extends Pick<Settled, "validity" | "unjudged"> {
  readonly runtimeRunId: string;
  readonly scope: Scope;
  readonly runId: string;
  readonly mode: PolicyMode;
  readonly adapterId: string;
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly status: string;
  readonly counts: Counts;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  readonly scopeDir: string;
  readonly eventsPath: string;
  readonly lastError?: string;
  readonly lastErrorCode?: ErrorCode;
  /** Whether all that should stand does; absent where nothing should. */
  readonly converged?: boolean;
}

export function announced({
  plan: { steps, nodes, retry },
  context,
  unasked,
}: Pick<ReadyRun, "plan" | "context" | "unasked">): AnnouncedPlan {
  const { runtimeRunId, scope, mode, adapterId } = context;
  return {
    runtimeRunId,
    scope,
    mode,
    adapterId,
    steps: steps.map(({ stepId, nodeId, predecessors }) => {
      const node = nodes.get(nodeId);
      const { attemptsMax } = node === undefined ? retry : retryPolicyOf(node, retry);
      return { id: stepId, label: stepId, waitsFor: predecessors, triesMax: attemptsMax };
    }),
    total: steps.length,
    ...(unasked === undefined ? {} : { unasked }),
  };
}

export function seen(progress: Progress): SeenEvent {
  const { seq, type, atMs, item, error, durationMs, delayMs, by, payload } = progress;
  if (payload !== undefined) return { seq, type, atMs, payload };
  const keys = {
    action_id: item?.actionId,
    node_id: item?.node.nodeId,
    graph_step_id: item?.step?.stepId,
    attempt: item?.attempt,
    denied: item?.phase === "denied" ? true : undefined,
    ...(type === eventTypes.waitStarted ? { signal: item?.signal, due_at_ms: item?.dueAtMs } : {}),
    error,
    duration_ms: durationMs,
    delay_ms: delayMs,
    by,
  };
  return { seq, type, atMs, payload: keys };
}

export interface ReportInput {
  readonly context: RunContext;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  readonly scopeDir: string;
  /** Whether the bundle wants a divergence to show in the exit code. */
  readonly divergenceCounts: boolean;
  readonly startedAtMs: number;
  /** Whether the bundle wants anything to stand. */
  readonly deploys?: boolean;
}

export function reportOf(input: ReportInput, report: HeldReport): RunReport {
  const { context, divergenceCounts, deploys = false, ...facts } = input;
  const { outcome, status, counts, finishedAtMs, lastError, lastErrorCode, converged } = report;
  const { validity, unjudged } = report;
  const diverged = divergenceCounts && outcome === "succeeded" && !converged;
  return {
    runtimeRunId: context.runtimeRunId,
    scope: context.scope,
    runId: context.runId,
    mode: context.mode,
    adapterId: context.adapterId,
    outcome,
    exitCode: diverged ? 3 : undecided(report) ? 4 : exitCodeOf(outcome, counts),
    status,
    counts,
    ...facts,
    finishedAtMs,
    eventsPath: join(input.scopeDir, "events.json"),
    ...(lastError === undefined ? {} : { lastError }),
    ...(lastErrorCode === undefined ? {} : { lastErrorCode }),
    ...(deploys ? { converged } : {}),
    ...(validity === undefined ? {} : { validity }),
    ...(unjudged === undefined ? {} : { unjudged }),
  };
}

/** It went well, as far as anybody can tell: the facts to judge it by are missing. */
function undecided({ outcome, validity, unjudged }: HeldReport): boolean {
  return outcome === "succeeded" && (unjudged === true || validity?.verdict === "inconclusive");
}
