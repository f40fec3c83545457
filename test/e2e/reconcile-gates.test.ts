/** What keeps akc from deploying, and what bad input is told: before anything has happened. */
import { describe, expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onTerminal, plainEnv } from "./akc.ts";
import { sh } from "./bundle.ts";
import { changing, crashing, deploying, inShop, type Shop, standing } from "./services.ts";
import { expectError, expectOutcome, jsonObject } from "./world.ts";

const gate = "AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER";
const one = [standing("web", 1)];

async function startedRun(shop: Shop): Promise<string> {
  const { report } = await shop.start(await shop.write("v1", deploying(one)));
  expect(report).toMatchObject({ outcome: "succeeded", converged: true });
  return String(report["runtime_run_id"]);
}

async function runs(shop: Shop): Promise<unknown> {
  return (await shop.akc("runtime", "list")).report["items"];
}

describe("a deployment that is not permitted", () => {
  test("names the variable of a closed gate, and neither a run, an action nor a service comes about", () =>
    inShop(async (shop) => {
      const path = await shop.write("v1", deploying(one));
      const flags = ["--mode", "enforce", "--outputs-root", shop.world.root, "-o", "json"];
      const refused = await shop.world.akc(["runtime", "start", "--bundle", path, ...flags], {
        env: plainEnv,
      });
      const said = expectError(refused, "PROVIDER_GATED", 2);
      expect(said["details"]).toMatchObject({ provider: "process", gate });
      expect(String(said["hint"])).toContain(`${gate}=1`);
      expect(await runs(shop)).toEqual([]);
      await shop.expectRunning([]);
      expect(existsSync(join(shop.world.scope, ".akc/services"))).toBe(false);
    }));

  test("closes to a reconciliation too, which then changes nothing", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      await shop.kill("sleep 70001");
      const flags = ["--outputs-root", shop.world.root, "-o", "json"];
      const events = shop.world.events(run).length;
      const refused = await shop.world.akc(["runtime", "reconcile", run, "--apply", ...flags], {
        env: plainEnv,
      });
      expectError(refused, "PROVIDER_GATED", 2);
      await shop.expectRunning([]);
      expect(shop.world.events(run).length).toBe(events);
    }));

  test("ends the run blocked before any action, with evidence that is whole", () =>
    inShop(async (shop) => {
      const denying = deploying(one, {
        runtime_policy_envelope: { deny_actions: ["service.reconcile.apply"] },
      });
      const ran = await shop.start(await shop.write("v1", denying));
      expectOutcome(ran, "blocked", 2, "POLICY_DENIED");
      expect(ran.report["counts"]).toMatchObject({ succeeded: 0 });
      const run = String(ran.report["runtime_run_id"]);
      await shop.expectRunning([]);
      expect(existsSync(join(shop.world.runFolder(run), "work/worked"))).toBe(false);
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
      const decisions = await Bun.file(join(shop.world.runFolder(run), "policy_decisions.json")).json();
      expect(decisions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ action: "service.reconcile.apply", allowed: false }),
        ]),
      );
      expect(existsSync(join(shop.world.runFolder(run), "runtime_evidence.json"))).toBe(true);
    }));

  test("is refused to a reconciliation by the operator's policy, on record", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      await shop.kill("sleep 70001");
      const policy = join(shop.world.side, "policy.yaml");
      await Bun.write(policy, "schema: akc.policy/v1\ndeny_actions: [service.reconcile.apply]\n");
      const refused = await shop.akc("runtime", "reconcile", run, "--apply", "--policy", policy);
      expect({ code: refused.code, converged: refused.report["converged"], stderr: refused.stderr }).toEqual({
        code: 2,
        converged: false,
        stderr: expect.stringContaining("service.reconcile.apply"),
      });
      await shop.expectRunning([]);
      expect((await shop.akc("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
    }));
});

describe("bad input is refused before anything happens:", () => {
  const bundles = [
    [
      "a provider that nobody offers",
      { deployment_provider: { kind: "teleport" } },
      "PROVIDER_UNAVAILABLE",
      2,
    ],
    [
      "a rollout of no known strategy",
      { runtime_rollout: { strategy: "hope", parallel: 0 } },
      "DESIRED_STATE_INVALID",
      2,
    ],
    ["a rollout that is no object", { runtime_rollout: [] }, "DESIRED_STATE_INVALID", 2],
  ] as const;
  for (const [name, members, code, exit] of bundles) {
    test(name, () =>
      inShop(async (shop) => {
        const ran = await shop.start(await shop.write("bad", deploying(one, members)));
        expectError(ran, code, exit);
        expect(await runs(shop)).toEqual([]);
        await shop.expectRunning([]);
      }),
    );
  }

  test("services that wait for each other", () =>
    inShop(async (shop) => {
      const circle = [
        standing("a", 1, { needs: ["b"] }),
        standing("b", 2, { needs: ["c"] }),
        standing("c", 3, { needs: ["a"] }),
      ];
      const said = expectError(
        await shop.start(await shop.write("bad", deploying(circle))),
        "DEPENDENCY_CYCLE",
        2,
      );
      expect(JSON.stringify(said["details"])).toMatch(/a.*b.*c|b.*c.*a|c.*a.*b/);
      expect(await runs(shop)).toEqual([]);
    }));

  test("settings of a service that mean nothing, which leave the others standing", () =>
    inShop(async (shop) => {
      const wanted = [
        standing("good", 1),
        standing("bad", 2, { process: { comand: ["true"], replicas: -1 } }),
      ];
      const ran = await shop.start(await shop.write("bad", deploying(wanted)));
      expect({ code: ran.code, ...ran.report }).toMatchObject({ outcome: "succeeded", converged: false });
      await shop.expectRunning(["sleep 70001"]);
      const looked = await shop.akc(
        "runtime",
        "reconcile",
        String(ran.report["runtime_run_id"]),
        "--dry-run",
      );
      expect(looked.report["statuses"]).toMatchObject([
        {
          resource_id: "bad",
          converged: false,
          reason_code: "provider_refused",
          error: expect.stringContaining("comand"),
        },
        { resource_id: "good", converged: true },
      ]);
    }));

  test("neither or both of --dry-run and --apply, and flags that go with neither", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      const events = shop.world.events(run).length;
      for (const flags of [
        [],
        ["--dry-run", "--apply"],
        ["--dry-run", "--plan", "plan-0"],
        ["--apply", "--watch", "--plan", "plan-0"],
        ["--apply", "--watch-interval-sec", "1"],
        ["--apply", "--watch", "--watch-interval-sec", "0"],
        ["--apply", "--watch", "--watch-max-iterations", "-1"],
        ["--apply", "--watch", "--watch-max-iterations", "many"],
      ]) {
        expectError(await shop.akc("runtime", "reconcile", run, ...flags), "USAGE", 2);
      }
      expectError(await shop.akc("runtime", "reconcile", "nobody", "--apply"), "RUN_NOT_FOUND", 2);
      expectError(await shop.akc("rollout", "status", "nobody"), "ROLLOUT_NOT_FOUND", 2);
      expectError(await shop.akc("rollout", "list", "--limit", "0"), "USAGE", 2);
      expect(shop.world.events(run).length).toBe(events);
    }));

  test("a bundle that was changed since, with both hashes", () =>
    inShop(async (shop) => {
      const run = await startedRun(shop);
      await shop.write("v1", deploying([standing("web", 9)]));
      const said = expectError(await shop.akc("runtime", "reconcile", run, "--apply"), "RUN_CHANGED", 5);
      expect(JSON.stringify(said["details"]).match(/[0-9a-f]{64}/g)?.length).toBeGreaterThanOrEqual(2);
      await shop.expectRunning(["sleep 70001"]);
      // Where it is now may be said: there it is the same.
      const moved = join(shop.world.side, "moved.json");
      await Bun.write(moved, JSON.stringify(deploying(one).document()));
      expect(
        (await shop.akc("runtime", "reconcile", run, "--apply", "--bundle", moved)).report,
      ).toMatchObject({ converged: true });
      rmSync(join(shop.world.side, "v1.json"));
      const gone = expectError(await shop.akc("runtime", "reconcile", run, "--apply"), "FILE_NOT_FOUND", 2);
      expect(gone["hint"]).toContain("--bundle");
    }));

  test("a coordination file that was changed since, with both hashes", () =>
    inShop(async (shop) => {
      const coordinated = deploying(one).step("built", sh("true"));
      const { coordination_spec: spec, spec_hashes: hashes } = coordinated.document();
      const { coordination_spec_sha256: fingerprint } = jsonObject(JSON.stringify(hashes));
      const path = await shop.world.place(
        coordinated.with({
          coordination_spec: undefined,
          coordination_ref: { path: ".akc/coordination.json", fingerprint },
        }),
      );
      await shop.world.write(".akc/coordination.json", JSON.stringify(spec));
      const ran = await shop.start(path);
      expect(ran.report).toMatchObject({ converged: true });
      const changed = { ...jsonObject(JSON.stringify(spec)), spec_version: 2 };
      await shop.world.write(".akc/coordination.json", JSON.stringify(changed));
      const run = String(ran.report["runtime_run_id"]);
      const said = expectError(await shop.akc("runtime", "reconcile", run, "--apply"), "RUN_CHANGED", 5);
      expect(said["details"]).toMatchObject({
        expected_coordination_spec_sha256: fingerprint,
        found_coordination_spec_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
    }));

  test("a run that wants nothing to stand", () =>
    inShop(async (shop) => {
      const ran = await shop.start(await shop.write("none", deploying([])));
      expect(ran.report).toMatchObject({ outcome: "succeeded" });
      expect(ran.report).not.toHaveProperty("converged");
      expectError(
        await shop.akc("runtime", "reconcile", String(ran.report["runtime_run_id"]), "--apply"),
        "DESIRED_STATE_INVALID",
        2,
      );
    }));
});

test("what is printed has the same facts as JSON and as YAML, and no escape codes where nobody sees colours", () =>
  inShop(async (shop) => {
    const run = await startedRun(shop);
    const looking = ["runtime", "reconcile", run, "--dry-run", "--diff"];
    for (const words of [looking, ["rollout", "list"], ["rollout", "status"]]) {
      const told = (format: string, env: Readonly<Record<string, string>> = changing) =>
        shop.world.akc([...words, "--outputs-root", shop.world.root, "-o", format], { env });
      const json = await told("json");
      const yaml = await told("yaml");
      const texts = [
        await told("text"),
        await told("text", { ...changing, NO_COLOR: "1", TERM: "xterm-256color" }),
      ];
      const parsed = jsonObject(json.stdout);
      expect(parsed["kind"]).toBeString();
      expect(Object.keys(jsonObject(JSON.stringify(Bun.YAML.parse(yaml.stdout))))).toEqual(
        Object.keys(parsed),
      );
      for (const { stdout, stderr } of [json, yaml, ...texts])
        expect(stdout + stderr).not.toContain("\u001b");
    }
  }));

test("a terminal of sixty columns shows why something went back, in whole sentences", () =>
  inShop(async (shop) => {
    const { report } = await shop.start(await shop.write("v1", deploying([crashing("web")])));
    const run = String(report["runtime_run_id"]);
    const place = ["--outputs-root", shop.world.root];
    for (const words of [
      ["rollout", "status"],
      ["runtime", "reconcile", run, "--apply", "-q"],
    ]) {
      const { screen } = await onTerminal([...words, ...place], { columns: 60, env: changing });
      expect(screen.replaceAll(/\s+/g, " ")).toContain(
        "web: copy 0: has ended (exit code 1) and is not started again",
      );
      const [head = ""] = screen.split("\n").filter((line) => line.startsWith("RESOURCE"));
      expect(Bun.stringWidth(head.trimEnd())).toBeLessThanOrEqual(60);
    }
  }));

test("a service that cannot start is told by its exit code where the bundle asks for it", () =>
  inShop(async (shop) => {
    const diverging = deploying([crashing("web")], { runtime_nonzero_exit_on_reconcile_divergence: true });
    const ran = await shop.start(await shop.write("v1", diverging));
    expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 3, exit_code: 3, converged: false });
    const again = await shop.akc("runtime", "reconcile", String(ran.report["runtime_run_id"]), "--apply");
    expect({ code: again.code, ...again.report }).toMatchObject({ code: 3, converged: false });
  }));
