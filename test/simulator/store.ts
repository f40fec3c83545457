/**
 * A store in memory that keeps the contract to the letter: tokens, the chain, what is durable and what is not. Everything
 * it is told is checked before it is kept; it never forgets and never changes what it kept.
 */
import type { ArtifactStore, RunContext } from "../../src/adapters/contract.ts";
import { AkcError } from "../../src/errors.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { limits } from "../../src/limits.ts";
import { EventChain, genesisOf } from "../../src/store/chain.ts";
import type {
  ActionRow,
  DecisionRow,
  EvidenceFile,
  Lease,
  LeaseHolder,
  RunReader,
  RunRow,
  RunWriter,
  Signal,
  Store,
  StoredEvent,
  Turn,
} from "../../src/store/contract.ts";
import { createMemoryScope, leasesThatEnd, type MemoryScope } from "../../src/store/deployment/memory.ts";

/** What is durable of one run. */
export interface Kept {
  row: RunRow;
  lease: Lease;
  readonly chain: EventChain;
  readonly events: StoredEvent[];
  readonly actions: Map<string, ActionRow>;
  readonly decisions: DecisionRow[];
  readonly signals: (Signal & { takenSeq: number | null })[];
  evidence: readonly EvidenceFile[];
}

export interface StoreHooks {
  /** Whether that process is provably gone. */
  isGone(holder: LeaseHolder): boolean;
}

export function createSimulatedStore(hooks: StoreHooks): Store {
  const runs = new Map<string, Kept>();
  const contents = new Map<string, Uint8Array>();
  const scope = createMemoryScope({ ...leasesThatEnd, isGone: ({ holder }) => hooks.isGone(holder) });

  const find = (runtimeRunId: string): Kept => {
    const kept = runs.get(runtimeRunId);
    if (kept === undefined) throw new AkcError("RUN_NOT_FOUND", { details: { runtimeRunId } });
    return kept;
  };
  const held = (lease: Lease, nowMs: number) => lease.expiresAtMs > nowMs && !hooks.isGone(lease.holder);

  return {
    async createRun(row, holder, nowMs) {
      const { context } = row;
      const existing = runs.get(context.runtimeRunId);
      if (existing !== undefined && existing.row.outcome === null && held(existing.lease, nowMs))
        throw refused("LEASE_HELD", context);
      if (existing !== undefined) throw refused("RUN_EXISTS", context);
      const kept: Kept = {
        row,
        lease: {
          runtimeRunId: context.runtimeRunId,
          holder,
          token: 1,
          expiresAtMs: nowMs + limits.leaseTtlMs,
        },
        chain: new EventChain(genesisOf(row)),
        events: [],
        actions: new Map(),
        decisions: [],
        signals: [],
        evidence: [],
      };
      runs.set(context.runtimeRunId, kept);
      return createWriter(kept, contents, scope);
    },
    async resumeRun(runtimeRunId, holder, nowMs) {
      const kept = find(runtimeRunId);
      if (held(kept.lease, nowMs)) throw refused("LEASE_HELD", kept.row.context);
      const token = kept.lease.token + 1;
      kept.lease = { runtimeRunId, holder, token, expiresAtMs: nowMs + limits.leaseTtlMs };
      const { status, outcome } = kept.row;
      const asked = outcome === null && status === "stop_requested";
      kept.row = { ...kept.row, stopRequestedAtMs: null, status: asked ? "running" : status };
      return createWriter(kept, contents, scope);
    },
    openRun: async (runtimeRunId) => createReader(find(runtimeRunId), contents),
    runHeads: async () =>
      [...runs.values()].map(({ row }) => ({ runtimeRunId: row.context.runtimeRunId, lastSeq: row.lastSeq })),
    listRuns: async () => [...runs.values()].map(({ row, lease }) => ({ ...row, lease })),
    async requestStop(runtimeRunId, nowMs) {
      const kept = find(runtimeRunId);
      if (kept.row.outcome !== null) return false;
      const stopRequestedAtMs = kept.row.stopRequestedAtMs ?? nowMs;
      kept.row = { ...kept.row, stopRequestedAtMs, status: "stop_requested" };
      return true;
    },
    stopRequested: async (runtimeRunId) => find(runtimeRunId).row.stopRequestedAtMs !== null,
    openSignals: async (runtimeRunId) =>
      find(runtimeRunId)
        .signals.filter(({ takenSeq }) => takenSeq === null)
        .map(({ takenSeq: _, ...signal }) => signal),
    async sendSignal(runtimeRunId, signal) {
      const kept = find(runtimeRunId);
      const same = kept.signals.find(({ id }) => id === signal.id);
      if (same !== undefined) {
        if (same.name === signal.name && same.payload === signal.payload) return false;
        throw refused("SIGNAL_CONFLICT", kept.row.context);
      }
      if (kept.row.outcome !== null) throw refused("RUN_EXISTS", kept.row.context);
      if (kept.signals.filter(({ takenSeq }) => takenSeq === null).length >= limits.signalsOpenMax)
        throw refused("SIGNALS_TOO_MANY", kept.row.context);
      kept.signals.push({ ...signal, takenSeq: null });
      return true;
    },
    async breakLease(runtimeRunId, token) {
      const kept = find(runtimeRunId);
      if (kept.lease.token !== token) throw refused("LEASE_MOVED", kept.row.context);
      kept.lease = { ...kept.lease, token: token + 1, expiresAtMs: 0 };
      scope.endHoldOf(runtimeRunId);
      return kept.lease;
    },
    deployment: scope.deployment,
    scopeLease: scope.scopeLease,
    requestRollout: scope.requestRollout,
    async deleteRun(runtimeRunId, _here, nowMs) {
      const kept = find(runtimeRunId);
      if (held(kept.lease, nowMs)) throw refused("LEASE_HELD", kept.row.context);
      scope.refuseNeededRun(runtimeRunId);
      runs.delete(runtimeRunId);
    },
    async close() {},
  };
}

function createWriter(kept: Kept, contents: Map<string, Uint8Array>, scope: MemoryScope): RunWriter {
  let heldScope: Lease | null = null;
  let lease = kept.lease;
  let closed = false;
  const pending = new Map<string, Uint8Array>();
  const fence = () => {
    if (closed || kept.lease.token !== lease.token) throw refused("LEASE_LOST", kept.row.context);
  };
  return {
    get lease() {
      return lease;
    },
    get lastSeq() {
      return kept.events.length;
    },
    artifacts: createArtifacts(contents, pending),
    async commit(turn) {
      fence();
      for (const [index, { seq }] of turn.events.entries()) {
        if (seq !== kept.events.length + index + 1)
          throw new AkcError("INTERNAL", { message: `event ${seq} is out of order` });
      }
      for (const { actionId, outputSha256 } of turn.actions) {
        if (outputSha256 !== null && !contents.has(outputSha256) && !pending.has(outputSha256))
          throw new AkcError("INTERNAL", { message: `the output of ${actionId} was never put` });
      }
      if (turn.deployment !== undefined) scope.check(lease, heldScope, turn.deployment);
      for (const [sha256, bytes] of pending) contents.set(sha256, bytes);
      pending.clear();
      keep(kept, turn);
      if (turn.deployment !== undefined) scope.apply(turn.deployment);
    },
    async renew(nowMs) {
      fence();
      if (heldScope !== null) heldScope = scope.renew(lease, heldScope, nowMs);
      lease = { ...lease, expiresAtMs: nowMs + limits.leaseTtlMs };
      kept.lease = lease;
    },
    async holdScope(nowMs) {
      fence();
      heldScope = scope.hold(lease, heldScope, nowMs);
    },
    async close() {
      if (!closed && heldScope !== null) scope.release(heldScope);
      if (!closed && kept.lease.token === lease.token) kept.lease = { ...kept.lease, expiresAtMs: 0 };
      closed = true;
    },
  };
}

function keep(kept: Kept, turn: Turn): void {
  let before = Buffer.from(kept.chain.head).toString("hex");
  for (const { seq, type, atMs, payload } of turn.events) {
    const sha256 = Buffer.from(kept.chain.append(seq, type, atMs, payload)).toString("hex");
    kept.events.push(Object.freeze({ seq, type, atMs, payload, prevSha256: before, sha256 }));
    before = sha256;
  }
  for (const row of turn.actions) kept.actions.set(row.actionId, Object.freeze({ ...row }));
  for (const decision of turn.decisions) kept.decisions.push(Object.freeze({ ...decision }));
  for (const { id, seq } of turn.signals ?? []) {
    const signal = kept.signals.find((one) => one.id === id);
    if (signal === undefined || signal.takenSeq !== null)
      throw new AkcError("INTERNAL", { message: `signal ${id} cannot be taken` });
    signal.takenSeq = seq;
  }
  kept.row = { ...kept.row, ...turn.run, lastSeq: kept.events.length };
  if (turn.evidence !== undefined) {
    kept.evidence = turn.evidence.files;
    kept.row = { ...kept.row, evidenceSeq: turn.evidence.seq };
  }
}

function createReader(kept: Kept, contents: Map<string, Uint8Array>): RunReader {
  const ordered = () => [...kept.actions.values()].sort((a, b) => (a.actionId < b.actionId ? -1 : 1));
  return {
    run: async () => kept.row,
    events: async (afterSeq, limit) => kept.events.slice(afterSeq, afterSeq + limit),
    eventAt: async (seq) => kept.events[seq - 1] ?? null,
    payloadAt: async (seq) => kept.events[seq - 1]?.payload ?? null,
    actions: async () => ordered(),
    actionsAfter: async (after, limit) =>
      ordered()
        .filter(({ actionId }) => actionId > after)
        .slice(0, limit),
    decisions: async (afterRow, limit) =>
      kept.decisions
        .map((decision, index) => ({ ...decision, row: index + 1 }))
        .slice(afterRow, afterRow + limit),
    lease: async () => kept.lease,
    signals: async () => kept.signals.map((signal) => ({ ...signal })),
    evidenceFiles: async () => kept.evidence,
    artifacts: createArtifacts(contents, new Map()),
    async close() {},
  };
}

/** What is put is durable with the commit after it, not before. */
function createArtifacts(contents: Map<string, Uint8Array>, pending: Map<string, Uint8Array>): ArtifactStore {
  const put = (bytes: Uint8Array) => {
    const sha256 = sha256Hex(bytes);
    if (!contents.has(sha256)) pending.set(sha256, bytes);
    return { sha256, sizeBytes: bytes.byteLength };
  };
  const find = (sha256: string) => {
    const bytes = contents.get(sha256) ?? pending.get(sha256);
    if (bytes === undefined) throw new AkcError("FILE_NOT_FOUND", { message: `no artifact ${sha256}` });
    return bytes;
  };
  return {
    put: async (bytes) => put(bytes),
    begin() {
      const chunks: Uint8Array[] = [];
      return {
        write: (chunk) => void chunks.push(chunk.slice()),
        finish: async () => put(new Uint8Array(Buffer.concat(chunks))),
        discard: () => void chunks.splice(0),
      };
    },
    read: async (sha256) => find(sha256),
    sizeOf: async (sha256) => find(sha256).byteLength,
  };
}

function refused(
  code: "LEASE_HELD" | "LEASE_LOST" | "LEASE_MOVED" | "RUN_EXISTS" | "SIGNAL_CONFLICT" | "SIGNALS_TOO_MANY",
  { runtimeRunId }: RunContext,
): AkcError {
  return new AkcError(code, { details: { runtimeRunId } });
}
