/**
 * The records of `coordination_audit.jsonl`: who did which step with what and what came of it, each bound to the one
 * before it by that line's hash. The numbering is the run's, whichever process writes it; where the lines go is not known here.
 *
 * Source: spec kernel §12.10; kernel:W-21.
 */
import { member, objectAt, textAt } from "../bundle/member.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { RunRow } from "../store/contract.ts";
import type { ProjectedEvent } from "./project.ts";

const audited: ReadonlySet<string> = new Set([
  "runtime.action.completed",
  "runtime.action.dead_lettered",
  "runtime.action.replayed",
]);

/** Keys that are in a record when the event's payload has them. */
const optionalKeys = [
  "output_sha256",
  "parent_event_id",
  "orchestration_spec_sha256",
  "coordination_spec_version",
  "otel_trace",
  "coordination_edge_kind",
  "handoff_id",
  "delegate_kind",
  "lowered_precedence_hash",
] as const;

export class AuditTrail {
  readonly #run: RunRow;
  readonly #written: (record: JsonObject) => Uint8Array;
  #sequence = 0;
  #previous = "0".repeat(64);

  /** @param written writes a record and answers its line, COMPACT and without the line feed, which the next record is bound to. */
  constructor(run: RunRow, written: (record: JsonObject) => Uint8Array) {
    this.#run = run;
    this.#written = written;
  }

  /** Writes the record of an event and answers it, or undefined for an event that is not audited. Call it with every event, in order. */
  record(event: ProjectedEvent): JsonObject | undefined {
    const { action, payload } = event;
    if (!audited.has(event.type) || action?.step === undefined) return undefined;
    const { step } = action;
    if (step.roleId === "" || step.specSha256.length !== 64) return undefined;
    const { scope, runId, runtimeRunId } = this.#run.context;
    const record: Record<string, JsonValue> = {
      record_version: 1,
      timestamp_ms: event.atMs,
      event_id: event.eventId,
      event_type: event.type,
      compile_run_id: runId,
      runtime_run_id: runtimeRunId,
      tenant_id: scope.tenantId,
      repo_id: scope.repoId,
      coordination_spec_sha256: step.specSha256,
      role_id: step.roleId,
      graph_step_id: step.stepId,
      action_id: action.actionId,
      idempotency_key: action.idempotencyKey,
      policy_envelope_sha256: textAt(payload, "policy_envelope_sha256") ?? "",
      input_sha256: action.inputsFingerprint,
      bundle_manifest_hash: this.#run.bundleSha256,
      sequence: this.#sequence,
      prev_sha256: this.#previous,
    };
    for (const key of optionalKeys) {
      const value = member(payload, key);
      if (value !== undefined) record[key] = value;
    }
    const worker = workerOutput(event.result);
    if (worker !== undefined) record["worker_output_sha256"] = worker;
    this.#sequence += 1;
    this.#previous = sha256Hex(this.#written(record));
    return record;
  }
}

/** Of what the step put out, which is the same for the same work; `output_sha256` covers the duration as well. */
function workerOutput(result: JsonObject | undefined): string | undefined {
  if (result === undefined) return undefined;
  return (
    textAt(objectAt(result, "outputs"), "agent_worker_output_sha256") ??
    textAt(objectAt(result, "output_ref"), "sha256")
  );
}
