/** A release that does not stand: it goes back whole, and every place that tells of it says so. */
import { expect, test } from "bun:test";
import { columns, crashing, deploying, inShop, standing } from "./services.ts";
import { jsonObject } from "./world.ts";

test("a release that crashes is brought back as a whole, and nobody is told that it is well", () =>
  inShop(async (shop) => {
    const mail = standing("mail", 3);
    await shop.start(
      await shop.write("v1", deploying([standing("web", 1, { needs: ["db"] }), standing("db", 2), mail])),
    );
    const before = shop.pidOf("sleep 70003");
    const broken = deploying([crashing("web", { needs: ["db"] }), standing("db", 12), mail]);
    const ran = await shop.start(await shop.write("v2", broken));
    const run = String(ran.report["runtime_run_id"]);

    await shop.expectRunning(["sleep 70001", "sleep 70002", "sleep 70003"]);
    expect(shop.pidOf("sleep 70003")).toBe(before);
    expect({ code: ran.code, ...ran.report }).toMatchObject({
      code: 0,
      outcome: "succeeded",
      converged: false,
    });
    expect(ran.stderr).toMatch(/rolled_back|rolled back|brought back/);
    const status = await shop.akc("rollout", "status");
    expect({ code: status.code, ...status.report }).toMatchObject({
      code: 1,
      phase: "rolled_back",
      reason: "unhealthy",
    });
    expect(columns(status.report["resources"], "resource_id", "state")).toEqual([
      "db rolled_back",
      "web rolled_back",
    ]);

    const evidence = await shop.evidence(run);
    const rows = (type: string) =>
      evidence
        .filter((row) => row["evidence_type"] === type)
        .map((row) => jsonObject(JSON.stringify(row["payload"])));
    for (const type of ["rollback_attempt", "rollback_chain"]) {
      expect(columns(rows(type), "resource_id").toSorted()).toEqual(["db", "web"]);
    }
    expect(columns(rows("rollback_result"), "resource_id", "rollback_outcome").toSorted()).toEqual([
      "db rollback_applied",
      "web rollback_applied",
    ]);
    const aggregate = rows("terminal_health").filter((row) => row["aggregate"] === true);
    expect(aggregate).toMatchObject([
      { outcome: "rolled_back", health_status: expect.stringMatching(/degraded|failed/) },
    ]);
    const record = await Bun.file(`${shop.world.runFolder(run)}/runtime_run.json`).json();
    expect(record).toMatchObject({ terminal_health_status: expect.stringMatching(/degraded|failed/) });
    expect((await shop.akc("runtime", "status", run)).report).toMatchObject({
      standing: "succeeded",
      health: expect.stringMatching(/degraded|failed/),
    });
    expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
    const replayed = await shop.akc("runtime", "replay", run, "--mode", "reconcile_replay");
    expect(replayed.report).toMatchObject({
      verdict: "verified",
      rollbacks: [
        { resource_id: "web", rollback_outcome: "rollback_applied" },
        { resource_id: "db", rollback_outcome: "rollback_applied" },
      ],
    });

    // Nobody rolls it out again by itself; a person may.
    const pids = shop.found();
    const again = await shop.akc(
      "runtime",
      "reconcile",
      run,
      "--apply",
      "--watch",
      "--watch-max-iterations",
      "2",
      "--watch-interval-sec",
      "0.1",
    );
    expect(shop.found()).toEqual(pids);
    expect(again.code).toBe(1);
  }));

test("a reconciliation that is brought back says so by its exit code and in words", () =>
  inShop(async (shop) => {
    const { report } = await shop.start(await shop.write("v1", deploying([standing("web", 1)])));
    expect(report).toMatchObject({ converged: true });
    const failed = await shop.start(await shop.write("v2", deploying([crashing("web")])));
    const run = String(failed.report["runtime_run_id"]);
    const again = await shop.akc("runtime", "reconcile", run, "--apply");
    expect({ code: again.code, ...again.report }).toMatchObject({
      code: 1,
      converged: false,
      statuses: [{ resource_id: "web", outcome: "rolled_back", reason_code: "unhealthy" }],
      rollout: { phase: "rolled_back" },
    });
    expect(again.stderr).toContain("brought back");
    await shop.expectRunning(["sleep 70001"]);
  }));

test("a first release that crashes leaves nothing standing", () =>
  inShop(async (shop) => {
    const ran = await shop.start(
      await shop.write("v1", deploying([crashing("web", { needs: ["db"] }), standing("db", 2)])),
    );
    expect(ran.report).toMatchObject({ converged: false });
    await shop.expectRunning([]);
    const looked = await shop.akc("runtime", "reconcile", String(ran.report["runtime_run_id"]), "--dry-run");
    expect(columns(looked.report["statuses"], "resource_id", "operation_type")).toEqual([
      "db create",
      "web create",
    ]);
  }));

test("what was brought back is not begun again by a watch, whatever else it has to put right", () =>
  inShop(async (shop) => {
    const mail = standing("mail", 3);
    await shop.start(await shop.write("v1", deploying([standing("web", 1), mail])));
    const ran = await shop.start(await shop.write("v2", deploying([crashing("web"), mail])));
    expect(ran.report).toMatchObject({ converged: false });
    const run = String(ran.report["runtime_run_id"]);
    await shop.kill("sleep 70003");
    await Bun.sleep(50);
    const web = shop.pidOf("sleep 70001");
    const rollouts = async () => (await shop.akc("rollout", "list")).report["items"];
    const watched = await shop.akc(
      ...["runtime", "reconcile", run, "--apply", "--watch"],
      ...["--watch-max-iterations", "6", "--watch-interval-sec", "0.2"],
    );
    expect({ code: watched.code, ...watched.report }).toMatchObject({ code: 1, converged: false });
    await shop.expectRunning(["sleep 70001", "sleep 70003"]);
    expect(shop.pidOf("sleep 70001")).toBe(web);
    expect(columns(await rollouts(), "phase").filter((phase) => phase === "rolled_back")).toHaveLength(1);
  }));
