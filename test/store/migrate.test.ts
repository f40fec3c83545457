import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { schemaVersion, versionAt } from "../../src/store/sqlite/migrate.ts";
import { initial } from "../../src/store/sqlite/migrations/0001-initial.ts";
import { artifactsRoot, databasePath, openStore } from "../../src/store/sqlite/open.ts";
import { allEvents, chainHolds, codeOf, event, runRow, scope, startedAtMs, turn } from "./builders.ts";
import { artifactFiles, tablesOf } from "./tables.ts";

const small = new TextEncoder().encode("small output");
const captured = new TextEncoder().encode("what a failed attempt wrote");
const large = new Uint8Array(50_000).fill(7);

describe("a database of version 1", () => {
  test("is read as it was: its chains start from zeros and hold, and nothing was sealed or sent", async () => {
    using place = scope();
    madeByVersion1(place.scopeRoot);
    const store = await openStore(place.scopeRoot, { create: false });
    const runs = await store.listRuns();
    expect(runs.map(({ context }) => context.runtimeRunId).toSorted()).toEqual(["one", "two"]);
    for (const run of runs) {
      const reader = await store.openRun(run.context.runtimeRunId);
      const events = await allEvents(reader);
      expect(events).toHaveLength(3);
      expect(chainHolds(events, await reader.run())).toBe(true);
      expect(events[0]?.prevSha256).toBe("0".repeat(64));
      expect(run).toMatchObject({ genesis: "zeros", factsSha256: null, evidenceSeq: null });
      expect(await reader.signals()).toEqual([]);
      expect(await reader.evidenceFiles()).toEqual([]);
      expect(await reader.artifacts.read(sha256(large))).toEqual(large);
      await reader.close();
    }
    await store.close();
  });

  test("has runs that go on, and new ones beside them whose chains start from who they are", async () => {
    using place = scope();
    madeByVersion1(place.scopeRoot);
    const store = await openStore(place.scopeRoot);
    const old = await store.resumeRun("one", thisProcess(), Date.now());
    expect([old.lastSeq, old.lease.token]).toEqual([3, 2]);
    const young = await store.createRun(runRow("three"), thisProcess(), startedAtMs);
    await old.commit(turn({ run: { status: "running", outcome: null } }));
    for (const [id, writer] of [
      ["one", old],
      ["three", young],
    ] as const) {
      await store.sendSignal(id, { id: "s", name: "go", payload: "1", sentAtMs: 1, sender: "me" });
      const seq = writer.lastSeq + 1;
      await writer.commit(
        turn({
          events: [event(seq, "a")],
          signals: [{ id: "s", seq }],
          evidence: { seq, files: [{ name: "a.json", sha256: "0".repeat(64), sizeBytes: 1 }] },
        }),
      );
      const reader = await store.openRun(id);
      expect(chainHolds(await allEvents(reader), await reader.run())).toBe(true);
      expect((await reader.run()).evidenceSeq).toBe(seq);
      await reader.close();
    }
    await store.close();
  });

  test("gives up with a run what is that run's alone, as far as actions and attempts tell", async () => {
    using place = scope();
    madeByVersion1(place.scopeRoot);
    const store = await openStore(place.scopeRoot);
    await store.deleteRun("one", thisProcess(), Date.now());
    const reader = await store.openRun("two");
    expect(await reader.artifacts.read(sha256(large))).toEqual(large);
    expect(await reader.artifacts.read(sha256(captured))).toEqual(captured);
    expect(await codeOf(() => reader.artifacts.read(sha256(small)))).toBe("STORE_DAMAGED");
    await reader.close();
    await store.deleteRun("two", thisProcess(), Date.now());
    await store.close();
    const { artifact, artifact_ref: refs } = tablesOf(place.scopeRoot);
    expect([artifact, refs, artifactFiles(place.scopeRoot)]).toEqual([[], [], []]);
  });
});

/** Two runs that have ended: `one` put out `small` and `large`, `two` failed with `captured` and put out `large` as well. */
function madeByVersion1(scopeRoot: string): void {
  const path = databasePath(scopeRoot);
  mkdirSync(dirname(path), { recursive: true });
  using db = new Database(path, { create: true, strict: true });
  db.run("PRAGMA page_size = 8192");
  db.run("PRAGMA journal_mode = WAL");
  db.run(initial.sql);
  db.run(`PRAGMA application_id = ${0x616b_6373}`);
  db.run("PRAGMA user_version = 1");
  for (const [index, id] of ["one", "two"].entries()) {
    const key = index + 1;
    const { context, ...row } = runRow(id);
    db.query(`INSERT INTO run VALUES (${Array(18).fill("?").join(", ")})`).run(
      key,
      id,
      context.scope.tenantId,
      context.scope.repoId,
      context.runId,
      context.mode,
      context.adapterId,
      row.bundlePath,
      row.bundleSha256,
      null,
      row.traceId,
      "running",
      "failed",
      row.startedAtMs,
      null,
      null,
      null,
      "{}",
    );
    db.query("INSERT INTO lease VALUES (?, 1, 0, 'x:1:y', 'x', 1, 'boot/pid')").run(key);
    const outputs = index === 0 ? {} : { stderr_sha256: sha256(captured) };
    let digest = Buffer.alloc(32);
    for (const [at, stored] of [
      event(1, "runtime.kernel.started"),
      { ...event(2, "runtime.note"), payload: "no JSON, though it says sha256" },
      event(3, "runtime.action.dead_lettered", { result: { outputs } }),
    ].entries()) {
      const text = `${stored.seq}\n${stored.type}\n${stored.atMs}\n${stored.payload}`;
      digest = createHash("sha256").update(digest).update(text).digest();
      db.query("INSERT INTO event (id, type, at_ms, payload, sha256) VALUES (?, ?, ?, ?, ?)").run(
        key * 2 ** 32 + at + 1,
        stored.type,
        stored.atMs,
        stored.payload,
        digest,
      );
    }
    for (const content of index === 0 ? [small, large] : [large]) {
      db.query("INSERT INTO action VALUES (?, ?, 'n', NULL, 'succeeded', 1, 1, ?)").run(
        key,
        `a${content.length}`,
        Buffer.from(sha256(content), "hex"),
      );
    }
  }
  for (const content of [small, captured, large]) {
    const inFile = content === large;
    db.query("INSERT INTO artifact VALUES (?, ?, ?)").run(
      Buffer.from(sha256(content), "hex"),
      content.length,
      inFile ? null : content,
    );
    if (!inFile) continue;
    const file = join(artifactsRoot(scopeRoot), sha256(content).slice(0, 2), sha256(content));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("a database that is being made has no version until it has its own, whenever somebody looks", async () => {
  const folder = mkdtempSync(join(tmpdir(), "akc-making-"));
  const count = 200;
  const maker = Bun.spawn(
    [process.execPath, join(import.meta.dir, "making.child.ts"), folder, String(count)],
    { stdin: "ignore", stdout: "ignore", stderr: "inherit" },
  );
  try {
    for (let at = 0; at < count; at += 1) {
      const path = join(folder, `${at}.sqlite3`);
      while (versionAt(path) !== schemaVersion) {
        if (maker.exitCode !== null && !existsSync(path)) throw new Error(`it ended with ${maker.exitCode}`);
        // Lets the end of the process be heard of.
        if (!existsSync(path)) await Bun.sleep(0);
      }
    }
    expect(await maker.exited).toBe(0);
  } finally {
    maker.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});
