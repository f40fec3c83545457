/** Canaries from bundles: what changes first, what they wait for, and what a person's word makes of them. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import type { Json } from "./bundle.ts";
import {
  columns,
  crashing,
  deploying,
  ended,
  health,
  inShop,
  type Shop,
  standing,
  type Wanted,
} from "./services.ts";
import { expectError, type Live, type Started, until } from "./world.ts";

const ids = ["cart", "pay", "search", "web"];
const release = (version: number, ...over: readonly Wanted[]) =>
  ids.map((id, index) => over.find((one) => one.id === id) ?? standing(id, version * 10 + index));

/** Version 1 stands; then this bundle is started in mode canary. */
async function canary(shop: Shop, wanted: readonly Wanted[], members: Json = {}): Promise<string> {
  const first = await shop.start(await shop.write("v1", deploying(release(1))));
  expect(first.report).toMatchObject({ converged: true });
  const path = await shop.write("v2", deploying(wanted, members));
  const ran = await shop.start(path, "--mode", "canary");
  expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, outcome: "succeeded" });
  return String(ran.report["runtime_run_id"]);
}

const rollout = (shop: Shop, ...words: readonly string[]): Promise<Started> => shop.akc("rollout", ...words);
const commands = (...versions: readonly number[]) =>
  versions.map((version, index) => `sleep ${70_000 + version * 10 + index}`).toSorted();

describe("a plain canary", () => {
  test("changes the first resource and waits; promote changes the rest, without anybody driving it", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2));
      await shop.expectRunning(commands(2, 1, 1, 1));
      const status = await rollout(shop, "status");
      expect({ code: status.code, ...status.report }).toMatchObject({
        ...{ code: 0, kind: "Rollout", runtime_run_id: run, strategy: "canary" },
        ...{ phase: "paused", reason: "awaiting_approval", step: 1, steps: 2 },
      });
      expect(columns(status.report["resources"], "resource_id", "state")).toEqual([
        ...["cart settled", "pay waiting", "search waiting", "web waiting"],
      ]);
      const again = await shop.akc("runtime", "reconcile", run, "--apply");
      expect({ code: again.code, ...again.report }).toMatchObject({ code: 0, converged: false });
      expect(again.stderr).toContain("akc rollout promote");
      await shop.expectRunning(commands(2, 1, 1, 1));

      const promoted = await rollout(shop, "promote");
      expect({ code: promoted.code, ...promoted.report }).toMatchObject({ code: 0, phase: "completed" });
      await shop.expectRunning(commands(2, 2, 2, 2));
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
      expectError(await rollout(shop, "promote"), "ROLLOUT_ENDED", 5);
    }));

  test("a word that whoever was at the rollout left unheard is carried out by whoever said it", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2));
      const store = await openStore(shop.world.scope, { create: false });
      try {
        const leaving = await store.resumeRun(run, thisProcess(), Date.now());
        await leaving.holdScope(Date.now());
        const said = rollout(shop, "abort");
        await until("the word is there", async () => (await store.deployment.openRequests()).length === 1);
        await leaving.close();
        expect((await said).report).toMatchObject({ phase: "rolled_back", reason: "aborted_by_operator" });
      } finally {
        await store.close();
      }
      await shop.expectRunning(commands(1, 1, 1, 1));
    }));

  test("is brought back by abort, begun anew by retry, and undone by undo", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2));
      const before = shop.pidOf("sleep 70011");
      const aborted = await rollout(shop, "abort");
      expect({ code: aborted.code, ...aborted.report }).toMatchObject({
        ...{ code: 0, phase: "rolled_back", reason: "aborted_by_operator" },
      });
      await shop.expectRunning(commands(1, 1, 1, 1));
      expect(shop.pidOf("sleep 70011")).toBe(before);
      const retried = await rollout(shop, "retry");
      expect(retried.report).toMatchObject({ phase: "paused", reason: "awaiting_approval" });
      await shop.expectRunning(commands(2, 1, 1, 1));
      const promoted = await rollout(shop, "promote", "--full");
      expect(promoted.report).toMatchObject({ phase: "completed" });
      const undone = await rollout(shop, "undo");
      expect({ code: undone.code, ...undone.report }).toMatchObject({ code: 0, phase: "rolled_back" });
      await shop.expectRunning(commands(1, 1, 1, 1));
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
    }));

  test("keeps a word that is only left, until somebody goes on with it", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2));
      const left = await rollout(shop, "promote", "--no-drive");
      expect(left.code).toBe(0);
      expect(left.stderr).toContain("nobody is at the rollout");
      await shop.expectRunning(commands(2, 1, 1, 1));
      expect((await shop.akc("runtime", "reconcile", run, "--apply")).report).toMatchObject({
        converged: true,
      });
      await shop.expectRunning(commands(2, 2, 2, 2));
    }));
});

test("a word to a rollout whose run cannot be read says what is wrong with the state", () =>
  inShop(async (shop) => {
    const run = await canary(shop, release(2));
    const state = join(shop.world.scope, ".akc/runtime/state.sqlite3");
    misplace(run, state);
    expectError(await rollout(shop, "promote"), "STORE_DAMAGED", 1);
    await shop.expectRunning(commands(2, 1, 1, 1));
    rmSync(state);
  }));

/** The runs can be listed still, but this one is not found where the index of their ids says that it is. */
function misplace(run: string, path: string): void {
  using db = new Database(path);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const row = db
    .query<{ page: number; size: number }, []>(
      "SELECT rootpage AS page, page_size AS size FROM sqlite_schema, pragma_page_size WHERE name = 'sqlite_autoindex_run_1'",
    )
    .get();
  if (row === null) throw new Error("runs have no index");
  const bytes = readFileSync(path);
  // An entry is the id and, in the byte behind it, the row's number.
  const at = bytes.indexOf(run, (row.page - 1) * row.size) + run.length;
  writeFileSync(path, bytes.fill(0x7f, at, at + 1));
}

describe("the documented canary", () => {
  const documented = {
    reconcile_canary_strategy: { weight_steps: [0.25, 0.5, 1], pause_windows_ms: [300, 300] },
    // It would have the first word.
    runtime_rollout: undefined,
  };

  test("goes up its steps by itself, looking meanwhile", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2), documented);
      await shop.expectRunning(commands(2, 2, 2, 2));
      const phases = shop.world
        .events(run)
        .filter(({ type }) => type === "runtime.rollout.changed" || type.endsWith("rollout_changed"))
        .map(({ payload }) => `${payload["phase"]} ${payload["step"]}`);
      expect(phases).toContain("baking 1");
      expect(phases).toContain("baking 2");
      expect(phases.at(-1)).toBe("completed 3");
      expect((await rollout(shop, "status")).report).toMatchObject({ phase: "completed", steps: 3 });
    }));

  test("brings all of them back when one fails, those of earlier steps too", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2, crashing("pay")), documented);
      await shop.expectRunning(commands(1, 1, 1, 1));
      expect((await rollout(shop, "status")).report).toMatchObject({
        phase: "rolled_back",
        reason: "unhealthy",
      });
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
    }));
});

describe("while another process drives it", () => {
  async function driven(shop: Shop, run: string): Promise<Live> {
    const live = shop.live("runtime", "reconcile", run, "--apply", "--watch", "--watch-max-iterations", "0");
    await until("it is driven", async () => {
      const items = (await shop.akc("lease", "list")).report["items"];
      return Array.isArray(items) && items.some((item) => item.deploys === true);
    });
    return live;
  }
  const phase = async (shop: Shop) => (await rollout(shop, "status")).report["phase"];

  test("the word is taken: promote, undo, retry, abort", () =>
    inShop(async (shop) => {
      const run = await canary(shop, release(2));
      const live = await driven(shop, run);
      const promoted = await rollout(shop, "promote");
      expect({ code: promoted.code, stderr: promoted.stderr }).toEqual({
        code: 0,
        stderr: expect.not.stringContaining("not taken"),
      });
      await until("it is complete", async () => (await phase(shop)) === "completed");
      await shop.expectRunning(commands(2, 2, 2, 2));
      const undone = await rollout(shop, "undo");
      expect(undone.stderr).not.toContain("not taken");
      await until("it is undone", async () => (await phase(shop)) === "rolled_back");
      await shop.expectRunning(commands(1, 1, 1, 1));
      const retried = await rollout(shop, "retry");
      expect(retried.stderr).not.toContain("not taken");
      await until("it waits again", async () => (await phase(shop)) === "paused");
      await rollout(shop, "abort");
      await until("it is back", async () => (await phase(shop)) === "rolled_back");
      await shop.expectRunning(commands(1, 1, 1, 1));
      live.kill("SIGTERM");
      expect((await ended(live)).code).toBe(143);
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
    }));

  test("it is held by pause, goes on by resume, and a bake is skipped by promote", () =>
    inShop(async (shop) => {
      const slow = {
        strategy: "canary",
        steps: [
          { count: 1, bake_ms: 60_000 },
          { count: 2, bake_ms: 60_000 },
        ],
        health,
      };
      const first = await shop.start(await shop.write("v1", deploying(release(1))));
      expect(first.report).toMatchObject({ converged: true });
      const live = shop.begin(await shop.write("v2", deploying(release(2), { runtime_rollout: slow })));
      await until("it bakes", async () => (await phase(shop)) === "baking");
      await shop.expectRunning(commands(2, 1, 1, 1));
      await rollout(shop, "pause");
      // Nobody who starts a run waits for a person: it is left where it is.
      const ran = await ended(live);
      expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, converged: false });
      expect((await rollout(shop, "status")).report).toMatchObject({
        phase: "paused",
        reason: "paused_by_operator",
      });

      const resumed = shop.live("rollout", "resume");
      await until("it bakes again", async () => (await phase(shop)) === "baking");
      await rollout(shop, "promote");
      await until("the second is new", () => shop.running().includes("sleep 70021"));
      await until("it bakes", async () => (await phase(shop)) === "baking");
      await rollout(shop, "promote");
      const done = await ended(resumed);
      expect({ code: done.code, ...done.report }).toMatchObject({ code: 0, phase: "completed" });
      await shop.expectRunning(commands(2, 2, 2, 2));
    }));
});
