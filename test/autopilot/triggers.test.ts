/** Triggers from real runs, real files and a real store: what is wrong arrives, once, and nothing is lost on the way. */
import { expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { AutopilotStore, Fence } from "../../src/autopilot/contract.ts";
import type { Attempt, Fact, Profile, Trigger } from "../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { createTriggerSources, type TriggerSourcesDeps } from "../../src/autopilot/triggers/sources.ts";
import { startRun } from "../../src/run/start.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import type { Clock } from "../../src/system/clock.ts";
import { systemIds } from "../../src/system/ids.ts";
import { bundle, exec, hurried, sh } from "../e2e/bundle.ts";
import { crashing, deploying } from "../e2e/services.ts";
import { elsewhere, event, runRow, turn } from "../store/builders.ts";
import { host, inScope, never, type ScopeWorld } from "./scope-world.ts";

/** The wall clock, moved on by hand where a test must not wait. */
class MovedClock implements Clock {
  aheadMs = 0;
  nowMs = () => Date.now() + this.aheadMs;
  monotonicMs = () => performance.now() + this.aheadMs;
  sleep = host.clock.sleep;
}

interface Watch {
  readonly store: AutopilotStore;
  readonly fence: Fence;
  readonly clock: MovedClock;
  /** As a visit does it: looks, then stores what was found together with the cursors. */
  visit(more?: Partial<ScopeConfig>): Promise<readonly Trigger[]>;
  /** Looks, and dies before it has stored anything. */
  lostVisit(): Promise<readonly Trigger[]>;
  /** As another process that has just started. */
  restart(profile?: Profile): void;
  settle(): Promise<void>;
  append(...facts: readonly Fact[]): Promise<void>;
  readonly notes: string[];
}

async function watching(world: ScopeWorld, work: (watch: Watch) => Promise<void>): Promise<void> {
  const store = await openAutopilotStore(world.outputsRoot);
  const { scope } = world.config();
  const fence = await store.raiseFence(scope, "test", Date.now());
  const clock = new MovedClock();
  const notes: string[] = [];
  let profile: Profile = "living_loop_v1";
  const deps: TriggerSourcesDeps = {
    clock,
    ids: systemIds,
    store,
    // As if all files were old: only then is anything passed over.
    fileClock: { ...host.clock, nowMs: () => Date.now() + 60_000 },
    config: () => ({ profile }),
    note: (_scope, kind, error) => notes.push(`${kind} ${error.code}`),
  };
  let sources = createTriggerSources(deps);
  const look = async (more: Partial<ScopeConfig> = {}) =>
    sources.collect(world.config(more), await store.state(scope), await store.cursors(scope), never);
  const append = async (...facts: readonly Fact[]) => {
    await store.append(scope, facts, fence, { nowMs: clock.nowMs() });
  };
  try {
    await work({
      store,
      fence,
      clock,
      notes,
      async visit(more) {
        const { triggers, cursors } = await look(more);
        const facts = triggers.map((trigger) => ({ type: "triggered", trigger }) as const);
        await store.append(scope, facts, fence, { nowMs: clock.nowMs(), cursors });
        return triggers;
      },
      lostVisit: async () => (await look()).triggers,
      restart(now = profile) {
        profile = now;
        sources = createTriggerSources(deps);
      },
      async settle() {
        const triggerIds = (await store.state(scope)).openTriggers.map(({ id }) => id);
        await append({ type: "triggers_settled", triggerIds, by: "recompile" });
      },
      append,
    });
  } finally {
    await store.close();
  }
}

/** Failing by a program that it may not start, since that is not tried again. */
async function run(
  world: ScopeWorld,
  runtimeRunId: string,
  failing: boolean | "tried" = true,
): Promise<void> {
  const tried = failing === "tried" ? hurried(sh("exit 3")) : sh("true");
  const route = failing === true ? exec(["/usr/bin/env"]) : tried;
  const offer = await world.place(`run-${runtimeRunId}`, bundle().started("work", route));
  const { bundlePath } = offer;
  const { outputsRoot } = world;
  await startRun(
    { bundlePath, outputsRoot, mode: "enforce", adapter: "auto", runtimeRunId, signal: never },
    host,
  );
}

/** Says something more in a run that has ended, as whoever reconciles it later does. */
async function say(world: ScopeWorld, runtimeRunId: string, type: string, payload: object): Promise<void> {
  const store = await openStore(world.scopeRoot);
  try {
    const writer = await store.resumeRun(runtimeRunId, elsewhere, Date.now());
    await writer.commit(turn({ events: [event(writer.lastSeq + 1, type, payload, Date.now())] }));
    await writer.close();
  } finally {
    await store.close();
  }
}

const dead = "runtime.action.dead_lettered";
const attested = "runtime.operational_validity.attested";
const reasons = (triggers: readonly Trigger[]) => triggers.map(({ details }) => details["reason"]);

test("the failure of an action arrives, is not lost by a crash before it is stored, and comes once", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      expect(await watch.visit()).toEqual([]);
      await run(world, "one", "tried");
      expect(reasons(await watch.lostVisit())).toEqual([dead]);
      watch.restart();
      const [trigger, ...others] = await watch.visit();
      expect(others).toEqual([]);
      expect(trigger).toMatchObject({
        kind: "runtime_event",
        severity: "high",
        details: { runtime_run_id: "one", impact_class: "workflow", event_type: dead, count: 1 },
      });
      expect(await watch.visit()).toEqual([]);
      watch.restart();
      expect(await watch.visit()).toEqual([]);
    }),
  );
}, 20_000);

test("a deployment that does not come to stand arrives as a signal of the service", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      const { bundlePath } = await world.place("run-1", deploying([crashing("web")]));
      const { outputsRoot } = world;
      await startRun({ bundlePath, outputsRoot, mode: "enforce", adapter: "auto", signal: never }, host);
      const found = await watch.visit();
      const told = reasons(found);
      expect(told).toContain("runtime.reconcile.finished:converged=false");
      expect(told).toContain("runtime.reconcile.rolled_back:rollback_applied");
      for (const { details, reason } of found) {
        expect(details).toMatchObject({ impact_class: "service" });
        if (String(details["event_type"]).endsWith("rolled_back")) expect(reason).toContain("web");
      }
    }),
  );
}, 30_000);

test("what happened before anybody watched is no news; what an old run says later is", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await run(world, "old");
      await run(world, "older", false);
      expect(await watch.visit()).toEqual([]);
      await run(world, "new");
      await say(world, "old", "runtime.reconcile.finished", { converged: false, mode: "enforce" });
      const found = await watch.visit();
      expect(found.map(({ details }) => details["runtime_run_id"]).sort()).toEqual(["new", "old"]);
    }),
  );
}, 20_000);

test("many signals of one reason are one trigger, also while it is open; what comes after it was settled is another", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      await run(world, "one", false);
      const fallback = "runtime.adapter.fallback";
      const says = (id: string) => say(world, "one", fallback, { primary_adapter_id: id });
      await says("a");
      await says("b");
      const [trigger] = await watch.visit();
      expect(trigger?.details).toMatchObject({ count: 2, subjects: ["a", "b"] });
      await says("c");
      expect(await watch.visit()).toEqual([]);
      await watch.settle();
      expect(await watch.visit()).toEqual([]);
      await says("d");
      expect(reasons(await watch.visit())).toEqual([fallback]);
    }),
  );
}, 20_000);

test("a signal that comes while somebody works at the one before is kept for afterwards", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      await run(world, "one");
      const [first] = await watch.visit();
      await watch.append({ type: "recompile_started", attemptId: "r1", triggerIds: [first?.id ?? ""] });
      await say(world, "one", dead, { action: {} });
      const [second] = await watch.visit();
      expect(second?.key).not.toBe(first?.key);
      expect(second?.details["reason"]).toBe(dead);
    }),
  );
}, 20_000);

test("what stood badly and stands well again is no signal any more", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      await run(world, "one", false);
      const status = "runtime.reconcile.resource_status";
      await say(world, "one", status, { resource_id: "web", converged: false, hash_matched: true });
      await say(world, "one", status, { resource_id: "db", converged: false, hash_matched: true });
      await say(world, "one", status, { resource_id: "web", converged: true, hash_matched: true });
      const [trigger, ...others] = await watch.visit();
      expect(others).toEqual([]);
      expect(trigger?.details["subjects"]).toEqual(["db"]);
    }),
  );
}, 20_000);

test("a failed attempt does not ask for the next one; what its run says after it has ended does", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      const offer = await world.place("run-mine", bundle().started("work", sh("exit 3")));
      const attempt: Attempt = world.attempt(offer, { attemptId: "a1", runtimeRunId: "mine" });
      await watch.append({ type: "attempt_started", attempt, answers: [] });
      await run(world, "mine");
      await watch.append({ type: "attempt_ended", attemptId: "a1", verdict: "failed" });
      watch.restart();
      expect(await watch.visit()).toEqual([]);
      watch.clock.aheadMs = 5;
      await Bun.sleep(10);
      await say(world, "mine", "runtime.adapter.fallback", {});
      expect(reasons(await watch.visit())).toEqual(["runtime.adapter.fallback"]);
    }),
  );
}, 20_000);

test("with profile off only a failed judgement of the deployed run counts, as one trigger of its own kind", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      watch.restart("off");
      await watch.visit();
      await run(world, "stands", false);
      await run(world, "another", false);
      const deployed = { bundleSha256: "0".repeat(64), bundlePath: "/b", runtimeRunId: "stands", atMs: 1 };
      await watch.append({ type: "adopted", deployed });
      await say(world, "stands", attested, { passed: true });
      await say(world, "another", attested, { passed: false });
      await say(world, "stands", dead, { action: {} });
      expect(await watch.visit()).toEqual([]);
      await say(world, "stands", attested, { passed: false, verdict: "fail" });
      const [trigger, ...others] = await watch.visit();
      expect(others).toEqual([]);
      expect(trigger).toMatchObject({ kind: "validity_failed", severity: "high" });
      // What was dropped meanwhile stays dropped.
      watch.restart("living_loop_v1");
      expect(await watch.visit()).toEqual([]);
    }),
  );
}, 20_000);

test("a simulated run says nothing of the world", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      await run(world, "one", false);
      const store = await openStore(world.scopeRoot);
      const { context } = runRow("played");
      const row = runRow("played", { context: { ...context, mode: "simulate" } });
      const writer = await store.createRun(row, elsewhere, Date.now());
      await writer.commit(turn({ events: [event(1, dead, { action: {} })] }));
      await writer.close();
      await store.close();
      expect(await watch.visit()).toEqual([]);
    }),
  );
}, 20_000);

test("a backlog larger than one look may read comes whole, a part at each", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      const store = await openStore(world.scopeRoot);
      const writer = await store.createRun(runRow("long"), elsewhere, Date.now());
      const many = 12_000;
      await writer.commit(
        turn({
          events: Array.from({ length: many }, (_, index) =>
            event(index + 1, index === many - 1 ? dead : "runtime.kernel.started", {}, Date.now()),
          ),
        }),
      );
      await writer.close();
      await store.close();
      const found = [await watch.visit(), await watch.visit(), await watch.visit(), await watch.visit()];
      expect(found.map(reasons)).toEqual([[], [], [dead], []]);
    }),
  );
}, 20_000);

test("a changed source is told once, with its name, also over a restart; what akc keeps there is not looked at", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      const sources = ["src", "manifest.json"];
      const visit = () => watch.visit({ triggers: { ...world.config().triggers, sources } });
      await world.write("src/a.txt", "a");
      await world.write("src/deep/b.txt", "b");
      await world.write("manifest.json", '{"x": 1, "metadata": {"living_artifacts": [1]}}');
      expect(await visit()).toEqual([]);
      expect(await visit()).toEqual([]);
      // Living metadata, akc's own folder, a touched file: nothing of the sources.
      await world.write("manifest.json", '{"metadata": {"living_artifacts": [1, 2]}, "x": 1}');
      await world.write("src/.akc/run/x.json", "{}");
      utimesSync(join(world.scopeRoot, "src/a.txt"), 1, 1);
      expect(await visit()).toEqual([]);
      await world.write("src/deep/b.txt", "B");
      const [trigger] = await visit();
      expect(trigger).toMatchObject({ kind: "changed_sources", details: { changed: ["src/deep/b.txt"] } });
      watch.restart();
      expect(await visit()).toEqual([]);
      await watch.settle();
      watch.restart();
      expect(await visit()).toEqual([]);
      rmSync(join(world.scopeRoot, "src/a.txt"));
      expect((await visit()).map(({ kind }) => kind)).toEqual(["changed_sources"]);
      await watch.settle();
      await world.write("manifest.json", '{"metadata": {"living_artifacts": [1, 2]}, "x": 2}');
      expect((await visit()).map(({ kind }) => kind)).toEqual(["changed_sources"]);
    }),
  );
}, 20_000);

test("a source that nobody can read has not changed, is named once, and stops nothing else", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await world.write("src/a.txt", "a");
      const visit = (source: string) =>
        watch.visit({ triggers: { ...world.config().triggers, sources: ["src", source] } });
      await visit("src");
      symlinkSync("loop", join(world.scopeRoot, "loop"));
      await run(world, "one");
      expect(reasons(await visit("loop"))).toEqual([dead]);
      expect(await visit("loop")).toEqual([]);
      expect(watch.notes).toEqual(["changed_sources FILE_UNREADABLE"]);
    }),
  );
}, 20_000);

test("another intent in the newest manifest is told once, and again when it comes back", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      const one = "1".repeat(64);
      const two = "2".repeat(64);
      const intended = bundle().started("work", sh("true"));
      const { bundlePath } = await world.place(
        "run-1",
        intended.with({
          intent_ref: {
            intent_id: "i",
            stable_intent_sha256: one,
            semantic_fingerprint: "b".repeat(16),
            goal_text_fingerprint: "c".repeat(16),
          },
        }),
      );
      const { outputsRoot } = world;
      await startRun(
        { bundlePath, outputsRoot, mode: "enforce", adapter: "auto", runtimeRunId: "stands", signal: never },
        host,
      );
      const deployed = { bundleSha256: "0".repeat(64), bundlePath, runtimeRunId: "stands", atMs: 1 };
      await watch.append({ type: "adopted", deployed });
      const path = join(world.scopeRoot, ".akc/run/run-1.manifest.json");
      const manifest = JSON.parse(readFileSync(path, "utf8"));
      const newest = (hash: string) =>
        writeFileSync(path, JSON.stringify({ ...manifest, stable_intent_sha256: hash }));
      newest(one);
      expect(await watch.visit()).toEqual([]);
      newest(two);
      const [trigger, ...others] = await watch.visit();
      expect(others).toEqual([]);
      expect(trigger).toMatchObject({
        kind: "changed_intent",
        severity: "high",
        details: { manifest_stable_intent_sha256: two, deployed_stable_intent_sha256: one },
      });
      await watch.settle();
      watch.restart();
      expect(await watch.visit()).toEqual([]);
      newest(one);
      expect(await watch.visit()).toEqual([]);
      newest(two);
      expect((await watch.visit()).map(({ kind }) => kind)).toEqual(["changed_intent"]);
    }),
  );
}, 20_000);

test("a schedule fires at its times, once for those that were missed while nobody ran", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      const schedule = { cron: "0 * * * *", timeZone: "UTC" };
      const visit = () => watch.visit({ triggers: { ...world.config().triggers, schedule } });
      const hour = 3_600_000;
      expect(await visit()).toEqual([]);
      watch.clock.aheadMs = hour;
      expect((await visit()).map(({ kind, severity }) => [kind, severity])).toEqual([["schedule", "low"]]);
      expect(await visit()).toEqual([]);
      await watch.settle();
      watch.restart();
      expect(await visit()).toEqual([]);
      watch.clock.aheadMs = 5 * hour;
      const [trigger, ...others] = await visit();
      expect(others).toEqual([]);
      expect(trigger?.details).toMatchObject({ missed: 3 });
    }),
  );
}, 20_000);

test("a state of runs that is damaged is an error of that scope, and nothing is taken as read", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      const place = join(world.scopeRoot, ".akc/runtime");
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, "state.sqlite3"), "this is no database");
      appendFileSync(join(place, "state.sqlite3"), "x".repeat(4096));
      const before = await watch.store.cursors(world.config().scope);
      await expect(watch.visit()).rejects.toMatchObject({ code: "STORE_DAMAGED" });
      expect(await watch.store.cursors(world.config().scope)).toEqual(before);
    }),
  );
}, 20_000);

test("a database that was not written since is not opened again; one that may have been is", async () => {
  await inScope((world) =>
    watching(world, async (watch) => {
      await watch.visit();
      await run(world, "one", false);
      const path = join(world.scopeRoot, ".akc/runtime/state.sqlite3");
      const age = (seconds: number) => utimesSync(path, seconds, seconds);
      age(1_000);
      await watch.visit();
      // Of the same length and the same age: whoever opens it finds no database.
      writeFileSync(path, "x".repeat(statSync(path).size));
      age(1_000);
      expect(await watch.visit()).toEqual([]);
      age(1_001);
      await expect(watch.visit()).rejects.toMatchObject({ code: "STORE_DAMAGED" });
    }),
  );
}, 20_000);
