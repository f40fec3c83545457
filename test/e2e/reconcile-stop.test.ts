/** What is told to end while it makes things stand ends in good order, and is gone on with where it stood. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import type { BundleBuilder } from "./bundle.ts";
import { changing, deploying, ended, inShop, quickly, standing } from "./services.ts";
import { expectError, until } from "./world.ts";

/** Not ready before there is a file. */
function neverReady(): BundleBuilder {
  const ready = { kind: "exec", command: ["test", "-e", "ready"], interval_ms: 50, failure_threshold: 1_000 };
  const wanted = [
    standing("db", 1, { process: { readiness: ready } }),
    standing("web", 2, { needs: ["db"] }),
  ];
  return deploying(wanted, { runtime_rollout: { ...quickly, health: { healthy_deadline_ms: 60_000 } } });
}

for (const how of ["SIGTERM", "runtime stop"] as const) {
  test(`a start that ${how} ends while it converges is stopped, and a resume goes on with the rollout`, () =>
    inShop(async (shop) => {
      const path = await shop.write("v1", neverReady());
      const live = shop.begin(path, "--runtime-run-id", "r1");
      await until("db runs", () => shop.running().length === 1);
      const refused = await shop.akc("runtime", "reconcile", "r1", "--apply");
      expect(refused.report).toMatchObject({ kind: "Error", code: "LEASE_HELD" });
      if (how === "SIGTERM") live.kill("SIGTERM");
      else
        expect((await shop.akc("runtime", "stop", "r1", "--wait", "20s")).report).toMatchObject({
          outcome: "stopped",
        });
      const stopped = await ended(live);
      expect({ code: stopped.code, ...stopped.report }).toMatchObject({
        code: how === "SIGTERM" ? 143 : 1,
        outcome: "stopped",
        converged: false,
      });
      const db = shop.found();
      expect(db.map(({ command }) => command)).toEqual(["sleep 70001"]);
      expect((await shop.akc("runtime", "verify", "r1")).report).toMatchObject({ verdict: "verified" });
      expect((await shop.akc("rollout", "status")).report).toMatchObject({ phase: "progressing" });

      const resumed = shop.live("runtime", "resume", "r1");
      await until("somebody drives it", async () => {
        return (await shop.akc("lease", "list")).report["total"] === 1;
      });
      await Bun.write(`${shop.world.scope}/.akc/services/db/work/ready`, "");
      const done = await ended(resumed);
      expect({ code: done.code, ...done.report }).toMatchObject({
        code: 0,
        outcome: "succeeded",
        converged: true,
      });
      await shop.expectRunning(["sleep 70001", "sleep 70002"]);
      expect(shop.pidOf("sleep 70001")).toBe(Number(db[0]?.pid));
      expect((await shop.akc("rollout", "list")).report).toMatchObject({
        total: 1,
        items: [{ phase: "completed" }],
      });
      expect((await shop.akc("runtime", "verify", "r1")).report).toMatchObject({ verdict: "verified" });
    }));
}

test("a start that is told to end while its provider does not answer is stopped and not broken", () =>
  inShop(async (shop) => {
    const slow = join(shop.world.side, "systemctl");
    await Bun.write(slow, '#!/bin/sh\n: >"$0.asked"\nexec sleep 60\n');
    await chmod(slow, 0o755);
    const env = { ...changing, AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER: "1", AKC_SYSTEMCTL: slow };
    const web = { node_id: "web", kind: "service", name: "web", depends_on: [] };
    const intents = [{ ...web, runtime_deployment: { systemd: { unit: "web.service" } } }];
    const observing = deploying([], {
      deployment_provider: { kind: "systemd_observe" },
      deployment_intents: intents,
    });
    const path = await shop.write("v1", observing);
    const flags = ["--outputs-root", shop.world.root, "-o", "json"];
    const live = shop.world.live(["runtime", "start", "--bundle", path, "--mode", "enforce", ...flags], {
      env,
    });
    await until("it is asked", () => Bun.file(`${slow}.asked`).exists());
    live.kill("SIGTERM");
    const started = performance.now();
    const ran = await ended(live);
    expect({ code: ran.code, ...ran.report }).toMatchObject({
      code: 143,
      outcome: "stopped",
      converged: false,
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    const run = String(ran.report["runtime_run_id"]);
    expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
  }));

test("a run whose akc was killed is not reconciled, but told to be gone on with", () =>
  inShop(async (shop) => {
    const live = shop.begin(await shop.write("v1", neverReady()), "--runtime-run-id", "r1");
    await until("db runs", () => shop.running().length === 1);
    live.kill("SIGKILL");
    await live.ended;
    const said = expectError(await shop.akc("runtime", "reconcile", "r1", "--apply"), "RUN_NOT_RESUMABLE", 5);
    expect(said["hint"]).toContain("akc runtime resume r1");
  }));
