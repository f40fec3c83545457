/** Keeping what stands: by one process at a time, quickly, and without a word where there is nothing to do. */
import { describe, expect, test } from "bun:test";
import { deploying, ended, inShop, type Shop, standing } from "./services.ts";
import { expectError, type Live, until } from "./world.ts";

const two = [standing("web", 1, { needs: ["db"] }), standing("db", 2)];

async function startedRun(shop: Shop, name = "v1", wanted = two): Promise<string> {
  const { report } = await shop.start(await shop.write(name, deploying(wanted)));
  expect(report).toMatchObject({ outcome: "succeeded", converged: true });
  return String(report["runtime_run_id"]);
}

async function watching(shop: Shop, run: string, ...flags: readonly string[]): Promise<Live> {
  const live = shop.live(
    "runtime",
    "reconcile",
    run,
    "--apply",
    "--watch",
    "--watch-max-iterations",
    "0",
    ...flags,
  );
  await until("somebody watches", async () => deploys(shop));
  return live;
}

async function deploys(shop: Shop): Promise<boolean> {
  const items = (await shop.akc("lease", "list")).report["items"];
  return Array.isArray(items) && items.some((item) => item.deploys === true);
}

describe("a watch", () => {
  test("starts again what somebody kills, within a second, and ends in good order", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      const db = shop.pidOf("sleep 70002");
      const live = await watching(shop, run, "--watch-interval-sec", "30");
      const events = shop.world.events(run).length;
      for (let round = 0; round < 3; round += 1) {
        const before = shop.pidOf("sleep 70001");
        process.kill(before, "SIGKILL");
        const killedAt = performance.now();
        await until("web runs again", () =>
          shop.found().some((one) => one.command === "sleep 70001" && one.pid !== before),
        );
        expect(performance.now() - killedAt).toBeLessThan(1_500);
        await Bun.sleep(100);
      }
      live.kill("SIGTERM");
      const ran = await ended(live);
      expect(ran.code).toBe(143);
      await shop.expectRunning(["sleep 70001", "sleep 70002"]);
      expect(shop.pidOf("sleep 70002")).toBe(db);
      const { report } = await shop.akc("runtime", "status", run);
      expect(report).toMatchObject({ standing: "succeeded", evidence_sealed: true, holder: null });
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
      expect(shop.world.events(run).length).toBeGreaterThanOrEqual(events);
    }));

  test("that finds nothing to do records nothing", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      const events = shop.world.events(run).length;
      const ran = await shop.akc(
        ...["runtime", "reconcile", run, "--apply", "--watch"],
        ...["--watch-max-iterations", "5", "--watch-interval-sec", "0.1"],
      );
      expect({ code: ran.code, ...ran.report }).toMatchObject({
        code: 0,
        converged: true,
        looks: 5,
        passes: 0,
      });
      expect(shop.world.events(run).length).toBe(events);
    }));

  test("that finds something missing puts it back, and is told to end by SIGINT", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop, "v1", [standing("web", 1)]);
      await shop.kill("sleep 70001");
      await Bun.sleep(50);
      const live = await watching(shop, run, "--watch-interval-sec", "0.2");
      await until("web runs again", () => shop.running().length === 1);
      live.kill("SIGINT");
      const ran = await ended(live);
      expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 130, converged: true });
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
      expect((await shop.akc("runtime", "status", run)).report).toMatchObject({ evidence_sealed: true });
    }));
});

describe("two at once", () => {
  test("of one run: one works, the other is refused and names the holder, and all stands once", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      const live = await watching(shop, run);
      const refused = expectError(await shop.akc("runtime", "reconcile", run, "--apply"), "LEASE_HELD", 5);
      expect(JSON.stringify(refused["details"])).toContain(`:${live.pid}:`);
      await shop.kill("sleep 70001");
      await until("web runs again", () => shop.running().length === 2);
      live.kill("SIGTERM");
      await ended(live);
      expect((await shop.akc("runtime", "reconcile", run, "--apply")).report).toMatchObject({
        converged: true,
      });
      await shop.expectRunning(["sleep 70001", "sleep 70002"]);
    }));

  test("of two runs of a scope: the other is refused by the scope, and all stands once", () =>
    inShop(async (shop) => {
      const first = await startedRun(shop);
      const second = await startedRun(shop, "v2", [
        standing("web", 11, { needs: ["db"] }),
        standing("db", 2),
      ]);
      const live = await watching(shop, second);
      const refused = expectError(await shop.akc("runtime", "reconcile", first, "--apply"), "SCOPE_HELD", 5);
      expect(JSON.stringify(refused["details"])).toContain(`:${live.pid}:`);
      const started = await shop.start(await shop.write("v3", deploying([standing("web", 12)])));
      expectError(started, "SCOPE_HELD", 5);
      // Nothing of it was begun.
      expect((await shop.akc("runtime", "list")).report).toMatchObject({ total: 2 });
      await shop.expectRunning(["sleep 70002", "sleep 70011"]);
      live.kill("SIGTERM");
      await ended(live);
      expect((await shop.akc("runtime", "reconcile", first, "--apply")).report).toMatchObject({
        converged: true,
      });
      await shop.expectRunning(["sleep 70001", "sleep 70002"]);
      for (const run of [first, second]) {
        expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
      }
    }));

  test("of many that begin in the same moment", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      const other = await startedRun(shop, "v1");
      for (const command of shop.running()) await shop.kill(command);
      await Bun.sleep(50);
      const all = await Promise.all(
        [run, run, other, other, run].map((id) => shop.akc("runtime", "reconcile", id, "--apply")),
      );
      for (const ran of all) {
        if (ran.code === 0) expect(ran.report).toMatchObject({ converged: true });
        else expect(ran.report["code"]).toBeOneOf(["LEASE_HELD", "SCOPE_HELD"]);
      }
      expect(all.some(({ code }) => code === 0)).toBe(true);
      await shop.expectRunning(["sleep 70001", "sleep 70002"]);
    }));
});
