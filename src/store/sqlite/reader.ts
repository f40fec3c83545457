/**
 * Reads one run over a read-only connection of its own: what was committed, in pages, never waiting for the writer.
 */
import type { Database } from "bun:sqlite";
import * as v from "valibot";
import { AkcError } from "../../errors.ts";
import { genesisOf } from "../chain.ts";
import {
  type ActionRow,
  actionPhases,
  type DecisionRow,
  type EvidenceFile,
  type RunReader,
  type StoredEvent,
} from "../contract.ts";
import { createArtifactReader } from "./artifacts.ts";
import { closeConnection } from "./connection.ts";
import { storeFault } from "./faults.ts";
import { allSignals } from "./inbox.ts";
import { rowIdBase, rowIdEnd } from "./keys.ts";
import { leaseNamed, runNamed } from "./runs.ts";

interface EventColumns {
  readonly id: number;
  readonly type: string;
  readonly at_ms: number;
  readonly payload: string;
  /** As text: an array of bytes a row costs more than the row. */
  readonly sha256: string;
}

interface ActionColumns {
  readonly action_id: string;
  readonly node_id: string;
  readonly step_id: string | null;
  readonly phase: string;
  readonly attempt: number;
  readonly seq: number;
  readonly output_sha256: string | null;
}

interface DecisionColumns {
  readonly id: number;
  readonly seq: number;
  readonly at_ms: number;
  readonly action: string;
  readonly allowed: number;
  readonly reason: string;
  readonly source: string;
  readonly rule: string;
  readonly mode: string;
  readonly context: string;
}

interface EvidenceFileColumns {
  readonly name: string;
  readonly sha256: Uint8Array;
  readonly size_bytes: number;
}

const Phase = v.picklist(actionPhases);

/** @throws AkcError RUN_NOT_FOUND */
export function createRunReader(
  db: Database,
  path: string,
  artifactsRoot: string,
  runtimeRunId: string,
): RunReader {
  const { key, row: run } = runNamed(db, runtimeRunId);
  const genesis = hexOf(genesisOf(run));
  const base = rowIdBase(key);
  const end = rowIdEnd(key);
  const events = db.query<EventColumns, [number, number, number]>(
    "SELECT id, type, at_ms, payload, lower(hex(sha256)) AS sha256 FROM event WHERE id > ? AND id <= ? ORDER BY id LIMIT ?",
  );
  const eventAt = db.query<EventColumns, [number]>(
    "SELECT id, type, at_ms, payload, lower(hex(sha256)) AS sha256 FROM event WHERE id = ?",
  );
  const payloadAt = db.query<{ payload: string }, [number]>("SELECT payload FROM event WHERE id = ?");
  const digestAt = db.query<{ sha256: string }, [number]>(
    "SELECT lower(hex(sha256)) AS sha256 FROM event WHERE id = ?",
  );
  const actionsAfter = db.query<ActionColumns, [number, string, number]>(`
    SELECT action_id, node_id, step_id, phase, attempt, seq, nullif(lower(hex(output_sha256)), '') AS output_sha256 FROM action
    WHERE run_key = ? AND action_id > ? ORDER BY action_id LIMIT ?`);
  const decisions = db.query<DecisionColumns, [number, number, number]>(`
    SELECT id, seq, at_ms, action, allowed, reason, source, rule, mode, context FROM decision
    WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`);

  const evidenceFiles = db.query<EvidenceFileColumns, [number]>(
    "SELECT name, sha256, size_bytes FROM evidence_file WHERE run_key = ? ORDER BY name",
  );

  const eventOf = (row: EventColumns, prevSha256: string): StoredEvent => ({
    seq: row.id - base,
    type: row.type,
    atMs: row.at_ms,
    payload: row.payload,
    prevSha256,
    sha256: row.sha256,
  });
  const digestHexAt = (seq: number): string => {
    const row = seq < 1 ? null : digestAt.get(base + seq);
    return row === null ? genesis : row.sha256;
  };
  const page = (afterSeq: number, limit: number): readonly StoredEvent[] => {
    const rows = events.all(base + afterSeq, end, limit);
    let prevSha256 = rows.length === 0 ? genesis : digestHexAt(afterSeq);
    return rows.map((row) => {
      const event = eventOf(row, prevSha256);
      prevSha256 = event.sha256;
      return event;
    });
  };
  const read = async <T>(work: () => T): Promise<T> => {
    try {
      return work();
    } catch (cause) {
      throw storeFault(cause, path);
    }
  };

  const artifacts = createArtifactReader(db, artifactsRoot);
  /** Not damage when somebody removed the run meanwhile. @throws AkcError RUN_NOT_FOUND, or what it is given */
  const orRunIsGone = (cause: unknown): never => {
    runNamed(db, runtimeRunId);
    throw cause;
  };

  return {
    run: () => read(() => runNamed(db, runtimeRunId).row),
    events: (afterSeq, limit) => read(() => page(afterSeq, limit)),
    eventAt: (seq) =>
      read(() => {
        const row = seq >= 1 ? eventAt.get(base + seq) : null;
        return row === null ? null : eventOf(row, digestHexAt(seq - 1));
      }),
    payloadAt: (seq) => read(() => (seq >= 1 ? (payloadAt.get(base + seq)?.payload ?? null) : null)),
    actions: () => read(() => actionsAfter.all(key, "", -1).map(actionOf)),
    actionsAfter: (afterActionId, limit) =>
      read(() => actionsAfter.all(key, afterActionId, limit).map(actionOf)),
    decisions: (afterRow, limit) =>
      read(() =>
        decisions.all(base + afterRow, end, limit).map((row) => ({ ...decisionOf(row), row: row.id - base })),
      ),
    lease: () => read(() => leaseNamed(db, runtimeRunId)),
    signals: () => read(() => allSignals(db, key)),
    evidenceFiles: () => read(() => evidenceFiles.all(key).map(evidenceFileOf)),
    artifacts: {
      read: (sha256) => artifacts.read(sha256).catch(orRunIsGone),
      sizeOf: (sha256) => artifacts.sizeOf(sha256).catch(orRunIsGone),
    },
    close: async () => closeConnection(db),
  };
}

function actionOf(row: ActionColumns): ActionRow {
  if (!v.is(Phase, row.phase)) {
    throw new AkcError("STORE_DAMAGED", {
      message: "an action stands in a phase that does not exist",
      details: { actionId: row.action_id, phase: row.phase },
    });
  }
  return {
    actionId: row.action_id,
    nodeId: row.node_id,
    stepId: row.step_id,
    phase: row.phase,
    attempt: row.attempt,
    seq: row.seq,
    outputSha256: row.output_sha256,
  };
}

function decisionOf(row: DecisionColumns): DecisionRow {
  return {
    seq: row.seq,
    atMs: row.at_ms,
    action: row.action,
    allowed: row.allowed === 1,
    reason: row.reason,
    source: row.source,
    rule: row.rule,
    mode: row.mode,
    context: row.context,
  };
}

function evidenceFileOf({ name, sha256, size_bytes }: EvidenceFileColumns): EvidenceFile {
  return { name, sha256: hexOf(sha256), sizeBytes: size_bytes };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
