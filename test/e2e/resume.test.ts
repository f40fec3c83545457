/**
 * Runs that are cut off, and go on: `runtime resume`, and `runtime start` with the same id. Each process is a real one and
 * dies of SIGKILL; what ran is counted in files that akc does not write.
 */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestBytes, EventChain } from "../../src/store/chain.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { type BundleBuilder, bundle, type Json, sh } from "./bundle.ts";
import {
  expectError,
  expectOutcome,
  inWorld,
  type Live,
  type RecordedEvent,
  until,
  untilThere,
  type World,
} from "./world.ts";

/** A line in `count-<id>` for every time it begins. */
const counting = (id: string, then = "true") => sh(`echo x >> count-${id}; ${then}`);
/** Goes on without end, and leaves no doubt that it does, until it is begun a second time. */
const endlessOnce =
  "if test -e up; then was=$(wc -c < beat); sleep 0.2; test $was = $(wc -c < beat); exit; fi; touch up; while :; do echo x >> beat; sleep 0.01; done";
const chain = bundle()
  .step("a", counting("a"))
  .step("b", counting("b", endlessOnce), "a")
  .step("c", counting("c"), "b");

function counts(world: World, ...ids: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(ids.map((id) => [id, countOf(world, id)]));
}

function countOf(world: World, id: string): number {
  const path = join(world.workdir("r1"), `count-${id}`);
  return existsSync(path) ? readFileSync(path, "utf8").length / 2 : 0;
}

/** Starts `r1`, waits for `sign` in its working directory, kills it. */
async function killed(
  world: World,
  which: BundleBuilder,
  sign = "up",
  ...flags: readonly string[]
): Promise<void> {
  const live = await world.begin(which, "--runtime-run-id", "r1", ...flags);
  await untilThere(join(world.workdir("r1"), sign));
  await kill(live);
}

async function kill(live: Live): Promise<void> {
  live.kill("SIGKILL");
  expect((await live.ended).code).toBe(137);
}

const resume = (world: World, ...flags: readonly string[]) => world.ask("runtime", "resume", "r1", ...flags);

function ofType(events: readonly RecordedEvent[], type: string): readonly Json[] {
  return events.filter((event) => event.type === type).map(({ payload }) => payload);
}

function keysOf(payloads: readonly Json[], step: string): readonly unknown[] {
  return payloads.flatMap((payload) => {
    const action = payload["action"];
    const id = typeof action === "object" && action !== null ? Object.entries(action) : [];
    const facts = Object.fromEntries(id);
    return String(facts["action_id"]).includes(`:${step}:`) ? [facts["idempotency_key"]] : [];
  });
}

describe("a run whose process was killed", () => {
  test("in the middle of a step goes on: nothing recorded runs twice, and nothing of before goes on beside it", async () => {
    await inWorld(async (world) => {
      await killed(world, chain);
      const before = await world.status();
      const ran = await resume(world);
      expectOutcome(ran, "succeeded", 0, null);
      expect(counts(world, "a", "b", "c")).toEqual({ a: 1, b: 2, c: 1 });
      expect(ran.report["counts"]).toMatchObject({ total: 3, succeeded: 3, failed: 0 });
      expect(ran.report["resumed"]).toEqual({
        why: "abandoned",
        after_seq: 5,
        succeeded_before: 1,
        interrupted: ["b"],
        run_again: [],
        reopened: [],
        pending: [],
      });
      expect(ran.stderr).toContain("1 action had succeeded\n  was under way, is done again: b\n");
      const after = await world.status();
      expect(after).toMatchObject({
        trace_id: before["trace_id"],
        started_at_ms: before["started_at_ms"],
        standing: "succeeded",
      });
      const allowed = ofType(world.events("r1"), "runtime.action.policy_allowed");
      const attempts = allowed.map(({ node_id, attempt }) => `${node_id} ${attempt}`);
      expect(attempts).toEqual(["node-a 1", "node-b 1", "node-b 2", "node-c 1"]);
    });
  });

  test("again and again goes on again and again", async () => {
    await inWorld(async (world) => {
      const twice = bundle()
        .step("a", counting("a"))
        .step(
          "b",
          counting("b", "touch up$(cat count-b | wc -l); test $(cat count-b | wc -l) = 3 || sleep 1000"),
          "a",
        );
      await killed(world, twice, "up1");
      const live = world.live(["runtime", "resume", "r1", "--outputs-root", world.root]);
      await untilThere(join(world.workdir("r1"), "up2"));
      await kill(live);
      expectOutcome(await resume(world), "succeeded", 0, null);
      expect(counts(world, "a", "b")).toEqual({ a: 1, b: 3 });
      const status = await world.ask("runtime", "status", "r1");
      expect(status.report).toMatchObject({ standing: "succeeded", evidence_sealed: true, generation: 0 });
    });
  });

  test("while a step waits for its next try makes that try, and no more than it would have", async () => {
    await inWorld(async (world) => {
      const failing = bundle().step("a", counting("a", "exit 1"));
      const live = await world.begin(failing, "--runtime-run-id", "r1");
      await untilThere(join(world.workdir("r1"), "count-a"));
      await until("it waits for its next try", () => retries(world) === 1);
      await kill(live);
      expectOutcome(await resume(world), "failed", 1, "SUBPROCESS_EXIT");
      expect(countOf(world, "a")).toBe(3);
      expect(retries(world)).toBe(2);
    });
  });

  test("before its first event begins", async () => {
    await inWorld(async (world) => {
      expectOutcome(
        await world.start(chain, "--runtime-run-id", "r0", "--mode", "simulate"),
        "succeeded",
        0,
        null,
      );
      const store = await openStore(world.scope);
      const reader = await store.openRun("r0");
      const row = await reader.run();
      await reader.close();
      // As a process leaves it that dies between the two.
      const unborn = { ...row, context: { ...row.context, runtimeRunId: "r1" }, status: "running" };
      const writer = await store.createRun(
        { ...unborn, outcome: null, finishedAtMs: null, lastSeq: 0, evidenceSeq: null },
        thisProcess(),
        Date.now(),
      );
      await writer.close();
      await store.close();
      const ran = await resume(world);
      expectOutcome(ran, "succeeded", 0, null);
      expect(ran.report["resumed"]).toMatchObject({ after_seq: 0 });
      expect(world.events("r1").map(({ type }) => type)).not.toContain("runtime.kernel.resumed");
      expect(world.events("r1").length).toBe(world.events("r0").length);
    });
  });

  test("goes on also where an earlier version left it: what was not kept then is taken from the bundle, and not sealed", async () => {
    await inWorld(async (world) => {
      await killed(world, chain);
      asOfBefore(world);
      expectOutcome(await resume(world), "succeeded", 0, null);
      expect(counts(world, "a", "b", "c")).toEqual({ a: 1, b: 2, c: 1 });
      const status = await world.ask("runtime", "status", "r1");
      expect(status.report).toMatchObject({
        evidence_sealed: false,
        runtime_evidence_count: expect.any(Number),
      });
      expect((await world.ask("runtime", "list", "--stale")).report).toMatchObject({ items: [] });
    });
  });

  test("goes on when it is started again as it was, and is refused when it is started otherwise", async () => {
    await inWorld(async (world) => {
      await killed(world, chain);
      const simulated = await world.start(chain, "--runtime-run-id", "r1", "--mode", "simulate");
      expect(expectError(simulated, "RUN_CHANGED", 5)["details"]).toMatchObject({
        expected_mode: "enforce",
        found_mode: "simulate",
      });
      const native = await world.start(chain, "--runtime-run-id", "r1", "--adapter", "native");
      expect(expectError(native, "RUN_CHANGED", 5)["details"]).toMatchObject({ found_adapter_id: "native" });
      const other = await world.start(chain.step("d", sh("true")), "--runtime-run-id", "r1");
      expectError(other, "RUN_CHANGED", 5);
      expect(counts(world, "a", "b", "c")).toEqual({ a: 1, b: 1, c: 0 });
      expectOutcome(await world.start(chain, "--runtime-run-id", "r1"), "succeeded", 0, null);
      expect(counts(world, "a", "b", "c")).toEqual({ a: 1, b: 2, c: 1 });
      const ended = expectError(await world.start(chain, "--runtime-run-id", "r1"), "RUN_EXISTS", 5);
      expect(ended["hint"]).toContain("akc runtime resume r1 --from");
    });
  });

  test("is continued by one of two that try at once", async () => {
    await inWorld(async (world) => {
      const waiting = bundle().step("a", counting("a", "touch up; while ! test -e go; do sleep 0.01; done"));
      await killed(world, waiting);
      rmSync(join(world.workdir("r1"), "up"));
      const both = [1, 2].map(() =>
        world.live(["runtime", "resume", "r1", "--outputs-root", world.root, "-o", "json"]),
      );
      const first = await Promise.race(both.map(({ ended }) => ended));
      expectError({ ...first }, "LEASE_HELD", 5);
      writeFileSync(join(world.workdir("r1"), "go"), "");
      const codes = (await Promise.all(both.map(({ ended }) => ended))).map(({ code }) => code);
      expect(codes.toSorted()).toEqual([0, 5]);
      expect(countOf(world, "a")).toBe(2);
    });
  });

  test("keeps the deadline that it was started with, also while no process is there", async () => {
    await inWorld(async (world) => {
      const waiting = bundle().step("a", counting("a", "touch up; while ! test -e go; do sleep 0.01; done"));
      await killed(world, waiting, "up", "--deadline", "2s");
      await Bun.sleep(2_000);
      expectOutcome(await resume(world), "exhausted", 1, "RUN_DEADLINE");
      // It had no time left to begin anything.
      expect(countOf(world, "a")).toBe(1);
      writeFileSync(join(world.workdir("r1"), "go"), "");
      // Whoever goes on after an end means it: the whole time again.
      expectOutcome(await resume(world), "succeeded", 0, null);
      expect(countOf(world, "a")).toBe(2);
    });
  });

  test("gets another deadline when told so", async () => {
    await inWorld(async (world) => {
      const waiting = bundle().step("a", counting("a", "touch up; while ! test -e go; do sleep 0.01; done"));
      await killed(world, waiting, "up", "--deadline", "1s");
      await Bun.sleep(1_000);
      writeFileSync(join(world.workdir("r1"), "go"), "");
      expectOutcome(await resume(world, "--deadline", "1m"), "succeeded", 0, null);
    });
  });
});

describe("what a run was started with", () => {
  test("is the same when it goes on: another bundle or coordination is refused with both hashes", async () => {
    await inWorld(async (world) => {
      await killed(world, chain);
      const { bundle_sha256: expected } = await world.status();
      const path = await world.place(chain.with({ deployment_intents: [], note: "changed" }));
      const said = expectError(await resume(world), "RUN_CHANGED", 5);
      const hash = await world.akc(["bundle", "hash", path, "-o", "json"]);
      expect(said["details"]).toMatchObject({
        expected_bundle_sha256: expected,
        found_bundle_sha256: JSON.parse(hash.stdout).sha256,
      });
      expect(String(said["error"])).toContain(String(expected));
      expect(countOf(world, "b")).toBe(1);
      await world.place(chain);
      expectOutcome(await resume(world), "succeeded", 0, null);
    });
  });

  test("includes the coordination file that the bundle refers to", async () => {
    await inWorld(async (world) => {
      const { coordination_spec: spec, spec_hashes: hashes } = chain.document();
      const sha256 = (hashes as Json)["coordination_spec_sha256"];
      const referring = chain.with({
        coordination_spec: undefined,
        coordination_ref: { path: ".akc/coordination.json", fingerprint: sha256 },
      });
      await world.write(".akc/coordination.json", JSON.stringify(spec));
      await killed(world, referring);
      await world.write(".akc/coordination.json", JSON.stringify({ ...(spec as Json), spec_version: 2 }));
      const said = expectError(await resume(world), "RUN_CHANGED", 5);
      expect(said["details"]).toMatchObject({
        expected_coordination_spec_sha256: sha256,
        found_coordination_spec_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
      await world.write(".akc/coordination.json", JSON.stringify(spec));
      expectOutcome(await resume(world), "succeeded", 0, null);
    });
  });

  test("may have moved: then it is named, and must be the same", async () => {
    await inWorld(async (world) => {
      await killed(world, chain);
      const placed = join(world.scope, ".akc/runtime/run-1.runtime_bundle.json");
      const moved = join(world.scope, ".akc/runtime/elsewhere.json");
      renameSync(placed, moved);
      const said = expectError(await resume(world), "FILE_NOT_FOUND", 2);
      expect(said["hint"]).toContain("--bundle");
      writeFileSync(placed, "{}");
      expectError(await resume(world, "--bundle", placed), "RUN_CHANGED", 5);
      expectOutcome(await resume(world, "--bundle", moved), "succeeded", 0, null);
    });
  });

  test("may be allowed less by now: the policy is asked anew", async () => {
    await inWorld(async (world) => {
      await killed(world, chain);
      const policy = join(world.side, "policy.yaml");
      writeFileSync(policy, "schema: akc.policy/v1\ndeny_actions: [runtime.action.dispatch]\n");
      const ran = await resume(world, "--policy", policy);
      expectOutcome(ran, "blocked", 2, "POLICY_DENIED");
      expect(counts(world, "a", "b", "c")).toEqual({ a: 1, b: 1, c: 0 });
    });
  });
});

describe("a run that has ended", () => {
  test("by a stop goes on with what was cancelled", async () => {
    await inWorld(async (world) => {
      const live = await world.begin(chain, "--runtime-run-id", "r1");
      await untilThere(join(world.workdir("r1"), "up"));
      live.kill("SIGTERM");
      expect(await live.ended).toMatchObject({
        code: 143,
        stderr: expect.stringContaining("runtime resume r1"),
      });
      expectError(await world.start(chain, "--runtime-run-id", "r1"), "RUN_EXISTS", 5);
      const ran = await resume(world);
      expectOutcome(ran, "succeeded", 0, null);
      expect(ran.report["resumed"]).toMatchObject({ why: "stopped", reopened: ["b"], succeeded_before: 1 });
      expect(counts(world, "a", "b", "c")).toEqual({ a: 1, b: 2, c: 1 });
      const record = JSON.parse(readFileSync(join(world.runFolder("r1"), "runtime_run.json"), "utf8"));
      expect(record).toMatchObject({ outcome: "succeeded", last_error: null });
    });
  });

  test("by a fault of the disk says so in its history, and goes on when that is mended", async () => {
    await inWorld(async (world) => {
      const one = bundle().step("a", counting("a"));
      const inTheWay = join(world.runFolder("r1"), "events.json");
      mkdirSync(join(inTheWay, "x"), { recursive: true });
      const ran = await world.start(one, "--runtime-run-id", "r1");
      expect({ code: ran.code, kind: ran.report["kind"] }).toEqual({ code: 1, kind: "Error" });
      const last = world.events("r1").at(-1);
      expect(last).toMatchObject({
        type: "runtime.kernel.failed",
        payload: { error: expect.any(String), error_code: expect.any(String) },
      });
      const status = await world.ask("runtime", "status", "r1");
      expect(status.report).toMatchObject({
        standing: "failed",
        finished_at_ms: last?.atMs,
        last_error: last?.payload["error"],
        evidence_sealed: false,
      });
      rmSync(inTheWay, { recursive: true });
      const again = await resume(world);
      expectOutcome(again, "succeeded", 0, null);
      expect(again.report["resumed"]).toMatchObject({ why: "broken", succeeded_before: 1 });
      expect(countOf(world, "a")).toBe(1);
    });
  });

  test("well or badly has nothing left to do, and says how to run a part of it again", async () => {
    await inWorld(async (world) => {
      for (const [script, outcome, exit] of [
        ["true", "succeeded", 0],
        ["exit 9", "failed", 1],
      ] as const) {
        const id = `r-${outcome}`;
        const ran = await world.start(bundle().step("a", sh(script)), "--runtime-run-id", id);
        expect(ran.code).toBe(exit);
        const said = expectError(await world.ask("runtime", "resume", id), "RUN_NOT_RESUMABLE", 5);
        expect(said["hint"]).toContain("--from");
      }
    });
  });

  test("runs a part again with --from: that and what depends on it, and nothing else", async () => {
    await inWorld(async (world) => {
      const diamond = bundle()
        .step("a", counting("a"))
        .step("b", counting("b", "test -e mended"), "a")
        .step("c", counting("c"), "a")
        .step("d", counting("d"), "b", "c");
      const failed = await world.start(diamond, "--runtime-run-id", "r1");
      expectOutcome(failed, "failed", 1, "SUBPROCESS_EXIT");
      expect(counts(world, "a", "b", "c", "d")).toEqual({ a: 1, b: 3, c: 1, d: 0 });
      writeFileSync(join(world.workdir("r1"), "mended"), "");
      const ran = await resume(world, "--from", "b");
      expectOutcome(ran, "succeeded", 0, null);
      expect(counts(world, "a", "b", "c", "d")).toEqual({ a: 1, b: 4, c: 1, d: 1 });
      const again = await resume(world, "--from", "c,node-b");
      expectOutcome(again, "succeeded", 0, null);
      expect(counts(world, "a", "b", "c", "d")).toEqual({ a: 1, b: 5, c: 2, d: 2 });
      expect(again.report["resumed"]).toMatchObject({ why: "rerun", run_again: ["b", "c", "d"] });
      const status = await world.ask("runtime", "status", "r1");
      expect(status.report).toMatchObject({ generation: 2, counts: { succeeded: 4 } });
      // A new result is a new piece of work: whoever deduplicates by key must not answer with the old one.
      const keys = keysOf(ofType(world.events("r1"), "runtime.action.completed"), "d");
      expect(new Set(keys).size).toBe(2);
    });
  });

  test("is not touched by a step that it does not have", async () => {
    await inWorld(async (world) => {
      expectOutcome(
        await world.start(chain.lanes({}), "--runtime-run-id", "r1", "--mode", "simulate"),
        "succeeded",
        0,
        null,
      );
      const before = world.events("r1").length;
      const said = expectError(await resume(world, "--from", "a,nowhere"), "STEP_UNKNOWN", 2);
      expect(said["details"]).toMatchObject({ unknown: ["nowhere"], steps: ["a", "b", "c"] });
      expectError(await resume(world, "--from", "a,,b"), "USAGE", 2);
      expectError(await world.ask("runtime", "resume", "nowhere"), "RUN_NOT_FOUND", 2);
      expectError(await resume(world, "--deadline", "soon"), "USAGE", 2);
      expect(world.events("r1").length).toBe(before);
      expect(await world.standing("r1")).toBe("succeeded");
    });
  });

  test("before its evidence was whole gets it, without its bundle and without running anything", async () => {
    await inWorld(async (world) => {
      const one = bundle().step("a", counting("a"));
      expectOutcome(await world.start(one, "--runtime-run-id", "r1"), "succeeded", 0, null);
      const record = join(world.runFolder("r1"), "runtime_run.json");
      const whole = readFileSync(record, "utf8");
      unseal(world);
      rmSync(record);
      rmSync(join(world.scope, ".akc/runtime/run-1.runtime_bundle.json"));
      const ran = await resume(world);
      expectOutcome(ran, "succeeded", 0, null);
      expect(ran.report["counts"]).toMatchObject({ total: 1, succeeded: 1 });
      expect(readFileSync(record, "utf8")).toBe(whole);
      expect(countOf(world, "a")).toBe(1);
      expectError(await resume(world), "RUN_NOT_RESUMABLE", 5);
    });
  });
});

/** As a process leaves it that dies between the outcome and the evidence. */
function unseal(world: World): void {
  using db = new Database(join(world.scope, ".akc/runtime/state.sqlite3"));
  db.run("UPDATE run SET evidence_seq = NULL");
}

/** A run of before facts were kept and the chain began with the run's identity. */
function asOfBefore(world: World): void {
  using db = new Database(join(world.scope, ".akc/runtime/state.sqlite3"));
  db.run("UPDATE run SET facts_sha256 = NULL, genesis = 'zeros', extra = '{}'");
  const chain = new EventChain(new Uint8Array(digestBytes));
  const events = db.query<{ id: number; type: string; at_ms: number; payload: string }, []>(
    "SELECT id, type, at_ms, payload FROM event ORDER BY id",
  );
  for (const [index, { id, type, at_ms, payload }] of events.all().entries()) {
    const digest = Uint8Array.from(chain.append(index + 1, type, at_ms, payload));
    db.query("UPDATE event SET sha256 = ? WHERE id = ?").run(digest, id);
  }
}

function retries(world: World): number {
  return ofType(world.events("r1"), "runtime.action.retried").length;
}
