/**
 * A run's truth in memory: for embedding and for tests that need no disk. It keeps the same facts in the same order as
 * the database and forgets them with the process.
 */
import type { ArtifactRef, ArtifactSink, ArtifactStore } from "../adapters/contract.ts";
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import type { ActionRow, DecisionRow, Lease, NewEvent, RunWriter, Signal, Turn } from "./contract.ts";
import { createMemoryScope, type MemoryScope } from "./deployment/memory.ts";
import { scopeLost } from "./deployment/refusals.ts";

export interface MemoryRun extends RunWriter {
  /** Of the scope that the run is in: what is deployed there, and who deploys. */
  readonly scope: MemoryScope;
  readonly events: readonly NewEvent[];
  /** Where every action stands now. */
  readonly actions: ReadonlyMap<string, ActionRow>;
  readonly decisions: readonly DecisionRow[];
  /** How many commits there were. */
  readonly commits: number;
  /** As `Store.openSignals`. */
  openSignals(): Promise<readonly Signal[]>;
  /** As `Store.sendSignal`, without its bounds: the sender is in the same process. @throws AkcError SIGNAL_CONFLICT */
  sendSignal(signal: Signal): Promise<boolean>;
}

/** @param scope the same one for all runs of a scope; without it the run is alone in a scope of its own. */
export function createMemoryRun(runtimeRunId: string, scope: MemoryScope = createMemoryScope()): MemoryRun {
  const events: NewEvent[] = [];
  const actions = new Map<string, ActionRow>();
  const decisions: DecisionRow[] = [];
  const inbox = new Map<string, { readonly signal: Signal; taken: boolean }>();
  let commits = 0;
  let heldScope: Lease | null = null;
  let closed = false;
  const holder = { name: "memory", host: "", pid: 0, bootId: "" };
  const lease: Lease = { runtimeRunId, holder, token: 1, expiresAtMs: Number.MAX_SAFE_INTEGER };
  return {
    lease,
    scope,
    artifacts: createMemoryArtifacts(),
    events,
    actions,
    decisions,
    get commits() {
      return commits;
    },
    get lastSeq() {
      return events.at(-1)?.seq ?? 0;
    },
    async commit(turn: Turn) {
      if (turn.deployment !== undefined) scope.check(lease, heldScope, turn.deployment);
      commits += 1;
      for (const event of turn.events) events.push(event);
      for (const row of turn.actions) actions.set(row.actionId, row);
      for (const decision of turn.decisions) decisions.push(decision);
      for (const { id } of turn.signals ?? []) {
        const sent = inbox.get(id);
        if (sent !== undefined) sent.taken = true;
      }
      if (turn.deployment !== undefined) scope.apply(turn.deployment);
    },
    openSignals: async () => [...inbox.values()].filter(({ taken }) => !taken).map(({ signal }) => signal),
    async sendSignal(signal) {
      const sent = inbox.get(signal.id)?.signal;
      if (sent === undefined) inbox.set(signal.id, { signal, taken: false });
      else if (sent.name !== signal.name || sent.payload !== signal.payload) {
        throw new AkcError("SIGNAL_CONFLICT", { details: { runtimeRunId, signalId: signal.id } });
      }
      return sent === undefined;
    },
    async renew(nowMs) {
      if (heldScope !== null) heldScope = scope.renew(lease, heldScope, nowMs);
    },
    async holdScope(nowMs) {
      if (closed) throw scopeLost(lease, heldScope);
      heldScope = scope.hold(lease, heldScope, nowMs);
    },
    async close() {
      closed = true;
      if (heldScope !== null) scope.release(heldScope);
      heldScope = null;
    },
  };
}

function createMemoryArtifacts(): ArtifactStore {
  const contents = new Map<string, Uint8Array>();
  const keep = (bytes: Uint8Array): ArtifactRef => {
    const sha256 = sha256Hex(bytes);
    contents.set(sha256, bytes);
    return { sha256, sizeBytes: bytes.byteLength };
  };
  const find = (sha256: string): Uint8Array => {
    const bytes = contents.get(sha256);
    if (bytes === undefined) throw new AkcError("FILE_NOT_FOUND", { message: `no artifact ${sha256}` });
    return bytes;
  };
  return {
    put: async (bytes) => keep(bytes),
    begin(): ArtifactSink {
      const chunks: Uint8Array[] = [];
      return {
        write: (chunk) => void chunks.push(chunk.slice()),
        finish: async () => keep(new Uint8Array(Buffer.concat(chunks))),
        discard: () => void chunks.splice(0),
      };
    },
    read: async (sha256) => find(sha256),
    sizeOf: async (sha256) => find(sha256).byteLength,
  };
}
