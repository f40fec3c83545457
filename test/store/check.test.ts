import { Database } from "bun:sqlite";
import { expect, setDefaultTimeout, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { checkState } from "../../src/store/sqlite/check.ts";
import { artifactsRoot, databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { codeOf, scope } from "./builders.ts";
import { fillRun, fillState } from "./filled.ts";

// Only against hanging: other tests may have the machine.
setDefaultTimeout(120_000);

const nowMs = Date.now();
const quick = { deep: false, nowMs };
const deep = { deep: true, nowMs };

async function kinds(scopeRoot: string, options = quick): Promise<readonly string[]> {
  const { faults } = await checkState(scopeRoot, options);
  return [...new Set(faults.map(({ kind }) => kind))].sort();
}

test("a whole state has no fault, tells the size of its runs, and is not changed by looking", async () => {
  using place = scope();
  await fillState(place.scopeRoot, ["run-a", "run-b"]);
  const before = readFileSync(databasePath(place.scopeRoot));
  const report = await checkState(place.scopeRoot, deep);
  expect(report).toMatchObject({ faults: [], faultCount: 0, orphans: [], logBytes: 0 });
  expect(report.runs.find(({ runtimeRunId }) => runtimeRunId === "run-a")).toMatchObject({
    events: 24,
    decisions: 12,
    actions: 13,
    artifacts: 13,
  });
  expect(report.databaseBytes).toBe(before.byteLength);
  expect(readFileSync(databasePath(place.scopeRoot)).equals(before)).toBe(true);
});

test("each fault is found and named with its run", async () => {
  const faults: readonly [sql: string, kind: string, options: typeof quick][] = [
    ["DELETE FROM event WHERE id = (1 << 32) + 5", "event_gap", quick],
    ["DELETE FROM event WHERE id = (1 << 32) + 24", "event_missing", quick],
    ["DELETE FROM decision WHERE id = (1 << 32) + 3", "decision_gap", quick],
    ["UPDATE signal SET taken_seq = 99 WHERE run_key = 1", "event_missing", quick],
    ["UPDATE action SET seq = 77 WHERE run_key = 1 AND action_id = 'action-3'", "event_missing", quick],
    [
      "DELETE FROM artifact WHERE sha256 = (SELECT output_sha256 FROM action WHERE action_id = 'action-2' AND run_key = 1)",
      "artifact_missing",
      quick,
    ],
    ["UPDATE run SET facts_sha256 = hex(zeroblob(32)) WHERE run_key = 1", "artifact_missing", quick],
    ["UPDATE artifact SET size_bytes = size_bytes + 1 WHERE content IS NOT NULL", "artifact_size", quick],
    [
      "UPDATE artifact SET content = zeroblob(length(content)) WHERE content IS NOT NULL",
      "artifact_content",
      deep,
    ],
    ["UPDATE event SET payload = '{}' WHERE id = (1 << 32) + 5", "chain", deep],
    ["UPDATE run SET bundle_path = '/elsewhere' WHERE run_key = 1", "chain", deep],
    ["INSERT INTO artifact_ref SELECT 9, sha256 FROM artifact LIMIT 1", "run_missing", quick],
    [
      "INSERT INTO decision SELECT id + (8 << 32), seq, at_ms, action, allowed, reason, source, rule, mode, context FROM decision LIMIT 1",
      "run_missing",
      quick,
    ],
  ];
  for (const [sql, kind, options] of faults) {
    using place = scope();
    await fillState(place.scopeRoot, ["run-a", "run-b"]);
    const db = new Database(databasePath(place.scopeRoot));
    db.run(sql);
    db.close();
    const { faults: found } = await checkState(place.scopeRoot, options);
    expect([sql, found.map((fault) => fault.kind)]).toEqual([sql, expect.arrayContaining([kind])]);
    const named = found.find((fault) => fault.kind === kind)?.runtimeRunId;
    expect(["run-a", null]).toContain(named ?? null);
    if (options === deep) expect(await kinds(place.scopeRoot, quick)).toEqual([]);
  }
});

test("files beside the database are looked at: missing, of another size, changed, and of nobody", async () => {
  using place = scope();
  await fillState(place.scopeRoot, ["run-a", "run-b"]);
  const root = artifactsRoot(place.scopeRoot);
  const files = readdirSync(root)
    .filter((name) => name.length === 2)
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(root, folder, name)))
    .sort();
  const [first = "", second = ""] = files;
  const content = readFileSync(second);
  rmSync(first);
  appendFileSync(second, "more");
  expect(await kinds(place.scopeRoot)).toEqual(["artifact_file_missing", "artifact_size"]);
  writeFileSync(second, Buffer.from(content).fill("x", 100, 110));
  expect(await kinds(place.scopeRoot)).toEqual(["artifact_file_missing"]);
  expect(await kinds(place.scopeRoot, deep)).toEqual(["artifact_content", "artifact_file_missing"]);
  const stray = join(root, "ab", `ab${"0".repeat(62)}`);
  mkdirSync(join(root, "ab"), { recursive: true });
  writeFileSync(stray, "1234");
  expect((await checkState(place.scopeRoot, quick)).orphans).toEqual([{ path: stray, sizeBytes: 4 }]);
});

test("sealed evidence is held against its seal, but not while the run goes on", async () => {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  const writer = await fillRun(place.scopeRoot, store, "run-a", { ended: false });
  const folder = join(place.scopeRoot, ".akc/runtime/run-1/run-a");
  const text = readFileSync(join(folder, "events.json"));
  rmSync(join(folder, "evidence/audit.jsonl"));
  expect(await kinds(place.scopeRoot)).toEqual([]);
  await writer.close();
  await store.close();
  expect(await kinds(place.scopeRoot)).toEqual(["evidence_missing"]);
  writeFileSync(join(folder, "events.json"), Buffer.from(text).fill("x", 0, 3));
  expect(await kinds(place.scopeRoot, deep)).toEqual(["evidence_content", "evidence_missing"]);
  truncateSync(join(folder, "events.json"), 5);
  expect(await kinds(place.scopeRoot)).toEqual(["evidence_missing", "evidence_size"]);
});

test("a damaged database is an answer and no error; no state is an error", async () => {
  using place = scope();
  await fillState(place.scopeRoot, ["run-a", "run-b"]);
  const path = databasePath(place.scopeRoot);
  const bytes = readFileSync(path);
  for (const damaged of [
    Buffer.from(bytes).fill(0, 0, 100),
    Buffer.from(bytes).fill(0x55, 0, 8_192),
    Buffer.from(bytes).fill(0x55, 5 * 8_192, 7 * 8_192),
    bytes.subarray(0, bytes.byteLength - 3 * 8_192),
  ]) {
    writeFileSync(path, damaged);
    expect(await kinds(place.scopeRoot)).toContain("database");
    expect(await kinds(place.scopeRoot, deep)).toContain("database");
  }
  expect(await codeOf(() => checkState(join(place.root, "none", "x"), quick))).toBe("RUN_NOT_FOUND");
});
