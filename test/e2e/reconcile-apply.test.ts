/** What `runtime start` and `runtime reconcile` make stand, and what they leave alone. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { columns, deploying, inShop, standing } from "./services.ts";
import { expectError } from "./world.ts";

const two = [standing("web", 1, { needs: ["db"], process: { replicas: 2 } }), standing("db", 2)];

test("a start stands the services up in the order of their dependencies, and nothing twice", () =>
  inShop(async (shop) => {
    const started = await shop.start(await shop.write("v1", deploying(two)));
    expect({ code: started.code, ...started.report }).toMatchObject({
      code: 0,
      outcome: "succeeded",
      converged: true,
    });
    await shop.expectRunning(["sleep 70001", "sleep 70001", "sleep 70002"]);
    const run = String(started.report["runtime_run_id"]);
    const operations = shop.world
      .events(run)
      .filter(({ type }) => type.startsWith("runtime.reconcile.operation_"));
    expect(operations.map(({ type, payload }) => `${payload["resource_id"]} ${type}`)).toEqual([
      "db runtime.reconcile.operation_started",
      "db runtime.reconcile.operation_finished",
      "web runtime.reconcile.operation_started",
      "web runtime.reconcile.operation_finished",
    ]);
    const before = shop.found();
    const again = await shop.akc("runtime", "reconcile", run, "--apply", "--exit-code");
    expect({ code: again.code, ...again.report }).toMatchObject({ code: 0, converged: true, rollout: null });
    expect(columns(again.report["statuses"], "resource_id", "operation_type", "applied", "outcome")).toEqual([
      "db noop false converged",
      "web noop false converged",
    ]);
    expect(shop.found()).toEqual(before);
    expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
  }));

test("a plan that was looked at is applied exactly, and refused once the world has moved", () =>
  inShop(async (shop) => {
    const { report } = await shop.start(
      await shop.write("v1", deploying([standing("web", 1), standing("db", 2)])),
    );
    const run = String(report["runtime_run_id"]);
    const reconcile = (...flags: readonly string[]) => shop.akc("runtime", "reconcile", run, ...flags);
    expect((await reconcile("--dry-run", "--exit-code")).code).toBe(0);
    await shop.kill("sleep 70001");
    const before = shop.running();

    const looked = await reconcile("--dry-run", "--diff", "--exit-code");
    expect({ code: looked.code, stderr: looked.stderr }).toEqual({
      code: 7,
      stderr: expect.stringContaining("1 to update"),
    });
    const plan = looked.report["plan"] as { plan_id: string; changes: unknown };
    expect(plan.changes).toEqual([
      expect.objectContaining({ resource_id: "db", operation_type: "noop", diff: [] }),
      expect.objectContaining({
        resource_id: "web",
        operation_type: "update",
        correction: true,
        diff: [{ path: "/replicas", from: 0, to: 1 }],
      }),
    ]);
    expect(plan.plan_id).toMatch(/^plan-[0-9a-f]{16}$/);
    await shop.expectRunning(before);

    // The world moves: now the other one is missing too.
    await shop.kill("sleep 70002");
    const stale = expectError(await reconcile("--apply", "--plan", plan.plan_id), "PLAN_STALE", 5);
    expect(stale["details"]).toMatchObject({ plan: plan.plan_id });
    await shop.expectRunning([]);
    expectError(await reconcile("--apply", "--plan", "plan-0000000000000000"), "PLAN_NOT_FOUND", 2);
    await shop.expectRunning([]);

    const now = String((await reconcile("--dry-run")).report["plan"]?.["plan_id" as never]);
    const applied = await reconcile("--apply", "--plan", now);
    expect({ code: applied.code, ...applied.report }).toMatchObject({
      code: 0,
      converged: true,
      plan: { plan_id: now },
    });
    await shop.expectRunning(["sleep 70001", "sleep 70002"]);
    expectError(await reconcile("--apply", "--plan", now), "PLAN_STALE", 5);
  }));

test("a service that a newer bundle no longer wants is ended, and the others are left alone", () =>
  inShop(async (shop) => {
    const all = [
      standing("web", 1, { needs: ["db"] }),
      standing("db", 2),
      standing("mail", 3, { needs: ["db"] }),
    ];
    await shop.start(await shop.write("v1", deploying(all)));
    const before = shop.found().filter(({ command }) => command !== "sleep 70003");
    const next = await shop.start(await shop.write("v2", deploying(all.slice(0, 2))));
    expect({ code: next.code, ...next.report }).toMatchObject({ code: 0, converged: true });
    expect(shop.found()).toEqual(before);
    const again = await shop.akc("runtime", "reconcile", String(next.report["runtime_run_id"]), "--apply");
    expect(columns(again.report["statuses"], "resource_id", "outcome")).toEqual([
      "db converged",
      "web converged",
    ]);
  }));

test("a process that akc has not started is never signalled, whatever its records say", () =>
  inShop(async (shop) => {
    const { report } = await shop.start(await shop.write("v1", deploying([standing("web", 1)])));
    const run = String(report["runtime_run_id"]);
    // The same command line, as somebody else would start it; the record is made to speak of it.
    await using other = foreign(shop.world.scope);
    const path = join(shop.world.scope, ".akc/services/web/0.json");
    const record = await Bun.file(path).json();
    await shop.kill("sleep 70001");
    await Bun.write(path, JSON.stringify({ ...record, process: { ...record.process, pid: other.pid } }));
    const applied = await shop.akc("runtime", "reconcile", run, "--apply");
    expect(applied.report).toMatchObject({ converged: true });
    await shop.expectRunning(["sleep 70001"]);
    expect(shop.pidOf("sleep 70001")).not.toBe(other.pid);
    await Bun.write(
      path,
      JSON.stringify({ ...(await Bun.file(path).json()), process: { ...record.process, pid: other.pid } }),
    );
    await shop.kill("sleep 70001");
    const gone = await shop.start(await shop.write("v2", deploying([standing("db", 2)])));
    expect(gone.report).toMatchObject({ converged: true });
    await shop.expectRunning(["sleep 70002"]);
    expect(other.child.exitCode ?? other.child.signalCode).toBeNull();
  }));

function foreign(cwd: string) {
  const child = Bun.spawn(["sleep", "70001"], { cwd, stdio: ["ignore", "ignore", "ignore"] });
  return {
    child,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
