/** Everything that may be changed behind a run's back is found by the binary, and named. */
import { Database } from "bun:sqlite";
import { beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventChain, genesisOf } from "../../src/store/chain.ts";
import { akc } from "../e2e/akc.ts";
import { bundle, noop, sh } from "../e2e/bundle.ts";
import { inWorld } from "../e2e/world.ts";

/** A run with a step that puts something out, one that is retried and given up, and one that is blocked by it. */
let original = "";
let runtimeRunId = "";

beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), "akc-tamper-"));
  process.on("exit", () => rmSync(original, { recursive: true, force: true }));
  await inWorld(async (world) => {
    const plan = bundle()
      .step("build", sh("echo built"))
      .step("lint", noop)
      .step("test", sh("echo no >&2; exit 3"), "build")
      .step("ship", noop, "test");
    const { report } = await world.start(plan);
    runtimeRunId = String(report["runtime_run_id"]);
    cpSync(world.root, original, { recursive: true });
  });
});

interface Copy {
  readonly root: string;
  readonly folder: string;
  db<T>(work: (db: Database) => T): T;
}

async function onCopy(work: (copy: Copy) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "akc-tampered-"));
  try {
    cpSync(original, root, { recursive: true });
    const state = join(root, "acme/shop/.akc/runtime/state.sqlite3");
    await work({
      root,
      folder: join(root, "acme/shop/.akc/runtime/run-1", runtimeRunId),
      db: (change) => {
        const db = new Database(state, { strict: true });
        try {
          return change(db);
        } finally {
          db.close();
        }
      },
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

interface Told {
  readonly verdict: string;
  readonly divergence_count: number;
  readonly chain_sha256: string;
  readonly divergence?: {
    readonly place: string;
    readonly event_seq: number | null;
    readonly event_type: string | null;
    readonly name: string;
    readonly expected: string;
    readonly found: string;
  };
}

async function verified(
  root: string,
  ...flags: readonly string[]
): Promise<Told & { readonly exit: number }> {
  const ran = await akc(["runtime", "verify", runtimeRunId, "--outputs-root", root, "-o", "json", ...flags]);
  const told: Told = JSON.parse(ran.stdout);
  return { ...told, exit: ran.exit };
}

/** Changes the copy and answers what is said about it; replay says the same as verify, by its exit code too. */
async function after(change: (copy: Copy) => void): Promise<Told> {
  let told: Told | undefined;
  await onCopy(async (copy) => {
    change(copy);
    const { exit, ...found } = await verified(copy.root);
    expect(exit).toBe(found.verdict === "verified" ? 0 : 1);
    const args = ["runtime", "replay", runtimeRunId, "--mode", "runtime_replay", "--no-transitions"];
    const replayed = await akc([...args, "--outputs-root", copy.root]);
    expect(replayed.exit).toBe(exit);
    expect(JSON.parse(replayed.stdout)).toMatchObject({
      verdict: found.verdict,
      divergence_count: found.divergence_count,
    });
    if (exit === 1) expect(replayed.stderr).toContain("REPLAY_DIVERGED");
    told = found;
  });
  if (told === undefined) throw new Error("nothing was told");
  return told;
}

/** Digests every event again from the first, as somebody would who wants to hide a change. */
function rechain(db: Database): void {
  const rows = db
    .query<{ id: number; seq: number; type: string; at_ms: number; payload: string }, []>(
      "SELECT id, seq, type, at_ms, payload FROM event ORDER BY id",
    )
    .all();
  const chain = new EventChain(genesis(db));
  for (const { id, seq, type, at_ms, payload } of rows) {
    const digest = Uint8Array.from(chain.append(seq, type, at_ms, payload));
    db.query("UPDATE event SET sha256 = ? WHERE id = ?").run(digest, id);
  }
}

function genesis(db: Database): Uint8Array {
  const row = db.query<Record<string, string | number | null>, []>("SELECT * FROM run").get();
  const text = (key: string) => String(row?.[key]);
  const orNull = (key: string) => (row?.[key] == null ? null : text(key));
  return genesisOf({
    context: {
      scope: { tenantId: text("tenant_id"), repoId: text("repo_id") },
      runId: text("run_id"),
      runtimeRunId: text("runtime_run_id"),
      mode: "enforce",
      adapterId: text("adapter_id"),
    },
    bundlePath: text("bundle_path"),
    bundleSha256: text("bundle_sha256"),
    coordinationSha256: orNull("coordination_sha256"),
    traceId: text("trace_id"),
    startedAtMs: Number(row?.["started_at_ms"]),
    factsSha256: orNull("facts_sha256"),
    genesis: "identity",
  });
}

test("an untouched run is verified, wherever it lies", async () => {
  const told = await after(() => {});
  expect(told).toMatchObject({ verdict: "verified", divergence_count: 0 });
  expect(told.divergence).toBeUndefined();
});

describe("the chain", () => {
  test("an edited payload is found at its event", async () => {
    const again = await after(({ db }) =>
      db((state) => state.run("UPDATE event SET payload = payload || ' ' WHERE seq = 7")),
    );
    expect(again.divergence).toMatchObject({ place: "chain", event_seq: 7, name: "event 7" });
    expect(again.divergence_count).toBe(1);
  });

  test("a removed event is named", async () => {
    const told = await after(({ db }) => db((state) => state.run("DELETE FROM event WHERE seq = 5")));
    expect(told.divergence).toMatchObject({ place: "chain", event_seq: 5, name: "event 5 removed" });
  });

  test("an event whose time or type was changed is found", async () => {
    for (const change of ["at_ms = at_ms + 1", "type = 'runtime.action.cancelled'"]) {
      const told = await after(({ db }) =>
        db((state) => state.run(`UPDATE event SET ${change} WHERE seq = 6`)),
      );
      expect(told.divergence).toMatchObject({ place: "chain", event_seq: 6 });
    }
  });

  test("a tail that was cut off leaves no gap and is found all the same", async () => {
    const told = await after(({ db }) => db((state) => state.run("DELETE FROM event WHERE seq >= 10")));
    expect(told.divergence).toMatchObject({ place: "chain", name: "events after 9 removed" });
  });

  test("an event at the end that nobody wrote is found", async () => {
    const told = await after(({ db }) =>
      db((state) => {
        const sql = `INSERT INTO event (id, type, at_ms, payload, sha256)
          SELECT id + 1, 'runtime.kernel.stop_requested', at_ms, '{}', sha256 FROM event ORDER BY id DESC LIMIT 1`;
        state.run(sql);
      }),
    );
    expect(told.divergence?.place).toBe("chain");
  });

  test("an edited payload whose later digests were all worked out again is named by the evidence", async () => {
    const told = await after(({ db }) =>
      db((state) => {
        const changed = state
          .query(
            "UPDATE event SET payload = replace(payload, 'code 3', 'code 4') WHERE type = 'runtime.action.retried'",
          )
          .run();
        expect(changed.changes).toBeGreaterThan(0);
        rechain(state);
      }),
    );
    expect(told.verdict).toBe("diverged");
    expect(told.divergence).toMatchObject({
      place: "evidence",
      event_type: "runtime.action.retried",
      name: expect.stringContaining("events.json line "),
      expected: expect.stringContaining("code 4"),
      found: expect.stringContaining("code 3"),
    });
  });

  test("another identity breaks the chain at its first event", async () => {
    const told = await after(({ db }) =>
      db((state) => state.run("UPDATE run SET bundle_sha256 = ?", ["ab".repeat(32)])),
    );
    expect(told.divergence).toMatchObject({
      place: "chain",
      event_seq: 1,
      name: "event 1, or the run's identity",
    });
  });

  test("a whole new history is found by a digest that was noted before", async () => {
    await onCopy(async ({ root, db }) => {
      const { chain_sha256: noted } = await verified(root);
      expect(await verified(root, "--chain-sha256", noted)).toMatchObject({ verdict: "verified", exit: 0 });
      db((state) => {
        state.run("UPDATE event SET at_ms = at_ms + 1");
        rechain(state);
      });
      const told = await verified(root, "--chain-sha256", noted);
      expect(told).toMatchObject({
        exit: 1,
        divergence: { place: "chain", name: "the digest noted elsewhere" },
      });
    });
  });
});

describe("the tables", () => {
  test("an edited action row is named with its column", async () => {
    const changes = {
      phase: "phase = 'succeeded'",
      attempt: "attempt = attempt + 1",
      output_sha256: "output_sha256 = zeroblob(32)",
      step_id: "step_id = 'other'",
      node_id: "node_id = 'other'",
      seq: "seq = seq - 1",
    };
    for (const [column, change] of Object.entries(changes)) {
      const told = await after(({ db }) =>
        db((state) => state.run(`UPDATE action SET ${change} WHERE step_id = 'test'`)),
      );
      expect(told.divergence).toMatchObject({ place: "action", name: `coordination:test:1 ${column}` });
      expect(told.divergence?.event_seq).toBeGreaterThan(0);
    }
  });

  test("an action row that is gone, and one that nothing explains, are found", async () => {
    const gone = await after(({ db }) =>
      db((state) => state.run("DELETE FROM action WHERE step_id = 'ship'")),
    );
    expect(gone.divergence).toMatchObject({ place: "action", name: "coordination:ship:2", found: "no row" });
    const added = await after(({ db }) =>
      db((state) =>
        state.run(
          "INSERT INTO action SELECT run_key, 'ghost', node_id, step_id, phase, attempt, seq, NULL FROM action LIMIT 1",
        ),
      ),
    );
    expect(added.divergence).toMatchObject({ place: "action", name: "ghost", expected: "no such action" });
  });

  test("each of the run's columns is held to its last event", async () => {
    const changes = {
      status: "status = 'terminal'",
      outcome: "outcome = 'succeeded'",
      finished_at_ms: "finished_at_ms = finished_at_ms - 1",
      last_error: "last_error = NULL",
    };
    for (const [column, change] of Object.entries(changes)) {
      const told = await after(({ db }) => db((state) => state.run(`UPDATE run SET ${change}`)));
      expect(told.divergence).toMatchObject({
        place: "run",
        name: column,
        event_type: "runtime.kernel.loop_finished",
      });
    }
  });

  test("a decision that was deleted or changed is found, and named where its evidence still is", async () => {
    const gone = await after(({ db }) => db((state) => state.run("DELETE FROM decision WHERE number = 2")));
    expect(gone.divergence).toMatchObject({ place: "decision", name: "decision 2", found: "no row" });
    const last = await after(({ db }) =>
      db((state) => state.run("DELETE FROM decision WHERE id = (SELECT max(id) FROM decision)")),
    );
    expect(last.divergence).toMatchObject({ place: "decision", found: "no row" });
    await onCopy(async ({ root, db }) => {
      db((state) => state.run("UPDATE decision SET allowed = 0 WHERE number = 3"));
      const ran = await akc([
        "runtime",
        "verify",
        runtimeRunId,
        "--outputs-root",
        root,
        "-o",
        "json",
        "--all",
      ]);
      const told: { divergences: { place: string; name: string; expected: string; found: string }[] } =
        JSON.parse(ran.stdout);
      expect(told.divergences[0]).toMatchObject({ place: "decision" });
      expect(told.divergences.find(({ name }) => name.startsWith("policy_decisions.json"))).toMatchObject({
        place: "evidence",
        name: expect.stringContaining("(row 3)"),
        expected: '"allowed": false,',
        found: '"allowed": true,',
      });
    });
  });
});

describe("artifacts and evidence", () => {
  test("a swapped artifact is named by its digest and the event that put it out", async () => {
    let name = "";
    const told = await after(({ db }) =>
      db((state) => {
        const row = state
          .query<{ digest: string }, []>(
            "SELECT lower(hex(output_sha256)) AS digest FROM action WHERE step_id = 'build'",
          )
          .get();
        name = row?.digest ?? "";
        state.run("UPDATE artifact SET content = ?, size_bytes = 5 WHERE lower(hex(sha256)) = ?", [
          new TextEncoder().encode("other"),
          name,
        ]);
      }),
    );
    expect(name).toHaveLength(64);
    expect(told.divergence).toMatchObject({
      place: "artifact",
      name,
      event_type: "runtime.action.completed",
    });
  });

  test("an artifact that is gone is found", async () => {
    const told = await after(({ db }) => db((state) => state.run("DELETE FROM artifact")));
    expect(told.divergence?.place).toBe("artifact");
  });

  test("an edited evidence file is named with its row, what stands there and what should", async () => {
    const files = {
      "events.json": ["runtime.kernel.started", "runtime.kernel.stopped"],
      "runtime_evidence.json": ['"retry_count": 1', '"retry_count": 7'],
      "policy_decisions.json": ['"allowed": true', '"allowed": false'],
      "runtime_run.json": ['"status": "failed"', '"status": "terminal"'],
      "checkpoint.json": ["completed", "complete"],
      "runtime_trace_spans.json": ['"status": "error"', '"status": "ok"'],
      "evidence/coordination_audit.jsonl": ['"sequence":1', '"sequence":9'],
      "queue_snapshot.json": ['"attempts": ', '"attempts": 4'],
    };
    for (const [name, [before = "", now = ""]] of Object.entries(files)) {
      const told = await after(({ folder }) => {
        const text = readFileSync(join(folder, name), "utf8");
        expect(text).toContain(before);
        writeFileSync(join(folder, name), text.replace(before, now));
      });
      expect(told.divergence).toMatchObject({
        place: "evidence",
        name: expect.stringContaining(`${name} line `),
      });
      expect(told.divergence?.expected).toContain(before.trim());
      expect(told.divergence?.found).toContain(now);
      expect(told.divergence_count).toBe(1);
    }
  });

  test("a file that is gone, and one that the run did not leave, are named", async () => {
    const gone = await after(({ folder }) => rmSync(join(folder, "checkpoint.json")));
    expect(gone.divergence).toMatchObject({ place: "evidence", name: "checkpoint.json", found: "no file" });
    const added = await after(({ folder }) => writeFileSync(join(folder, "control.json"), "{}"));
    expect(added.divergence).toMatchObject({
      place: "evidence",
      name: "control.json",
      expected: "no such file",
    });
  });

  test("a seal that was changed with its file is found when the files are made again", async () => {
    await onCopy(async ({ root, folder, db }) => {
      const path = join(folder, "queue_snapshot.json");
      const text = readFileSync(path, "utf8").replace("code 3", "code 0");
      writeFileSync(path, text);
      const sha256 = new Bun.CryptoHasher("sha256").update(text).digest();
      db((state) =>
        state.query("UPDATE evidence_file SET sha256 = ? WHERE name = 'queue_snapshot.json'").run(sha256),
      );
      expect(await verified(root)).toMatchObject({ exit: 0 });
      const told = await verified(root, "--rebuild");
      expect(told.divergence).toMatchObject({
        place: "evidence",
        name: expect.stringContaining("queue_snapshot.json"),
      });
      expect(told.divergence?.found).toContain("code 0");
    });
  });
});
