/** `akc validate run` as a user meets it, with the validators that akc brings along. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandWorld } from "./command-world.ts";

test("bindings are asked by hand: verdict, reason, value and time of each", async () => {
  await using w = commandWorld(7);
  w.bind({ "slo.ok": w.prom({ lte: 10 }), depth: w.json({ gte: 7 }), "slo.bad": w.prom({ lte: 1 }) });
  const { exit, out } = await w.run();
  expect(exit).toBe(2);
  expect(out).toMatch(/^BINDING +KIND +VERDICT +REASON +VALUE +MS$/m);
  expect(out).toMatch(/^depth +http_json +pass +7 +\d+$/m);
  expect(out).toMatch(/^slo\.bad +promql_query +fail +threshold +7 +\d+$/m);
  const json = JSON.parse((await w.run("-o", "json")).out);
  expect(json).toMatchObject({
    kind: "ValidatorRun",
    verdict: "fail",
    path: w.registry,
    items: [
      { id: "depth", verdict: "pass", value: 7, dry_run: false },
      { id: "slo.bad", verdict: "fail", reason: "threshold", value: 7 },
      { id: "slo.ok", verdict: "pass", reason: null, value: 7 },
    ],
  });
  expect(json.items[0].duration_ms).toBeGreaterThanOrEqual(0);
  // Tried, and nothing left behind.
  expect(readdirSync(w.root).sort()).toEqual(["bindings.yaml", "policy.yaml"]);
});

test("the exit code is that of what counts, and a dry run does not", async () => {
  await using w = commandWorld(7);
  const exit = async (bindings: Readonly<Record<string, object>>) => {
    w.bind(bindings);
    return (await w.run()).exit;
  };
  const bad = w.prom({ lte: 1 });
  const unknown = w.cmd("exit 2");
  expect(await exit({ a: w.prom({ lte: 10 }) })).toBe(0);
  expect(await exit({ a: w.prom({ lte: 10 }), b: { ...bad, dry_run: true } })).toBe(0);
  expect(await exit({ a: w.prom({ lte: 10 }), b: unknown })).toBe(4);
  expect(await exit({ a: bad, b: unknown })).toBe(2);
  expect(await exit({ a: w.json({ gte: 1 }, "/gone"), b: unknown })).toBe(2);
});

test("only the bindings that are named are asked", async () => {
  await using w = commandWorld();
  w.bind({ a: w.prom({ lte: 10 }), b: w.json({ gte: 1 }), c: w.cmd("exit 1") });
  const { exit, out } = await w.run("b", "a", "b", "-o", "json");
  expect(exit).toBe(0);
  expect(JSON.parse(out).items.map(({ id }: { id: string }) => id)).toEqual(["a", "b"]);
  expect([w.server.requests, w.commandsRun]).toEqual([2, 0]);
  const wrong = await w.run("aa");
  expect([wrong.exit, wrong.words]).toEqual([2, expect.stringContaining("Did you mean a?")]);
});

test("nothing to ask is wrong use, never a pass", async () => {
  await using w = commandWorld();
  w.bind({});
  const { exit, words } = await w.run();
  expect([exit, words]).toEqual([2, expect.stringContaining("the registry has no bindings")]);
});

test("files of bindings must lie below the scope that is named", async () => {
  await using w = commandWorld();
  mkdirSync(join(w.root, "acme", "shop"), { recursive: true });
  writeFileSync(join(w.root, "flow.yaml"), "appId: x\n---\n- launchApp\n");
  w.bind({ flow: { kind: "maestro_flow", platform: "android", flow_path: "flow.yaml" } });
  const scope = ["--outputs-root", w.root, "--tenant-id", "acme", "--repo-id", "shop"];
  const { exit, words } = await w.run(...scope);
  expect([exit, words]).toEqual([2, expect.stringContaining("BINDING_PATH_OUTSIDE")]);
});
