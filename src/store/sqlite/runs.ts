/**
 * The run rows: made once, listed, asked to stop. A run's own columns only change in a fenced turn (`commit.ts`), apart from
 * the request to stop, which anybody may leave.
 */
import type { Database } from "bun:sqlite";
import * as v from "valibot";
import { policyModes } from "../../bundle/model.ts";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import type { Lease, LeaseHolder, RunHead, RunRow } from "../contract.ts";
import { isHeld } from "./holder.ts";
import { grant, type LeaseColumns, leaseColumns, leaseHeld, leaseOf } from "./leases.ts";

// The columns are free text to SQLite, so what a newer or a foreign hand wrote is met here, once.
const RunColumns = v.object({
  run_key: v.number(),
  runtime_run_id: v.string(),
  tenant_id: v.string(),
  repo_id: v.string(),
  run_id: v.string(),
  mode: v.picklist(policyModes),
  adapter_id: v.string(),
  bundle_path: v.string(),
  bundle_sha256: v.string(),
  coordination_sha256: v.nullable(v.string()),
  trace_id: v.string(),
  status: v.string(),
  outcome: v.nullable(v.picklist(["succeeded", "failed", "blocked", "stopped", "exhausted"])),
  started_at_ms: v.number(),
  finished_at_ms: v.nullable(v.number()),
  last_error: v.nullable(v.string()),
  stop_requested_at_ms: v.nullable(v.number()),
  extra: v.string(),
  facts_sha256: v.nullable(v.string()),
  evidence_seq: v.nullable(v.number()),
  genesis: v.picklist(["identity", "zeros"]),
  last_seq: v.number(),
});

const lastSeqOfRun = `(SELECT coalesce(max(id), 0) & 4294967295 FROM event
                 WHERE id BETWEEN run.run_key << 32 AND (run.run_key << 32) + 4294967295)`;
const selectRun = `SELECT run.*, ${lastSeqOfRun} AS last_seq`;
const newestFirst = "ORDER BY started_at_ms DESC, run_key DESC";

export interface KeyedRun {
  readonly key: number;
  readonly row: RunRow;
}

/** @throws AkcError RUN_NOT_FOUND */
export function runNamed(db: Database, runtimeRunId: string): KeyedRun {
  const columns = db.query(`${selectRun} FROM run WHERE runtime_run_id = ?`).get(runtimeRunId);
  if (columns === null) throw new AkcError("RUN_NOT_FOUND", { details: { runtimeRunId } });
  return runOf(columns);
}

/** All runs of the scope, the newest first. */
export function allRuns(db: Database): readonly (RunRow & { readonly lease: Lease | null })[] {
  const rows = db.query(`${selectRun} FROM run ${newestFirst}`).all();
  const leases = new Map(
    db
      .query<LeaseColumns & { run_key: number }, []>(
        `SELECT run.run_key, run.runtime_run_id, ${leaseColumns} FROM lease JOIN run USING (run_key)`,
      )
      .all()
      .map((lease) => [lease.run_key, leaseOf(lease)]),
  );
  return rows.map((columns) => {
    const { key, row } = runOf(columns);
    return { ...row, lease: leases.get(key) ?? null };
  });
}

/** How far each run of the scope has come, the newest first. */
export function runHeads(db: Database): readonly RunHead[] {
  return db
    .query<RunHead, []>(
      `SELECT runtime_run_id AS runtimeRunId, ${lastSeqOfRun} AS lastSeq FROM run ${newestFirst}`,
    )
    .all();
}

/**
 * Makes the run and grants its lease, or says why not. Of several processes that try at once exactly one succeeds. The row
 * that is answered is the one that the database keeps.
 * @throws AkcError LEASE_HELD, RUN_EXISTS
 */
export function insertRun(
  db: Database,
  row: RunRow,
  holder: LeaseHolder,
  nowMs: number,
): KeyedRun & { readonly lease: Lease } {
  const { context } = row;
  failpoint("lease.before_grant");
  return db
    .transaction(() => {
      const existing = db
        .query<{ outcome: string | null }, [string]>("SELECT outcome FROM run WHERE runtime_run_id = ?")
        .get(context.runtimeRunId);
      if (existing !== null) throw refusal(db, context.runtimeRunId, existing.outcome, holder, nowMs);
      const key = newRunKey(db);
      db.query(insertion).run(
        key,
        context.runtimeRunId,
        context.scope.tenantId,
        context.scope.repoId,
        context.runId,
        context.mode,
        context.adapterId,
        row.bundlePath,
        row.bundleSha256,
        row.coordinationSha256,
        row.traceId,
        row.status,
        row.outcome,
        row.startedAtMs,
        row.finishedAtMs,
        row.lastError,
        row.stopRequestedAtMs,
        row.extra,
        row.factsSha256,
        row.evidenceSeq,
        row.genesis,
      );
      failpoint("lease.inside_grant");
      const lease = grant(db, key, context.runtimeRunId, holder, nowMs);
      return { ...runNamed(db, context.runtimeRunId), lease };
    })
    .immediate();
}

const insertion = `
  INSERT INTO run (
    run_key, runtime_run_id, tenant_id, repo_id, run_id, mode, adapter_id, bundle_path, bundle_sha256, coordination_sha256,
    trace_id, status, outcome, started_at_ms, finished_at_ms, last_error, stop_requested_at_ms, extra, facts_sha256,
    evidence_seq, genesis
  ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A key that no run of this database ever had. Call it inside the transaction that makes the run. */
function newRunKey(db: Database): number {
  const row = db
    .query<{ last: number }, []>("UPDATE run_key_counter SET last = last + 1 RETURNING last")
    .get();
  if (row === null) throw new AkcError("STORE_DAMAGED", { message: "the counter of runs is missing" });
  return row.last;
}

/** Leaves the request for the holder. False when the run has already ended. @throws AkcError RUN_NOT_FOUND */
export function askToStop(db: Database, runtimeRunId: string, nowMs: number): boolean {
  return db
    .transaction(() => {
      const run = db
        .query<{ outcome: string | null }, [string]>("SELECT outcome FROM run WHERE runtime_run_id = ?")
        .get(runtimeRunId);
      if (run === null) throw new AkcError("RUN_NOT_FOUND", { details: { runtimeRunId } });
      if (run.outcome !== null) return false;
      db.query(
        `UPDATE run SET stop_requested_at_ms = coalesce(stop_requested_at_ms, ?), status = 'stop_requested'
         WHERE runtime_run_id = ?`,
      ).run(nowMs, runtimeRunId);
      return true;
    })
    .immediate();
}

export function leaseNamed(db: Database, runtimeRunId: string): Lease | null {
  const columns = db
    .query<LeaseColumns, [string]>(
      `SELECT run.runtime_run_id, ${leaseColumns} FROM lease JOIN run USING (run_key) WHERE run.runtime_run_id = ?`,
    )
    .get(runtimeRunId);
  return columns === null ? null : leaseOf(columns);
}

function refusal(
  db: Database,
  runtimeRunId: string,
  outcome: string | null,
  here: LeaseHolder,
  nowMs: number,
): AkcError {
  const details = { runtimeRunId };
  if (outcome !== null) return new AkcError("RUN_EXISTS", { details: { ...details, outcome } });
  const lease = leaseNamed(db, runtimeRunId);
  if (lease !== null && isHeld(lease, here, nowMs)) return leaseHeld(lease);
  return new AkcError("RUN_EXISTS", {
    message: "the run exists and did not end cleanly",
    hint: `Its process is gone. Continue it with \`akc runtime resume ${runtimeRunId}\`.`,
    details: { ...details, ...(lease === null ? {} : { holder: lease.holder.name }) },
  });
}

function runOf(columns: unknown): KeyedRun {
  const parsed = v.safeParse(RunColumns, columns);
  if (!parsed.success) {
    throw new AkcError("STORE_DAMAGED", {
      message: "a run's row is not as this akc writes it",
      details: { why: v.summarize(parsed.issues) },
    });
  }
  const run = parsed.output;
  return {
    key: run.run_key,
    row: {
      context: {
        scope: { tenantId: run.tenant_id, repoId: run.repo_id },
        runId: run.run_id,
        runtimeRunId: run.runtime_run_id,
        mode: run.mode,
        adapterId: run.adapter_id,
      },
      bundlePath: run.bundle_path,
      bundleSha256: run.bundle_sha256,
      coordinationSha256: run.coordination_sha256,
      traceId: run.trace_id,
      status: run.status,
      outcome: run.outcome,
      startedAtMs: run.started_at_ms,
      finishedAtMs: run.finished_at_ms,
      lastError: run.last_error,
      lastSeq: run.last_seq,
      stopRequestedAtMs: run.stop_requested_at_ms,
      extra: run.extra,
      factsSha256: run.facts_sha256,
      evidenceSeq: run.evidence_seq,
      genesis: run.genesis,
    },
  };
}
