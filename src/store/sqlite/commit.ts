/**
 * The one writer of a run: a turn lands whole, fenced by the lease's token, or not at all. It derives nothing; what a row
 * says was decided by whoever made the turn.
 *
 * Source: architecture "How a run flows", "State".
 */
import type { Database } from "bun:sqlite";
import { AkcError } from "../../errors.ts";
import { failpoint } from "../../system/failpoint.ts";
import { EventChain } from "../chain.ts";
import type { Lease, RunWriter, Turn } from "../contract.ts";
import { createArtifacts, forgetPending, insertPending, type PendingArtifacts } from "./artifacts.ts";
import { fenceScope, releaseScope, renewScope, takeScope } from "./deployment/scope-lease.ts";
import { writeDeployment } from "./deployment/turn.ts";
import { storeFault } from "./faults.ts";
import { takeSignal } from "./inbox.ts";
import { rowIdBase } from "./keys.ts";
import { leaseLost, releaseLease, renewLease } from "./leases.ts";
import type { RunTail } from "./takeover.ts";

export interface WriterParts {
  readonly db: Database;
  /** Opens the connection that renews the lease; called at the first renewal. */
  readonly leaseDb: () => Database;
  readonly path: string;
  readonly artifactsRoot: string;
  readonly runKey: number;
  readonly lease: Lease;
  /** Where it goes on. */
  readonly tail: RunTail;
}

export function createRunWriter(parts: WriterParts): RunWriter {
  const { db, path, runKey } = parts;
  const statements = prepareStatements(db);
  const chain = new EventChain(parts.tail.head);
  const pending: PendingArtifacts = new Map();
  const base = rowIdBase(runKey);
  let lease = parts.lease;
  /** As it was taken or renewed last; null while this writer never took it. */
  let scope: Lease | null = null;
  let { lastSeq, decisions } = parts.tail;
  let closed = false;

  const fence = (): void => {
    if (statements.fence.get(runKey)?.token !== lease.token) throw leaseLost(lease);
  };
  const insertTurn = (turn: Turn): void => {
    failpoint("commit.begun");
    fence();
    insertPending(db, parts.artifactsRoot, runKey, pending);
    let seq = lastSeq;
    for (const event of turn.events) {
      if (event.seq !== seq + 1) throw outOfOrder(event.seq, seq + 1);
      seq = event.seq;
      const digest = chain.append(seq, event.type, event.atMs, event.payload);
      statements.event.run(base + seq, event.type, event.atMs, event.payload, digest);
    }
    failpoint("commit.events_written");
    for (const action of turn.actions) {
      statements.action.run(
        runKey,
        action.actionId,
        action.nodeId,
        action.stepId,
        action.phase,
        action.attempt,
        action.seq,
        action.outputSha256 === null ? null : Buffer.from(action.outputSha256, "hex"),
      );
    }
    let number = decisions;
    for (const decision of turn.decisions) {
      number += 1;
      statements.decision.run(
        base + number,
        decision.seq,
        decision.atMs,
        decision.action,
        decision.allowed ? 1 : 0,
        decision.reason,
        decision.source,
        decision.rule,
        decision.mode,
        decision.context,
      );
    }
    for (const { id, seq: takenSeq } of turn.signals ?? []) {
      refuseFuture(takenSeq, seq);
      takeSignal(db, runKey, id, takenSeq);
    }
    if (turn.evidence !== undefined) {
      refuseFuture(turn.evidence.seq, seq);
      seal(db, runKey, turn.evidence);
    }
    if (turn.run !== undefined) updateRun(db, runKey, turn.run);
    if (turn.deployment !== undefined) {
      fenceScope(db, lease, scope);
      writeDeployment(db, turn.deployment);
    }
    failpoint("commit.before_commit");
    statements.commit.run();
    // Nothing below can fail: from here on the turn is a fact.
    lastSeq = seq;
    decisions = number;
    forgetPending(pending);
  };

  return {
    get lease() {
      return lease;
    },
    get lastSeq() {
      return lastSeq;
    },
    artifacts: createArtifacts(db, parts.artifactsRoot, pending),
    async commit(turn) {
      if (closed) throw leaseLost(lease);
      const head = chain.head;
      try {
        failpoint("commit.before_begin");
        statements.begin.run();
        insertTurn(turn);
      } catch (cause) {
        if (db.inTransaction) statements.rollback.run();
        chain.reset(head);
        throw storeFault(cause, path);
      }
      failpoint("commit.committed");
    },
    async renew(nowMs) {
      if (closed) throw leaseLost(lease);
      try {
        failpoint("lease.before_renewal");
        ({ lease, scope } = renewBoth(parts.leaseDb(), runKey, { lease, scope }, nowMs));
        failpoint("lease.renewed");
      } catch (cause) {
        throw storeFault(cause, path);
      }
    },
    async holdScope(nowMs) {
      if (closed) throw leaseLost(lease);
      try {
        scope = db
          .transaction(() => {
            fence();
            return takeScope(db, lease, scope, nowMs);
          })
          .immediate();
      } catch (cause) {
        throw storeFault(cause, path);
      }
    },
    async close() {
      if (closed) return;
      closed = true;
      forgetPending(pending);
      try {
        failpoint("lease.before_release");
        releaseBoth(db, runKey, { lease, scope });
        failpoint("lease.released");
      } catch (cause) {
        throw storeFault(cause, path);
      }
    },
  };
}

interface Held {
  readonly lease: Lease;
  readonly scope: Lease | null;
}

/** One transaction where there are two: a writer has both or loses both. @throws AkcError LEASE_LOST */
function renewBoth(db: Database, runKey: number, { lease, scope }: Held, nowMs: number): Held {
  if (scope === null) return { lease: renewLease(db, runKey, lease, nowMs), scope };
  return db
    .transaction(() => ({
      lease: renewLease(db, runKey, lease, nowMs),
      scope: renewScope(db, lease, scope, nowMs),
    }))
    .immediate();
}

function releaseBoth(db: Database, runKey: number, { lease, scope }: Held): void {
  if (scope === null) {
    releaseLease(db, runKey, lease);
    return;
  }
  db.transaction(() => {
    releaseScope(db, scope);
    releaseLease(db, runKey, lease);
  }).immediate();
}

type Values = (string | number | Uint8Array | null)[];

function prepareStatements(db: Database) {
  return {
    begin: db.query("BEGIN IMMEDIATE"),
    commit: db.query("COMMIT"),
    rollback: db.query("ROLLBACK"),
    fence: db.query<{ token: number }, [number]>("SELECT token FROM lease WHERE run_key = ?"),
    event: db.query<unknown, Values>(
      "INSERT INTO event (id, type, at_ms, payload, sha256) VALUES (?, ?, ?, ?, ?)",
    ),
    action: db.query<unknown, Values>(`
      INSERT INTO action VALUES (?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (run_key, action_id) DO UPDATE SET
        phase = excluded.phase, attempt = excluded.attempt, seq = excluded.seq, output_sha256 = excluded.output_sha256`),
    decision: db.query<unknown, Values>(`
      INSERT INTO decision (id, seq, at_ms, action, allowed, reason, source, rule, mode, context)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
  };
}

function updateRun(db: Database, runKey: number, run: NonNullable<Turn["run"]>): void {
  const set = (column: string, value: string | number | null) =>
    db.query<unknown, Values>(`UPDATE run SET ${column} = ? WHERE run_key = ?`).run(value, runKey);
  if (run.status !== undefined) set("status", run.status);
  if (run.outcome !== undefined) set("outcome", run.outcome);
  if (run.finishedAtMs !== undefined) set("finished_at_ms", run.finishedAtMs);
  if (run.lastError !== undefined) set("last_error", run.lastError);
  if (run.extra !== undefined) set("extra", run.extra);
}

/** What was said of the files before is replaced: they were. */
function seal(db: Database, runKey: number, { seq, files }: NonNullable<Turn["evidence"]>): void {
  db.query("DELETE FROM evidence_file WHERE run_key = ?").run(runKey);
  const insert = db.query<unknown, Values>(
    "INSERT INTO evidence_file (run_key, name, sha256, size_bytes) VALUES (?, ?, ?, ?)",
  );
  for (const { name, sha256, sizeBytes } of files) {
    insert.run(runKey, name, Buffer.from(sha256, "hex"), sizeBytes);
  }
  db.query("UPDATE run SET evidence_seq = ? WHERE run_key = ?").run(seq, runKey);
}

/** A turn speaks of events up to its own last one. */
function refuseFuture(seq: number, lastSeq: number): void {
  if (seq >= 0 && seq <= lastSeq) return;
  throw new AkcError("INTERNAL", {
    message: "a turn speaks of an event that does not exist",
    details: { seq, lastSeq },
  });
}

function outOfOrder(seq: number, expected: number): AkcError {
  return new AkcError("INTERNAL", {
    message: "an event is out of order",
    details: { seq, expected },
  });
}
