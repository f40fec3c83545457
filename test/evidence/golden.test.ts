/** Whole exports of random histories, held against the plain writer of the JSON room. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { exportRun } from "../../src/evidence/export.ts";
import { canonicalJson, prettyJson } from "../../src/json/canonical.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "../../src/json/value.ts";
import type { Turn } from "../../src/store/contract.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { action, decision, event, scope, startedAtMs, turn } from "../store/builders.ts";
import { facts, runId, specSha256, storeHistory } from "./history.ts";

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("", " ", "é😀", '"\\', "\u2028", "s1"),
);
const outputs = fc.oneof(
  fc.constant("{}"),
  fc
    .record({ route: fc.constantFrom("noop", "subprocess"), stdout: text })
    .map((value) => JSON.stringify(value)),
  fc
    .record({ n: fc.double({ noNaN: true, noDefaultInfinity: true }), of: fc.array(text, { maxLength: 3 }) })
    .map((value) => JSON.stringify(value)),
  fc.dictionary(text, text, { maxKeys: 4 }).map((value) => JSON.stringify(value)),
  fc.constantFrom('{"big":123456789012345678901,"one":1.0}', '{"9":1,"10":2,"a":{"b":[[],{}]}}'),
);

/** What a step does: how often it is tried, what comes of it, and which of the optional keys its action has. */
const step = fc.record({
  name: text,
  outputs,
  tries: fc.integer({ min: 1, max: 3 }),
  succeeds: fc.boolean(),
  handoff: fc.option(text, { nil: undefined }),
  role: fc.constantFrom("planner", "builder", ""),
  error: text,
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function historyOf(steps: readonly Step[]): readonly Turn[] {
  const turns: Turn[] = [];
  let seq = 0;
  const add = (type: string, payload: string, rest: Partial<Turn> = {}) => {
    seq += 1;
    turns.push(turn({ ...rest, events: [{ ...event(seq, type), payload }] }));
  };
  add("runtime.kernel.started", JSON.stringify({ runtime_run_id: runId, node_count: 1 }));
  for (const [index, one] of steps.entries()) {
    const actionId = `coordination:${one.name}${index}:0`;
    const told = JSON.stringify({
      action_id: actionId,
      action_type: "coordination.step",
      node_ref: { node_id: "n", kind: "workflow", contract_id: "c" },
      inputs_fingerprint: "2".repeat(64),
      idempotency_key: `key ${one.name}`,
      policy_context: {
        coordination_step_id: `${one.name}${index}`,
        coordination_role_id: one.role,
        coordination_spec_sha256: specSha256,
        ...(one.handoff === undefined
          ? {}
          : { coordination_edge_kind: "handoff", coordination_handoff_id: one.handoff }),
      },
    });
    for (let attempt = 1; attempt <= one.tries; attempt += 1) {
      const context = JSON.stringify({ action_id: actionId, attempt });
      const row = action(actionId, "running", { stepId: `${index}`, attempt, seq: seq + 1 });
      add("runtime.action.policy_allowed", JSON.stringify({ action_id: actionId, node_id: "n", attempt }), {
        actions: [row],
        decisions: [decision({ seq: seq + 1, context, reason: one.error })],
      });
      if (attempt < one.tries) {
        const rest = JSON.stringify({ attempt, reason: "backend_error", error: one.error }).slice(1);
        add("runtime.action.retried", `{"action":${told},${rest}`);
      }
    }
    const result = `{"status":"${one.succeeds ? "succeeded" : "failed"}","outputs":${one.outputs},"duration_ms":${index}}`;
    const phase = one.succeeds ? "succeeded" : "failed";
    const end = one.succeeds
      ? '"transition":{"from_state":"ready","to_state":"completed"}'
      : JSON.stringify({ reason: "backend_error", error: one.error }).slice(1, -1);
    add(
      one.succeeds ? "runtime.action.completed" : "runtime.action.dead_lettered",
      `{"action":${told},"attempt":${one.tries},"result":${result},${end}}`,
      { actions: [action(actionId, phase, { stepId: `${index}`, attempt: one.tries, seq: seq + 1 })] },
    );
  }
  return turns;
}

test("of any history: files are the plain text of their values, lines too, and nothing stored is lost or changed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const history = historyOf(steps);
      using place = scope();
      await storeHistory(place.scopeRoot, { history });
      const store = await openStore(place.scopeRoot);
      const reader = await store.openRun(runId);
      const { paths } = await exportRun({
        reader,
        scopeRoot: place.scopeRoot,
        outputsRoot: place.root,
        facts,
        nowMs: startedAtMs,
      });
      await reader.close();
      await store.close();
      for (const path of [
        paths.events,
        paths.evidence,
        paths.decisions,
        paths.spans,
        paths.checkpoint,
        paths.queueSnapshot,
      ]) {
        const written = readFileSync(path, "utf8");
        expect(written).toBe(prettyJson(parseJson(written)));
      }
      const audited = steps.some(({ role }) => role !== "");
      for (const path of audited ? [paths.audit, paths.otel] : [paths.otel]) {
        for (const line of readFileSync(path, "utf8").split("\n").slice(0, -1)) {
          expect(line).toBe(canonicalJson(parseJson(line)));
        }
      }
      const events = parseJson(readFileSync(paths.events, "utf8"));
      const stored = history.flatMap((part) => part.events);
      expect(isJsonArray(events) ? events.length : -1).toBe(stored.length);
      for (const [index, { payload }] of stored.entries()) {
        const shown = isJsonArray(events) ? memberOf(events[index], "payload") : undefined;
        const kept = parseJson(payload);
        if (!isJsonObject(kept)) throw new Error("a payload is an object");
        for (const [key, value] of Object.entries(kept)) {
          expect(canonicalJson(memberOf(shown, key) ?? null)).toBe(canonicalJson(value));
        }
      }
    }),
    { numRuns: 60 },
  );
}, 60_000);

function memberOf(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isJsonObject(value) ? value[key] : undefined;
}
