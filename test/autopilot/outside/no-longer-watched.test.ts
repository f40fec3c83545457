/** A scope that nobody watches any more keeps its history, and is said to be that wherever it is shown. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { serveOutside } from "../../../src/service/server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { akc, dataOf, itemsOf } from "./command-world.ts";
import { someDefaults } from "./config.ts";
import { FakeController, scopeStatus, shop } from "./fake-controller.ts";

const mill = { tenantId: "acme", repoId: "mill" };
let root: string;
let registry: string;
let config: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "akc-watched-"));
  registry = join(root, "scopes.json");
  config = join(root, "autopilot.yaml");
  const store = await openAutopilotStore(root);
  for (const scope of [shop, mill]) {
    mkdirSync(join(root, scope.tenantId, scope.repoId), { recursive: true });
    const fence = await store.raiseFence(scope, "ctl@host:1:aa", Date.now());
    await store.append(scope, [{ type: "visit_recovered" }], fence, { nowMs: Date.now() });
  }
  await store.close();
  writeFileSync(registry, JSON.stringify([{ tenant_id: "acme", repo_id: "shop" }]));
  writeFileSync(
    config,
    `version: 1\noutputs_root: ${root}\nmode: observe\nscopes: {registry: ${registry}}\n`,
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const status = (...more: readonly string[]) => akc(["autopilot", "status", "--outputs-root", root, ...more]);
const board = (...more: readonly string[]) =>
  akc(["autopilot", "scoreboard", "--outputs-root", root, ...more]);
const watchedOf = (rows: readonly Readonly<Record<string, unknown>>[]) =>
  Object.fromEntries(rows.map(({ repo_id: repo, watched }) => [repo, watched]));

test("by the configuration: in the table, about one scope, and as data", async () => {
  expect(watchedOf(itemsOf(await status("--config", config, "-o", "json")))).toEqual({
    mill: false,
    shop: true,
  });
  const { out } = await status("--config", config);
  expect(out).toMatch(/acme\/mill.*no longer watched/);
  expect(out).not.toMatch(/acme\/shop.*no longer watched/);
  expect((await status("--config", config, "--scope", "acme/mill")).out).toContain("not visited");

  const { scopes } = dataOf(await board("--config", config, "-o", "json"));
  expect(scopes).toMatchObject([
    { repo_id: "mill", watched: false },
    { repo_id: "shop", watched: true },
  ]);
  const text = (await board("--config", config)).out;
  expect(text).toContain("acme/mill (no longer watched)");
  expect(text).not.toContain("acme/shop (no longer watched)");
});

test("nobody is said to be left where nobody can tell", async () => {
  const unknown = { mill: null, shop: null };
  expect(watchedOf(itemsOf(await status("-o", "json")))).toEqual(unknown);
  writeFileSync(registry, "not JSON");
  expect(watchedOf(itemsOf(await status("--config", config, "-o", "json")))).toEqual(unknown);
});

test("a controller that answers knows it better than the configuration", async () => {
  writeFileSync(registry, JSON.stringify([{ tenant_id: "acme", repo_id: "mill" }]));
  const controller = new FakeController({ scopes: [scopeStatus()] });
  const path = join(root, "a.sock");
  const server = await serveOutside(controller, {
    listen: { kind: "unix", path, mode: 0o600 },
    clock: systemClock,
    config: () => someDefaults,
  });
  try {
    const shown = await status("--config", config, "--listen", `unix:${path}`, "-o", "json");
    expect(watchedOf(itemsOf(shown))).toEqual({ mill: false, shop: true });
  } finally {
    await server.close();
  }
});
