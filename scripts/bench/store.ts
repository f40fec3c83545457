/**
 * What the store's own work costs: steps a second through `RunWriter.commit`, against a hand-written loop that makes the
 * same inserts (hash-chained event, action row, decision row) with the same settings, alternating in one run.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newRunRow } from "../../src/run/parts.ts";
import type { ActionRow, DecisionRow, NewEvent } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { bareLoop } from "./bare-loop.ts";
import { type BenchRow, median, printRows } from "./row.ts";

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
      bare.push(bareLoop(join(folder, `bare-${round}.sqlite3`), { steps, intent, outcome }));
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

const run = newRunRow(
  {
    scope: { tenantId: "bench", repoId: "bench" },
    runId: "bench",
    runtimeRunId: "bench",
    mode: "enforce",
    adapterId: "native",
  },
  { bundlePath: "/bench", bundleSha256: "0".repeat(64) },
  "0".repeat(32),
  atMs,
);

if (import.meta.main) printRows(await benchStore());
