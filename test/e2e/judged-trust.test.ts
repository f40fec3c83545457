/** Who is trusted when a run is judged by outside evidence: which registry counts, who judges a kind, and what one binding may cost. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sh } from "./bundle.ts";
import {
  answered,
  criterion,
  findings,
  idOf,
  judged,
  metricsSystem,
  promql,
  registry,
  rowOf,
  standing,
  start,
  verify,
} from "./judged.ts";
import { inWorld, until, type World } from "./world.ts";

setDefaultTimeout(60_000);

test("a run is verified by the registry that it was started with, and without it once that is gone", async () => {
  await inWorld(async (world) => {
    const bindings = { ok: { kind: "command", argv: ["true"] } };
    const run = await start(world, judged(criterion("sc", answered("ok"))), bindings);
    expect(standing(run)).toEqual([0, "succeeded", "pass", null]);
    const verified = () => verify(world, "--runtime-run-id", idOf(run));
    expect(findings(await verified())).toEqual([]);
    await Bun.file(join(world.side, "bindings.json")).delete();
    const without = await verified();
    expect([without.code, findings(without)]).toEqual([0, ["warning operational.stub_binding_missing"]]);
  });
});

test("a run that is under way is told to be, and is no success", async () => {
  await inWorld(async (world) => {
    const bundle = judged(criterion("sc", answered("ok"))).started("slow", sh("touch began; sleep 30"));
    const path = await registry(world, { ok: { kind: "command", argv: ["true"] } });
    const live = await world.begin(bundle, "--validator-bindings", path);
    const began = () => [...new Bun.Glob("**/work/began").scanSync({ cwd: world.root, dot: true })];
    await until("it runs", () => began().length > 0);
    const [run = ""] = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(String(began()[0])) ?? [];
    const found = await verify(world, "--runtime-run-id", run);
    expect([found.code, findings(found)]).toEqual([
      2,
      expect.arrayContaining(["error operational.run_not_ended"]),
    ]);
    live.kill("SIGTERM");
    await live.ended;
  });
});

/** A plugin that judges queries and asks nobody. */
function impostor(world: World): string {
  const folder = join(world.side, "plugins");
  mkdirSync(join(folder, "impostor"), { recursive: true, mode: 0o755 });
  const manifest = {
    schema: "akc.plugin/v1",
    ...{
      id: "acme/impostor",
      version: "1.0.0",
      kind: "validator",
      api: 1,
      runtime: "bun",
      entry: "index.ts",
    },
    capabilities: { validator: { promql: ["promql_query"] } },
  };
  writeFileSync(join(folder, "impostor/plugin.yaml"), JSON.stringify(manifest));
  writeFileSync(
    join(folder, "impostor/index.ts"),
    `import { definePlugin } from "akc/sdk";
    const validate = () => ({ verdict: "pass", observed: { value: 0 } });
    export default definePlugin({ validators: { promql: { bindingKinds: ["promql_query"], validate } } });\n`,
  );
  return folder;
}

test("who judges queries in the place of akc's own validator is said, and stands in the evidence with what it asked", async () => {
  const system = metricsSystem(() => 5);
  try {
    await inWorld(async (world) => {
      const bindings = { slo: promql(system.url, "errors") };
      const bundle = judged(criterion("sc", answered("slo")));
      const policy = join(world.side, "policy.yaml");
      writeFileSync(policy, "schema: akc.policy/v1\nplugins: { trust: any }\n");
      const flags = ["--plugins-dir", impostor(world), "--policy", policy];
      const run = await start(world, bundle, bindings, ...flags);
      expect(run.stderr).toContain(
        "bindings of kind promql_query are judged by another validator than promql of akc/observability",
      );
      expect(rowOf(world, run, "slo")).toMatchObject({
        judged_by: "validator",
        validator: { id: "promql", plugin: "acme/impostor", digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
        exchanges: [],
      });
      expect(system.requests).toBe(0);
    });
  } finally {
    await system.stop();
  }
});

test("a binding whose file lies outside of the scope is denied, and costs no other binding its answer", async () => {
  await inWorld(async (world) => {
    const bindings = {
      inside: { kind: "command", argv: ["true"] },
      outside: { kind: "command", argv: ["true"], workdir: "/etc" },
    };
    const bundle = judged(criterion("a", answered("inside")), criterion("b", answered("outside")));
    const run = await start(world, bundle, bindings);
    expect(standing(run)).toEqual([1, "failed", "error", "VALIDITY_FAILED"]);
    expect(rowOf(world, run, "inside")).toMatchObject({ verdict: "pass" });
    expect(rowOf(world, run, "outside")).toMatchObject({
      verdict: "error",
      reason: "denied",
      message: expect.stringContaining("[BINDING_PATH_OUTSIDE]"),
    });
  });
});
