/** Random histories of everything that an action can go through: each verifies, and any one change of what is kept is found. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { exportRun } from "../../src/evidence/export.ts";
import { noBundleFacts } from "../../src/evidence/facts.ts";
import { factsText } from "../../src/evidence/facts-text.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { DecisionDigest } from "../../src/kernel/decision-digest.ts";
import { eventTypes } from "../../src/kernel/wire.ts";
import { type Verification, verifyRun } from "../../src/replay/verify.ts";
import type { ActionPhase, DecisionRow } from "../../src/store/contract.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { action, decision, event, runRow, scope, startedAtMs, turn } from "../store/builders.ts";

const id = "0193f2c1-0000-7000-8000-00000000000a";

/** What happens to an action between two attempts, and how the last one ends. */
const between = fc.constantFrom("retried", "interrupted", "suspended");
const end = fc.constantFrom("completed", "dead_lettered", "denied", "cancelled", "blocked", "running");
const life = fc.record({
  between: fc.array(between, { maxLength: 3 }),
  end,
  output: fc.string({ maxLength: 20 }),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

async function recorded(scopeRoot: string, lives: readonly Life[], resumed: boolean): Promise<void> {
  const store = await openStore(scopeRoot);
  const facts = factsText(noBundleFacts);
  const row = runRow(id, { factsSha256: sha256Hex(facts) });
  const writer = await store.createRun(row, thisProcess(), startedAtMs);
  await writer.artifacts.put(new TextEncoder().encode(facts));
  const digest = new DecisionDigest();
  let seq = 0;
  const write = async (
    type: string,
    payload: object,
    rest: {
      phase?: ActionPhase;
      of?: string;
      attempt?: number;
      output?: string;
      decisions?: DecisionRow[];
    } = {},
  ) => {
    seq += 1;
    const { phase, of, attempt = 0, output = null, decisions = [] } = rest;
    digest.add(decisions);
    const row =
      phase === undefined || of === undefined
        ? []
        : [
            action(`coordination:${of}:0`, phase, {
              nodeId: `n-${of}`,
              stepId: of,
              attempt,
              seq,
              outputSha256: output,
            }),
          ];
    await writer.commit(turn({ events: [event(seq, type, payload)], actions: row, decisions }));
  };
  const finish = async (outcome: "succeeded" | "stopped") => {
    const told = { decision_count: digest.count, decisions_sha256: digest.sha256(), iterations: 1 };
    seq += 1;
    const payload = {
      terminal_status: outcome,
      outcome,
      runtime_run_id: id,
      last_error: "it broke",
      ...told,
    };
    await writer.commit(
      turn({
        events: [event(seq, eventTypes.loopFinished, payload)],
        run: { status: outcome, outcome, finishedAtMs: startedAtMs + seq, lastError: "it broke" },
      }),
    );
  };
  await write(eventTypes.started, { runtime_run_id: id, node_count: lives.length });
  for (const [index, one] of lives.entries()) {
    const of = `s${index}`;
    const names = { action_id: `coordination:${of}:0`, node_id: `n-${of}` };
    const told = {
      action_id: names.action_id,
      node_ref: { node_id: names.node_id },
      policy_context: { coordination_step_id: of },
    };
    if (one.end === "blocked") {
      await write(
        eventTypes.stepBlocked,
        { ...names, graph_step_id: of, by: ["x"], reason: "predecessor_failed" },
        { phase: "blocked", of },
      );
      continue;
    }
    let attempt = 0;
    const allow = async () => {
      attempt += 1;
      const asked = decision({ seq: seq + 1, context: JSON.stringify({ action_id: names.action_id }) });
      await write(
        eventTypes.allowed,
        { ...names, attempt },
        { phase: "running", of, attempt, decisions: [asked] },
      );
    };
    await allow();
    for (const [turnNumber, what] of one.between.entries()) {
      if (what === "suspended") {
        if (turnNumber < one.between.length - 1 || one.end === "running") continue;
        const payload = { ...names, attempt, signal: null, approval: false, due_at_ms: startedAtMs };
        await write(eventTypes.waitStarted, payload, { phase: "suspended", of, attempt });
      } else if (what === "retried") {
        const payload = {
          action: told,
          attempt,
          reason: "backend_error",
          error: "no",
          delay_ms: 1,
          due_at_ms: 2,
        };
        await write(eventTypes.retried, payload, { phase: "retrying", of, attempt });
        await allow();
      } else {
        await write(eventTypes.interrupted, { ...names, attempt }, { phase: "waiting", of, attempt });
        await allow();
      }
    }
    switch (one.end) {
      case "completed": {
        const put = await writer.artifacts.put(new TextEncoder().encode(`${one.output} of ${of}`));
        const result = {
          status: "succeeded",
          outputs: { text: one.output },
          output_ref: { sha256: put.sha256, size_bytes: put.sizeBytes },
        };
        const payload = { action: told, attempt, result, transition: { to_state: "completed" } };
        await write(eventTypes.completed, payload, { phase: "succeeded", of, attempt, output: put.sha256 });
        break;
      }
      case "dead_lettered":
      case "denied": {
        const reason = one.end === "denied" ? "policy_denied" : "backend_error";
        const phase = one.end === "denied" ? "denied" : "failed";
        await write(
          eventTypes.deadLettered,
          { action: told, attempt, reason, error: one.output },
          { phase, of, attempt },
        );
        break;
      }
      case "cancelled":
        await write(
          eventTypes.cancelled,
          { action: told, ...names, reason: "stopped" },
          { phase: "cancelled", of, attempt },
        );
        break;
    }
  }
  await finish("stopped");
  if (resumed) {
    const payload = { runtime_run_id: id, generation: 0, after_seq: seq, reopened: [] };
    await write(eventTypes.resumed, payload);
    await finish("succeeded");
  }
  const reader = await store.openRun(id);
  const input = {
    reader,
    scopeRoot,
    outputsRoot: join(scopeRoot, "../.."),
    facts: noBundleFacts,
    nowMs: startedAtMs,
  };
  const { files } = await exportRun(input);
  await writer.commit(turn({ evidence: { seq, files } }));
  await reader.close();
  await writer.close();
  await store.close();
}

async function checked(scopeRoot: string): Promise<Verification> {
  const store = await openStore(scopeRoot, { create: false });
  const reader = await store.openRun(id);
  try {
    return await verifyRun(reader, { scopeRoot, divergencesMax: 50 });
  } finally {
    await reader.close();
    await store.close();
  }
}

/** Columns and what is made of them: each changes the value, whatever it was. */
const changes = [
  ["event", "payload = payload || ' '"],
  ["event", "payload = json_set(payload, '$.added', 1)"],
  ["event", "at_ms = at_ms + 1"],
  ["event", "type = type || '.odd'"],
  ["event", "sha256 = randomblob(32)"],
  ["action", "attempt = attempt + 1"],
  ["action", "seq = seq + 1"],
  ["action", "phase = CASE phase WHEN 'failed' THEN 'succeeded' ELSE 'failed' END"],
  ["action", "node_id = node_id || 'x'"],
  ["action", "step_id = coalesce(step_id, '') || 'x'"],
  ["action", "output_sha256 = randomblob(32)"],
  ["decision", "allowed = 1 - allowed"],
  ["decision", "reason = reason || 'x'"],
  ["decision", "context = context || ' '"],
  ["decision", "at_ms = at_ms + 1"],
  ["artifact", "content = CAST(content || x'00' AS BLOB)"],
  ["artifact", "size_bytes = size_bytes + 1"],
  ["artifact", "sha256 = randomblob(32)"],
  ["run", "status = status || 'x'"],
  ["run", "outcome = 'exhausted'"],
  ["run", "last_error = 'other'"],
  ["run", "finished_at_ms = finished_at_ms + 1"],
  ["run", "trace_id = trace_id || '0'"],
  ["run", "mode = 'canary'"],
  ["run", "facts_sha256 = NULL"],
  ["evidence_file", "sha256 = randomblob(32)"],
] as const;

const mutation = fc.oneof(
  fc.record({ kind: fc.constant("update" as const), change: fc.constantFrom(...changes), at: fc.nat() }),
  fc.record({
    kind: fc.constant("delete" as const),
    table: fc.constantFrom("event", "action", "decision", "artifact"),
    at: fc.nat(),
  }),
  fc.record({ kind: fc.constant("file" as const), file: fc.nat(), at: fc.nat() }),
);
type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

/** Answers what was changed; undefined when there was nothing of the kind. */
function mutate(scopeRoot: string, how: Mutation): string | undefined {
  const db = new Database(databasePath(scopeRoot), { strict: true });
  try {
    const rowsOf = (table: string) => {
      const key =
        table === "artifact" || table === "action" || table === "evidence_file" ? keys[table] : "rowid";
      const rows = db
        .query<{ key: string | number | Uint8Array }, []>(`SELECT ${key} AS key FROM ${table} ORDER BY 1`)
        .all();
      return { key, rows };
    };
    if (how.kind === "file") {
      const files = db.query<{ name: string }, []>("SELECT name FROM evidence_file ORDER BY name").all();
      const name = files[how.file % files.length]?.name ?? "";
      const path = join(scopeRoot, ".akc/runtime/run-1", id, name);
      const bytes = readFileSync(path);
      const at = how.at % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(path, bytes);
      return `byte ${at} of ${name}`;
    }
    const table = how.kind === "update" ? how.change[0] : how.table;
    const { key, rows } = rowsOf(table);
    const row = rows[how.at % Math.max(1, rows.length)];
    if (row === undefined) return undefined;
    const sql = how.kind === "update" ? `UPDATE ${table} SET ${how.change[1]}` : `DELETE FROM ${table}`;
    db.query(`${sql} WHERE ${key} = ?`).run(row.key);
    return `${sql} of ${key} ${row.key}`;
  } finally {
    db.close();
  }
}

const keys = { artifact: "sha256", action: "action_id", evidence_file: "name" } as const;

test("any history verifies, and after any one change it does not", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(life, { minLength: 1, maxLength: 6 }),
      fc.boolean(),
      fc.array(mutation, { minLength: 1, maxLength: 1 }),
      async (lives, resumed, [how]) => {
        using place = scope();
        await recorded(place.scopeRoot, lives, resumed);
        const untouched = await checked(place.scopeRoot);
        expect(untouched.divergences).toEqual([]);
        expect(untouched.verdict).toBe("verified");
        const what = how === undefined ? undefined : mutate(place.scopeRoot, how);
        if (what === undefined) return;
        expect([what, (await checked(place.scopeRoot)).verdict]).toEqual([what, "diverged"]);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);
