/**
 * What the store's own work costs: steps a second through `RunWriter.commit`, against a hand-written loop that makes the
 * same inserts (hash-chained event, action row, decision row) with the same settings, alternating in one run.
 */
import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ActionRow, DecisionRow, NewEvent, RunRow } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import type { BenchRow } from "./row.ts";

const steps = 20_000;
const batch = 64;
const rounds = 5;
const atMs = 1_795_348_155_411;
const intent = '{"action_id":"coordination:step-000001:0","node_id":"workflow_000001"}';
const outcome = JSON.stringify({
  action: {
    action_id: "coordination:step-000001:0",
    action_type: "coordination.step",
    idempotency_key: "a".repeat(64),
    inputs_fingerprint: "b".repeat(64),
    node_ref: { contract_id: "unknown", kind: "workflow", node_id: "workflow_000001" },
  },
  attempt: 1,
  result: { duration_ms: 0, outputs: { effect: "none", route: "noop" }, status: "succeeded" },
});

export async function benchStore(): Promise<readonly BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-store-"));
  const ours: number[] = [];
  const bare: number[] = [];
  try {
    for (let round = 0; round < rounds; round++) {
      bare.push(bareLoop(join(folder, `bare-${round}.sqlite3`)));
      ours.push(await throughTheStore(join(folder, `ours-${round}`)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const value = median(ours);
  const baseline = median(bare);
  return [
    {
      name: "bare insert loop, 2 commits a batch of 64, synchronous=FULL",
      value: Math.round(baseline),
      unit: "steps/s",
    },
    {
      name: "RunWriter.commit, the same rows",
      value: Math.round(value),
      unit: "steps/s",
      baseline: "bare insert loop",
      ratio: baseline / value,
      goal: "at most 1.3x",
    },
  ];
}

async function throughTheStore(scopeRoot: string): Promise<number> {
  const store = await openStore(scopeRoot);
  const writer = await store.createRun(run, thisProcess(), Date.now());
  const startedMs = performance.now();
  let seq = 0;
  for (let first = 0; first < steps; first += batch) {
    const starts = rowsOf(first, "runtime.action.policy_allowed", intent, seq, "running");
    await writer.commit({ ...starts, decisions: decisionsOf(first, seq) });
    seq += batch;
    const ends = rowsOf(first, "runtime.action.completed", outcome, seq, "succeeded");
    await writer.commit({ ...ends, decisions: [] });
    seq += batch;
  }
  const tookMs = performance.now() - startedMs;
  await writer.close();
  await store.close();
  return (steps / tookMs) * 1000;
}

function rowsOf(first: number, type: string, payload: string, seq: number, phase: ActionRow["phase"]) {
  const events: NewEvent[] = [];
  const actions: ActionRow[] = [];
  for (let i = 0; i < batch; i++) {
    const number = first + i;
    events.push({ seq: seq + i + 1, type, atMs, payload });
    actions.push({
      actionId: `coordination:step-${number}:0`,
      nodeId: `workflow_${number}`,
      stepId: `step-${number}`,
      phase,
      attempt: 1,
      seq: seq + i + 1,
      outputSha256: null,
    });
  }
  return { events, actions };
}

function decisionsOf(first: number, seq: number): readonly DecisionRow[] {
  return Array.from({ length: batch }, (_, i) => ({
    seq: seq + i + 1,
    atMs,
    action: "runtime.action.dispatch",
    allowed: true,
    reason: "policy.allowlist.allow",
    source: "allowlist",
    rule: "baseline",
    mode: "enforce",
    context: `{"action_id":"coordination:step-${first + i}:0"}`,
  }));
}

/** The least that makes the same facts durable. It keeps no state, checks nothing and has no lease. */
function bareLoop(path: string): number {
  const db = new Database(path, { create: true, strict: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run(`CREATE TABLE event (seq INTEGER PRIMARY KEY, type TEXT NOT NULL, at_ms INTEGER NOT NULL,
    payload TEXT NOT NULL, sha256 BLOB NOT NULL) STRICT`);
  db.run(`CREATE TABLE action (action_id TEXT PRIMARY KEY, node_id TEXT NOT NULL, step_id TEXT, phase TEXT NOT NULL,
    attempt INTEGER NOT NULL, seq INTEGER NOT NULL, output_sha256 BLOB) STRICT, WITHOUT ROWID`);
  db.run(`CREATE TABLE decision (number INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at_ms INTEGER NOT NULL,
    action TEXT NOT NULL, allowed INTEGER NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, rule TEXT NOT NULL,
    mode TEXT NOT NULL, context TEXT NOT NULL) STRICT`);
  const event = db.prepare("INSERT INTO event VALUES (?, ?, ?, ?, ?)");
  const start = db.prepare("INSERT INTO action VALUES (?, ?, ?, 'running', 1, ?, NULL)");
  const end = db.prepare("UPDATE action SET phase = 'succeeded', seq = ? WHERE action_id = ?");
  const decision = db.prepare("INSERT INTO decision VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  let previous = new Uint8Array(32);
  let seq = 0;
  const append = (type: string, payload: string) => {
    seq += 1;
    const digest = new Bun.CryptoHasher("sha256")
      .update(previous)
      .update(`${seq}\n${type}\n${atMs}\n${payload}`)
      .digest();
    event.run(seq, type, atMs, payload, digest);
    previous = Uint8Array.from(digest);
  };
  const startedMs = performance.now();
  for (let first = 0; first < steps; first += batch) {
    db.run("BEGIN IMMEDIATE");
    for (let number = first; number < first + batch; number++) {
      append("runtime.action.policy_allowed", intent);
      start.run(`coordination:step-${number}:0`, `workflow_${number}`, `step-${number}`, seq);
      decision.run(
        seq,
        atMs,
        "runtime.action.dispatch",
        1,
        "policy.allowlist.allow",
        "allowlist",
        "baseline",
        "enforce",
        `{"action_id":"coordination:step-${number}:0"}`,
      );
    }
    db.run("COMMIT");
    db.run("BEGIN IMMEDIATE");
    for (let number = first; number < first + batch; number++) {
      append("runtime.action.completed", outcome);
      end.run(seq, `coordination:step-${number}:0`);
    }
    db.run("COMMIT");
  }
  const tookMs = performance.now() - startedMs;
  db.close(true);
  return (steps / tookMs) * 1000;
}

const run: RunRow = {
  context: {
    scope: { tenantId: "bench", repoId: "bench" },
    runId: "bench",
    runtimeRunId: "bench",
    mode: "enforce",
    adapterId: "native",
  },
  bundlePath: "/bench",
  bundleSha256: "0".repeat(64),
  coordinationSha256: null,
  traceId: "0".repeat(32),
  status: "running",
  outcome: null,
  startedAtMs: atMs,
  finishedAtMs: null,
  lastError: null,
  lastSeq: 0,
  stopRequestedAtMs: null,
  extra: "{}",
};

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

if (import.meta.main) for (const row of await benchStore()) console.log(JSON.stringify(row));
