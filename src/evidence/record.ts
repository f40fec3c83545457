/**
 * `runtime_run.json`: one run on one page, for people and for tools that know the old runtime; and the small files beside
 * it. Pure. Paths are told, never read back: akc finds everything from the scope's folder.
 *
 * Source: spec cli §4.4, §4.5; cli:W-39.
 */
import { objectAt, textAt } from "../bundle/member.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { RunRow } from "../store/contract.ts";
import { AKC_VERSION } from "../version.ts";
import type { DecisionJson } from "./decisions.ts";
import type { BundleFacts } from "./facts.ts";
import type { Health } from "./health.ts";
import type { EvidencePaths } from "./layout.ts";
import type { RunProgress } from "./progress.ts";
import type { ReconcileRecord } from "./reconcile-rows.ts";
import type { Attested } from "./validity-rows.ts";

export interface RecordInput {
  /** With its final status. */
  readonly run: RunRow;
  readonly facts: BundleFacts;
  readonly paths: EvidencePaths;
  readonly outputsRoot: string;
  readonly progress: RunProgress;
  readonly decisions: RecordedDecisions;
  readonly health: Health;
  readonly reconcile: ReconcileRecord;
  readonly attested: Attested | undefined;
  readonly unmetExpectations: readonly string[];
  /** Digest of the last event, 64 zeros before the first: pins the whole history. */
  readonly chainSha256: string;
  /** Fingerprint of `developer_profile_decisions.json`. */
  readonly profileSha256: string;
}

const defaultExecutionPolicy: JsonObject = {
  parallel_dispatch_enabled: false,
  max_in_flight_steps: 1,
  max_in_flight_per_role: 1,
  completion_fold_order: "coordination_step_id",
};

/** The status word and the error that the record shows: evidence that is missing fails a run that went well. */
export function finalStatus(
  run: RunRow,
  unmetExpectations: readonly string[],
): Pick<RunRow, "status" | "outcome" | "lastError"> {
  const { status, outcome, lastError } = run;
  if (unmetExpectations.length === 0 || outcome === null) return { status, outcome, lastError };
  return {
    status: "failed",
    outcome: outcome === "succeeded" ? "failed" : outcome,
    lastError: lastError ?? `runtime evidence expectations not met: ${unmetExpectations.join(", ")}`,
  };
}

export function runRecord(input: RecordInput): JsonObject {
  const { run, facts, paths, progress, decisions, unmetExpectations, reconcile } = input;
  const { scope, runId, runtimeRunId, adapterId, mode } = run.context;
  // They have a file of their own, which the record refers to.
  const { developer_profile_decisions: _, ...extra } = extraOf(run);
  return {
    developer_role_profile: "classic",
    coordination_execution_policy: facts.executionPolicy ?? defaultExecutionPolicy,
    delivery_lifecycle_projection: { timestamps: {}, manual_touch_count: 0 },
    reconcile_resync_wait_ms_scheduled: 0,
    ...extra,
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    run_id: runId,
    runtime_run_id: runtimeRunId,
    adapter_id: adapterId,
    outputs_root: input.outputsRoot,
    bundle_path: run.bundlePath,
    scope_dir: paths.folder,
    checkpoint_path: paths.checkpoint,
    events_path: paths.events,
    queue_snapshot_path: paths.queueSnapshot,
    runtime_evidence_path: paths.evidence,
    coordination_audit_path: paths.audit,
    policy_decisions_path: paths.decisions,
    control_path: paths.control,
    mode,
    status: run.status,
    started_at_ms: run.startedAtMs,
    finished_at_ms: run.finishedAtMs,
    policy_decisions: decisions.rows,
    last_error: run.lastError,
    event_count: progress.eventCount,
    last_checkpoint_id: progress.checkpointId,
    ...reconcileMembers(reconcile),
    ...validityMembers(input),
    terminal_health_status: run.outcome === null ? null : input.health,
    ...(unmetExpectations.length === 0 ? {} : { evidence_expectation_violations: unmetExpectations }),
    developer_profile_decisions_ref: { path: paths.profileDecisions, sha256: input.profileSha256 },
    // Additions.
    akc_version: AKC_VERSION,
    outcome: run.outcome,
    trace_id: run.traceId,
    manifest_hash: run.bundleSha256,
    events_chain_sha256: input.chainSha256,
    action_counts: progress.phases,
    policy_decision_count: decisions.count,
    ...(run.stopRequestedAtMs === null ? {} : { stop_requested_at_ms: run.stopRequestedAtMs }),
  };
}

/** Source: spec reconcile §3.3. */
function reconcileMembers({ allConverged, waitMs, afterwards }: ReconcileRecord): JsonObject {
  return {
    reconcile_all_converged: allConverged,
    ...(waitMs === undefined ? {} : { reconcile_resync_wait_ms_scheduled: waitMs }),
    ...(afterwards === undefined
      ? {}
      : { last_reconcile_mode: afterwards.mode, last_reconcile_at_ms: afterwards.atMs }),
  };
}

/** Source: spec reconcile §8. */
function validityMembers({ attested, paths }: RecordInput): JsonObject {
  if (attested === undefined) return {};
  return {
    operational_validity_passed: attested.passed,
    operational_validity_fingerprint_sha256: attested.fingerprintSha256,
    operational_validity_verdict: attested.verdict,
    operational_validity_report_path: paths.validityReport,
  };
}

/** Where each start option came from; what the starter did not say is told as given on the command line. */
export function profileDecisions(run: RunRow, outputsRoot: string): JsonObject {
  const extra = extraOf(run);
  const told = objectAt(objectAt(extra, "developer_profile_decisions"), "resolved");
  const decisions: JsonObject = {
    developer_role_profile: textAt(extra, "developer_role_profile") ?? "classic",
    resolved: {
      mode: { value: run.context.mode, source: "cli" },
      bundle: { value: run.bundlePath, source: "cli" },
      outputs_root: { value: outputsRoot, source: "cli" },
      ...told,
    },
  };
  return { ...decisions, fingerprint_sha256: fingerprint(decisions) };
}

/** Source: spec cli §5.2. */
export function controlJson(run: RunRow, progress: RunProgress): JsonObject | undefined {
  const requestedAtMs = run.stopRequestedAtMs ?? progress.stopAtMs;
  if (requestedAtMs === undefined) return undefined;
  return {
    stop_requested: true,
    requested_at_ms: requestedAtMs,
    runtime_run_id: run.context.runtimeRunId,
  };
}

/**
 * The decisions that stand in the record itself: all of a small run; of a large one only the denials, since a record must
 * stay something to look at (kernel §18, Scale). `policy_decisions.json` has them all.
 */
export class RecordedDecisions {
  count = 0;
  readonly #all: DecisionJson[] = [];
  readonly #denied: DecisionJson[] = [];

  add(decision: DecisionJson): void {
    this.count += 1;
    if (this.count <= limits.recordDecisionsMax) this.#all.push(decision);
    if (decision.allowed) return;
    this.#denied.push(decision);
    // The last ones say why the run ended.
    if (this.#denied.length > limits.recordDecisionsMax) this.#denied.shift();
  }

  get rows(): readonly DecisionJson[] {
    return this.count <= limits.recordDecisionsMax ? this.#all : this.#denied;
  }
}

function extraOf(run: RunRow): JsonObject {
  const extra: JsonValue = parseJson(run.extra);
  return isJsonObject(extra) ? extra : {};
}
