/** Finding runs whose process died, recovering them all, and taking a run away from a holder that cannot be seen. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { bundle, type Json, sh } from "./bundle.ts";
import { expectError, expectOutcome, inWorld, type Live, until, untilThere, type World } from "./world.ts";

/** Goes on without end the first time, ends at once the second time. */
const once = bundle().step("a", sh("test -e up && exit; touch up; sleep 1000"));

async function underWay(world: World, id: string, path: string): Promise<Live> {
  const live = await world.begin(path, "--runtime-run-id", id);
  await untilThere(join(world.workdir(id), "up"));
  return live;
}

async function abandoned(world: World, id: string, path: string): Promise<void> {
  const live = await underWay(world, id, path);
  live.kill("SIGKILL");
  await live.ended;
}

function items(report: Json): readonly Json[] {
  const list = report["items"];
  return Array.isArray(list) ? list : [];
}

function change(world: World, sql: string): void {
  using db = new Database(join(world.scope, ".akc/runtime/state.sqlite3"));
  db.run("PRAGMA busy_timeout = 10000");
  db.run(sql);
}

describe("runs whose process died", () => {
  test("are listed with why and since when; those of the living are left alone and named", async () => {
    await inWorld(async (world) => {
      const path = await world.place(once);
      await abandoned(world, "dead", path);
      const live = await underWay(world, "alive", path);
      const { report } = await world.ask("runtime", "list", "--stale");
      expect(report).toMatchObject({
        kind: "RunList",
        total: 1,
        items: [
          {
            runtime_run_id: "dead",
            standing: "abandoned",
            stale: "abandoned",
            why: expect.stringMatching(/^process \d+ on .* is gone$/),
            holder: { alive: false, why: "process_gone", host: hostname(), token: 1 },
          },
        ],
        held: [{ runtime_run_id: "alive", why: expect.stringContaining("is at it") }],
      });
      const last = world.events("dead").at(-1);
      expect(items(report)[0]?.["since_ms"]).toBe(last?.atMs);
      live.kill("SIGTERM");
      await live.ended;
      const { stderr } = await world.ask("runtime", "list", "--stale");
      expect(stderr).toBe("");
      await world.ask("runtime", "resume", "dead");
      expect((await world.ask("runtime", "list", "--stale")).stderr).toContain("no run is stale");
    });
  });

  test("are stale at once after a restart of the host, and on another host only when their lease has ended", async () => {
    await inWorld(async (world) => {
      await abandoned(world, "r1", await world.place(once));
      const soon = Date.now() + 3_600_000;
      change(
        world,
        `UPDATE lease SET boot_id = 'another/pid:[1]', pid = ${process.pid}, expires_at_ms = ${soon}`,
      );
      const restarted = await world.ask("runtime", "list", "--stale");
      expect(items(restarted.report)).toMatchObject([{ holder: { why: "host_restarted" } }]);
      change(world, "UPDATE lease SET host = 'elsewhere'");
      const elsewhere = await world.ask("runtime", "list", "--stale");
      expect(elsewhere.report).toMatchObject({ items: [], held: [{ runtime_run_id: "r1" }] });
      expectError(await world.ask("runtime", "resume", "r1"), "LEASE_HELD", 5);
      change(world, `UPDATE lease SET expires_at_ms = ${Date.now() - 1}`);
      const expired = await world.ask("runtime", "list", "--stale");
      expect(items(expired.report)).toMatchObject([{ holder: { why: "expired", host: "elsewhere" } }]);
      expectOutcome(await world.ask("runtime", "resume", "r1"), "succeeded", 0, null);
    });
  });

  test("are recovered one after the other, and a broken one keeps no other from its turn", async () => {
    await inWorld(async (world) => {
      const path = await world.place(once);
      const lost = await world.write(".akc/runtime/lost.json", JSON.stringify(once.document()));
      await abandoned(world, "broken", lost);
      await abandoned(world, "first", path);
      await abandoned(world, "second", path);
      await abandoned(world, "unwanted", path);
      await world.ask("runtime", "stop", "unwanted");
      expectOutcome(
        await world.start(path, "--runtime-run-id", "bare", "--mode", "simulate"),
        "succeeded",
        0,
        null,
      );
      change(world, "UPDATE run SET evidence_seq = NULL WHERE runtime_run_id = 'bare'");
      rmSync(join(world.runFolder("bare"), "events.json"));
      rmSync(lost);
      const live = await underWay(world, "alive", path);
      const recovered = await world.ask("runtime", "list", "--recover-stale");
      expect(recovered.code).toBe(1);
      const results = Object.fromEntries(
        items(recovered.report).map(({ runtime_run_id: id, stale, result, error_code: code }) => [
          id,
          [stale, result, code],
        ]),
      );
      expect(results).toEqual({
        broken: ["abandoned", "error", "FILE_NOT_FOUND"],
        first: ["abandoned", "succeeded", null],
        second: ["abandoned", "succeeded", null],
        unwanted: ["abandoned", "skipped", null],
        bare: ["unsealed", "succeeded", null],
      });
      expect(recovered.report).toMatchObject({ total: 5, recovered: 4, held: [{ runtime_run_id: "alive" }] });
      expect(existsSync(join(world.runFolder("bare"), "events.json"))).toBe(true);
      expect(await world.standing("alive")).toBe("running");
      live.kill("SIGTERM");
      await live.ended;
      // A stopped run stays stopped.
      await world.ask("runtime", "list", "--recover-stale");
      expect(await world.standing("alive")).toBe("stopped");
      await world.write(".akc/runtime/lost.json", JSON.stringify(once.document()));
      expect((await world.ask("runtime", "list", "--recover-stale")).code).toBe(0);
      expect(await world.standing("broken")).toBe("succeeded");
    });
  });
});

test("of stale runs, those that only wait keep no other waiting", async () => {
  await inWorld(async (world) => {
    const path = await world.place(once);
    const gate = { route: "wait", wait: { signal: "go" } };
    const waits = await world.write(
      ".akc/runtime/waits.json",
      JSON.stringify(bundle().started("gate", gate).document()),
    );
    await abandoned(world, "first", path);
    // The newest would have its turn before the others.
    const live = await world.begin(waits, "--runtime-run-id", "waits");
    await until(
      "it waits",
      async () => existsSync(world.runFolder("waits")) && (await world.standing("waits")) === "waiting",
    );
    live.kill("SIGKILL");
    await live.ended;
    const recovering = world.live([
      ..."runtime list --recover-stale -o json --outputs-root".split(" "),
      world.root,
    ]);
    await until("the other is done", async () => (await world.standing("first")) === "succeeded");
    await world.ask("runtime", "signal", "waits", "--name", "go");
    expect((await recovering.ended).code).toBe(0);
    expect(await world.standing("waits")).toBe("succeeded");
  });
});

describe("a lease", () => {
  test("is shown with its holder, and taken away only under the token that was shown", async () => {
    await inWorld(async (world) => {
      const live = await underWay(world, "r1", await world.place(once));
      const { report: shown } = await world.ask("lease", "show", "r1");
      expect(shown).toMatchObject({
        kind: "Lease",
        standing: "running",
        holder: { pid: live.pid, host: hostname(), token: 1, alive: true, why: "process_seen" },
      });
      expect((await world.ask("lease", "list")).report).toMatchObject({ items: [{ runtime_run_id: "r1" }] });
      expectError(await world.ask("lease", "break", "r1", "--token", "7"), "LEASE_MOVED", 5);
      expectError(await world.ask("lease", "break", "r1", "--token", "one"), "USAGE", 2);
      expectError(await world.ask("lease", "break", "r1"), "USAGE", 2);
      expectError(await world.ask("lease", "break", "nowhere", "--token", "1"), "RUN_NOT_FOUND", 2);
      // A holder that cannot answer: the run is taken away, goes on elsewhere, and what wakes up writes nothing.
      live.kill("SIGSTOP");
      const broken = await world.ask("lease", "break", "r1", "--token", "1");
      expect(broken.report).toMatchObject({ kind: "LeaseBroken", was_held: true, token: 2 });
      expect(await world.standing("r1")).toBe("abandoned");
      expectOutcome(await world.ask("runtime", "resume", "r1"), "succeeded", 0, null);
      const events = world.events("r1").length;
      live.kill("SIGCONT");
      const woken = await live.ended;
      expectError({ ...woken }, "LEASE_LOST", 5);
      expect(world.events("r1").length).toBe(events);
      expect(await world.standing("r1")).toBe("succeeded");
      expect((await world.ask("lease", "list")).report).toMatchObject({ items: [] });
    });
  });
});

test("a unit that restarts its run until it is done runs it once", async () => {
  await inWorld(async (world) => {
    const path = await world.place(
      bundle().step("a", sh("echo x >> count; touch up; while ! test -e go; do sleep 0.01; done")),
    );
    for (const _ of [1, 2]) {
      await abandoned(world, "nightly", path);
      rmSync(join(world.workdir("nightly"), "up"));
    }
    writeFileSync(join(world.workdir("nightly"), "go"), "");
    expectOutcome(await world.start(path, "--runtime-run-id", "nightly"), "succeeded", 0, null);
    expectError(await world.start(path, "--runtime-run-id", "nightly"), "RUN_EXISTS", 5);
    expect((await Bun.file(join(world.workdir("nightly"), "count")).text()).length).toBe(6);
  });
});
