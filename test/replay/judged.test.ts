/** Runs that were judged by outside evidence: they are replayed like any other, and whatever is changed of what was said is named. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventChain, genesisOf } from "../../src/store/chain.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { akc } from "../e2e/akc.ts";
import { type Json, runId } from "../e2e/bundle.ts";
import {
  atMost,
  compiled,
  criterion,
  idOf,
  judged,
  metricsSystem,
  promql,
  registry,
  standing,
} from "../e2e/judged.ts";
import { inWorld, jsonObject } from "../e2e/world.ts";

setDefaultTimeout(60_000);

/** A run that was failed by what one of two bindings said, and one before it that passed. */
let original = "";
let failed = "";
let passed = "";

beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), "akc-judged-"));
  let errors = 0;
  const system = metricsSystem((query) => (query === "errors" ? errors : 1));
  try {
    await inWorld(async (world) => {
      await compiled(world);
      const bundle = judged(criterion("few", atMost(1, "errors")), criterion("some", atMost(1, "load")));
      const asked = (query: string) => promql(system.url, query, { tries: 1 });
      const named = [
        "--validator-bindings",
        await registry(world, { errors: asked("errors"), load: asked("load") }),
      ];
      const good = await world.start(bundle, ...named);
      expect(standing(good)).toEqual([0, "succeeded", "pass", null]);
      errors = 7;
      const bad = await world.start(bundle, ...named);
      expect(standing(bad)).toEqual([1, "failed", "fail", "VALIDITY_FAILED"]);
      [passed, failed] = [idOf(good), idOf(bad)];
      cpSync(world.root, original, { recursive: true });
    });
  } finally {
    await system.stop();
  }
});
afterAll(() => rmSync(original, { recursive: true, force: true }));

interface Copy {
  readonly root: string;
  readonly scope: string;
  /** Of the run that failed. */
  readonly folder: string;
  db<T>(work: (db: Database) => T): T;
  /** Any command, `-o json` where it is no replay. */
  akc(...args: readonly string[]): Promise<{ readonly exit: number; readonly report: Json }>;
}

async function onCopy(work: (copy: Copy) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "akc-judged-copy-"));
  try {
    cpSync(original, root, { recursive: true });
    const scope = join(root, "acme/shop");
    await work({
      root,
      scope,
      folder: join(scope, ".akc/runtime", runId, failed),
      db(change) {
        using db = new Database(join(scope, ".akc/runtime/state.sqlite3"), { strict: true });
        return change(db);
      },
      async akc(...args) {
        const ran = await akc([...args, "--outputs-root", root, "-o", "json"]);
        return { exit: ran.exit, report: jsonObject(ran.stdout) };
      },
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const verifyRun = async ({ akc: ask }: Copy, ...flags: readonly string[]) =>
  (await ask("runtime", "verify", failed, "--all", ...flags)).report;

const replace = (path: string, from: string, to: string) => {
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
};

describe("an untouched run", () => {
  test("is verified, also when everything is made again: report, answers and all", () =>
    onCopy(async (copy) => {
      for (const run of [passed, failed]) {
        const { exit, report } = await copy.akc("runtime", "verify", run, "--rebuild");
        expect({ exit, ...report }).toMatchObject({
          ...{ exit: 0, verdict: "verified", divergence_count: 0, evidence: "sealed" },
          // Facts, what the step put out, the report, and of each binding an artifact with its response.
          artifacts: 7,
        });
      }
    }));

  test("is replayed in the documented shape, in both modes, and as of the moment before it was judged", () =>
    onCopy(async (copy) => {
      const replay = (...flags: readonly string[]) => copy.akc("runtime", "replay", failed, ...flags);
      const whole = await replay("--mode", "runtime_replay");
      expect(whole).toMatchObject({
        exit: 0,
        report: {
          ...{ runtime_run_id: failed, mode: "runtime_replay", verdict: "verified", divergence_count: 0 },
          ...{ transition_count: 2, reconcile_decision_count: 0, verified_events: 7 },
          // How it stood when it was judged.
          terminal_health_status: "healthy",
        },
      });
      expect((await replay("--mode", "reconcile_replay")).report).toMatchObject({
        ...{ mode: "reconcile_replay", verdict: "verified", transitions: [], reconcile_decisions: [] },
      });
      const before = await replay("--mode", "runtime_replay", "--until", "4");
      expect(before).toMatchObject({
        exit: 0,
        report: { until_seq: 4, phases: { succeeded: 1 }, terminal_health_status: "healthy" },
      });
      const against = await copy.akc("runtime", "replay", failed, "--against", passed);
      expect(against.exit).toBe(0);
    }));

  test("keeps all of that in an archive", () =>
    onCopy(async (copy) => {
      const archive = join(copy.root, "run.akcrun");
      expect((await copy.akc("runtime", "export", failed, "--to", archive)).exit).toBe(0);
      const verified = await akc(["runtime", "verify", "--archive", archive, "-o", "json"]);
      expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: "verified", artifacts: 7 });
      const replayed = await akc(["validate", "replay", "--archive", archive, "-o", "json"]);
      expect(JSON.parse(replayed.stdout)).toMatchObject({ same: 2 });
    }));
});

describe("what was changed afterwards is named", () => {
  const report = "operational_validity_report.json";
  const answer = "validators/errors.observability_query_result.json";
  const response = "validators/attachments/errors.response.json";

  test.each([
    [report, '"passed": false', '"passed": true'],
    [answer, '"value": 7,', '"value": 0,'],
    [response, '"7"', '"0"'],
  ])("an edited %s", (name, from, to) =>
    onCopy(async (copy) => {
      replace(join(copy.folder, name), from, to);
      for (const flags of [[], ["--rebuild"]]) {
        expect(await verifyRun(copy, ...flags)).toMatchObject({
          ...{ verdict: "diverged", divergence_count: 1 },
          divergences: [{ place: "evidence", name: expect.stringContaining(name) }],
        });
      }
    }),
  );

  test.each([report, answer, response])("a removed %s", (name) =>
    onCopy(async (copy) => {
      rmSync(join(copy.folder, name));
      expect(await verifyRun(copy)).toMatchObject({
        ...{ verdict: "diverged", divergence_count: 1 },
        divergences: [{ place: "evidence", name, found: "no file" }],
      });
    }),
  );

  test("a report or an answer that was swapped in the store, by the event that names it", () =>
    onCopy(async (copy) => {
      for (const type of ["runtime.operational_validity.attested", "runtime.validation.observed"]) {
        const sha256 = copy.db((db) => {
          const row = db
            .query<{ digest: string }, [string]>(
              `SELECT coalesce(payload ->> '$.report.sha256', payload ->> '$.files[1].sha256') AS digest
               FROM event WHERE type = ? ORDER BY id DESC`,
            )
            .get(type);
          const content = new TextEncoder().encode("other");
          db.query("UPDATE artifact SET content = ?, size_bytes = 5 WHERE sha256 = unhex(?)").run(
            content,
            row?.digest ?? "",
          );
          return row?.digest;
        });
        expect((await verifyRun(copy))["divergences"]).toContainEqual(
          expect.objectContaining({ place: "artifact", name: sha256, event_type: type }),
        );
      }
    }));

  test("a judgement that was turned round, though every digest after it was worked out again", () =>
    onCopy(async (copy) => {
      await rechained(copy, (db) => {
        db.run(
          `UPDATE event SET payload = json_remove(json_set(payload, '$.verdict', 'pass', '$.passed', json('true')),
           '$.run_failed_with', '$.status_before', '$.outcome_before')
           WHERE id = (SELECT max(id) FROM event)`,
        );
        db.run(
          "UPDATE run SET status = 'terminal', outcome = 'succeeded', last_error = NULL WHERE runtime_run_id = ?",
          [failed],
        );
      });
      const told = await verifyRun(copy);
      expect(told).toMatchObject({ verdict: "diverged" });
      expect(JSON.stringify(told["divergences"])).toContain('"evidence"');
    }));

  test("an outcome that was taken back", () =>
    onCopy(async (copy) => {
      for (const [column, change] of [
        ["status", "status = 'terminal'"],
        ["outcome", "outcome = 'succeeded'"],
        ["last_error", "last_error = NULL"],
      ] as const) {
        copy.db((db) => db.run(`UPDATE run SET ${change} WHERE runtime_run_id = ?`, [failed]));
        expect((await verifyRun(copy))["divergences"]).toContainEqual(
          expect.objectContaining({
            ...{ place: "run", name: column },
            event_type: "runtime.operational_validity.attested",
          }),
        );
      }
    }));
});

/** Changes the state and digests every event of the run that failed again, as somebody would who wants to hide it. */
async function rechained({ scope, db }: Copy, change: (db: Database) => void): Promise<void> {
  const store = await openStore(scope, { create: false });
  const reader = await store.openRun(failed);
  const genesis = genesisOf(await reader.run());
  await reader.close();
  await store.close();
  db((state) => {
    change(state);
    const rows = state
      .query<{ id: number; seq: number; type: string; at_ms: number; payload: string }, [string]>(
        `SELECT id, seq, type, at_ms, payload FROM event
         WHERE id >> 32 = (SELECT run_key FROM run WHERE runtime_run_id = ?) ORDER BY id`,
      )
      .all(failed);
    const chain = new EventChain(genesis);
    for (const { id, seq, type, at_ms: atMs, payload } of rows) {
      const digest = Uint8Array.from(chain.append(seq, type, atMs, payload));
      state.query("UPDATE event SET sha256 = ? WHERE id = ?").run(digest, id);
    }
  });
}

describe("what all runs of a compile run share", () => {
  const shared = `.akc/verification/validators/${runId}`;

  test("an edited attachment is found by `akc validate replay`, and costs the run nothing", () =>
    onCopy(async (copy) => {
      const { scope } = copy;
      const from = () => akc(["validate", "replay", "--from", join(scope, shared), "-o", "json"]);
      expect(await from()).toMatchObject({ exit: 0 });
      replace(join(scope, shared, "attachments/errors.response.json"), '"7"', '"0"');
      const replayed = await from();
      expect(replayed.exit).toBe(1);
      expect(JSON.parse(replayed.stdout)).toMatchObject({
        items: [
          { id: "errors", outcome: "tampered" },
          { id: "load", outcome: "same" },
        ],
      });
      expect((await copy.akc("validate", "replay", failed)).exit).toBe(0);
      expect(await verifyRun(copy)).toMatchObject({ verdict: "verified" });
    }));

  test("an edited attachment of the run itself is found by `akc verify`", () =>
    onCopy(async (copy) => {
      const look = () => copy.akc("verify", "--tenant-id", "acme", "--repo-id", "shop");
      const codes = async () => JSON.stringify((await look()).report["findings"]);
      expect(await codes()).not.toMatch(/attachment|tampered/);
      replace(join(copy.folder, "validators/attachments/errors.response.json"), '"7"', '"0"');
      expect(await codes()).toMatch(/attachment/);
    }));
});

test("prune takes a judged run away with all that was said, and leaves the other whole", () =>
  onCopy(async (copy) => {
    const artifacts = () =>
      copy.db((db) => db.query<{ n: number }, []>("SELECT count(*) AS n FROM artifact").get()?.n);
    expect(artifacts()).toBe(12);
    const pruned = await copy.akc("runtime", "prune", "--keep", "1");
    expect(pruned).toMatchObject({ exit: 0, report: { removed_count: 1 } });
    // The newer one stays; what both have is one content.
    expect(existsSync(join(copy.scope, ".akc/runtime", runId, passed))).toBe(false);
    expect(artifacts()).toBe(7);
    expect(await verifyRun(copy, "--rebuild")).toMatchObject({ verdict: "verified" });
    expect((await copy.akc("validate", "replay", failed)).exit).toBe(0);
    expect((await copy.akc("state", "check")).exit).toBe(0);

    expect(await copy.akc("runtime", "prune", "--keep", "0")).toMatchObject({ report: { removed_count: 1 } });
    expect(artifacts()).toBe(0);
    expect((await copy.akc("state", "check")).exit).toBe(0);
  }));
