/** What the host promises a plugin that behaves, and whoever calls it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { CallServices, HostFetchRequest } from "../../src/plugin-host/host.ts";
import { lives, PluginWorld, patient, refusal, until } from "./hosted.ts";

let world: PluginWorld;
beforeAll(() => {
  world = new PluginWorld();
});
afterAll(() => world.close());

test("a plugin starts at its first call, stays warm, and is stopped when nobody calls it", async () => {
  const plugin = world.hostile("good", { limits: { idleMs: 100 }, config: { colour: "red" } });
  expect(plugin.info()).toMatchObject({ state: "stopped", starts: 0 });
  const first = await plugin.call("adapter/execute", { text: "grün" }, patient);
  expect(first).toMatchObject({ params: { text: "grün" }, config: { colour: "red" } });
  const { pid } = plugin.info();
  expect(await plugin.call("adapter/execute", {}, patient)).toMatchObject({ pid });
  await until(() => plugin.info().state === "stopped");
  expect(pid === undefined || lives(pid)).toBe(false);
  expect(await plugin.call("adapter/execute", {}, patient)).not.toMatchObject({ pid });
  expect(plugin.info().starts).toBe(2);
  await plugin.close();
});

test("so many calls are under way as the manifest allows, the others come in order", async () => {
  const plugin = world.hostile("never-answers", { limits: { concurrency: 2, stopMs: 100 } });
  await plugin.ready(patient.timeoutMs);
  const control = new AbortController();
  const calls = [1, 2, 3, 4].map(() =>
    refusal(plugin.call("adapter/execute", {}, { ...patient, signal: control.signal })),
  );
  await until(() => plugin.info().callsUnderWay === 2);
  expect(plugin.info().callsWaiting).toBe(2);
  control.abort();
  for (const call of calls) expect((await call).code).toBe("CANCELLED");
  expect(plugin.info()).toMatchObject({ callsUnderWay: 0, callsWaiting: 0 });
});

test("a call that waits too long for its turn is never sent", async () => {
  const plugin = world.hostile("never-answers", { limits: { concurrency: 1, stopMs: 20_000 } });
  await plugin.ready(patient.timeoutMs);
  const control = new AbortController();
  const first = refusal(plugin.call("adapter/execute", {}, { ...patient, signal: control.signal }));
  const second = await refusal(plugin.call("adapter/execute", {}, { timeoutMs: 30 }));
  expect(second).toMatchObject({ code: "PLUGIN_TIMEOUT", details: { sent: false } });
  expect(plugin.info().state).toBe("running");
  const closing = plugin.close();
  await first;
  await closing;
});

test("output comes whole and in order, and never faster than it is taken", async () => {
  const plugin = world.hostile("output");
  const bytes = 8 * 1024 * 1024;
  let taken = 0;
  let beingTaken = 0;
  let most = 0;
  const fractions: number[] = [];
  const result = await plugin.call(
    "adapter/execute",
    { bytes },
    {
      ...patient,
      onProgress: ({ fraction = 0 }) => fractions.push(fraction),
      async onOutput(piece) {
        beingTaken += 1;
        most = Math.max(most, beingTaken);
        await Bun.sleep(1);
        taken += piece.length;
        beingTaken -= 1;
      },
    },
  );
  expect(result).toEqual({ sent: bytes });
  expect(taken).toBe(bytes);
  expect(most).toBe(1);
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
  expect(fractions.at(-1)).toBe(1);
});

test("output that cannot be taken ends the call with the reason", async () => {
  const plugin = world.hostile("output", { limits: { stopMs: 100 } });
  const answer = plugin.call(
    "adapter/execute",
    { bytes: 64 * 1024 * 1024 },
    {
      ...patient,
      onOutput() {
        throw new Error("the disk is full");
      },
    },
  );
  expect(await refusal(answer)).toMatchObject({
    code: "PLUGIN_FAILED",
    cause: { message: "the disk is full" },
  });
});

test("a plugin asks akc only during a call, only for what it was granted, and secrets stay out of its log", async () => {
  const granted = { net: ["api.example.com:443", "*.example.org:*"], secrets: ["token"] };
  const plugin = world.hostile("asks-host", { granted });
  const fetched: HostFetchRequest[] = [];
  const services: CallServices = {
    async fetch(request) {
      fetched.push(request);
      return { status: 200, headers: { "x-a": "1" }, body: new TextEncoder().encode("körper") };
    },
    secret: async (name) => `s3cret-${name}`,
    readHandoff: async (sha256, offset, length) => ({
      bytes: new TextEncoder().encode(`${sha256}:${offset}:${length}`),
      eof: true,
    }),
  };
  const asks: readonly (readonly [string, Readonly<Record<string, string | number>>])[] = [
    ["host/fetch", { url: "https://api.example.com/a", method: "post", body: "x" }],
    ["host/fetch", { url: "https://api.example.com:444/a" }],
    ["host/fetch", { url: "http://deep.example.org:8080/" }],
    ["host/fetch", { url: "https://example.org/" }],
    ["host/fetch", { url: "file:///etc/passwd" }],
    ["host/secret", { name: "token" }],
    ["host/secret", { name: "other" }],
    ["host/read_handoff", { sha256: "ab", offset: 1, length: 2 }],
    ["host/read_handoff", { sha256: "ab", offset: -1, length: 2 }],
    ["host/shell", {}],
    ["host/secret", { name: "token", call: 999 }],
  ];
  const params = { asks: asks.map(([method, more]) => [method, more]) };
  const answers = await plugin.call("adapter/execute", params, { ...patient, services });
  const denied = { code: -32001, data: { code: "PLUGIN_NOT_GRANTED", retryable: false } };
  expect(answers).toMatchObject([
    { status: 200, headers: { "x-a": "1" }, body_base64: Buffer.from("körper").toString("base64") },
    denied,
    { status: 200 },
    denied,
    denied,
    { value: "s3cret-token" },
    denied,
    { data_base64: Buffer.from("ab:1:2").toString("base64"), eof: true },
    { code: -32602 },
    { code: -32601 },
    { code: -32001 },
  ]);
  expect(fetched.map(({ method, url }) => `${method} ${url}`)).toEqual([
    "POST https://api.example.com/a",
    "GET http://deep.example.org:8080/",
  ]);
  await plugin.close();
  const said = JSON.stringify(world.logs);
  expect(said).toContain("[secret token]");
  expect(said).not.toContain("s3cret-token");
});

test("what a plugin's own services refuse is told by code, never by cause", async () => {
  const plugin = world.hostile("asks-host", { granted: { secrets: ["token"] } });
  const services: CallServices = {
    secret: () => Promise.reject(new Error("vault at 10.0.0.1 says no")),
  };
  const params = { asks: [["host/secret", { name: "token" }]] };
  const answers = await plugin.call("adapter/execute", params, { ...patient, services });
  expect(answers).toEqual([{ code: -32603, message: "akc met a fault of its own" }]);
});

test("a TypeScript plugin needs no build, finds the SDK and its own packages, and obeys no file that lies about", async () => {
  const plugin = world.plugin({
    "index.ts": `import { definePlugin } from "akc/sdk";
      import { word } from "./word.ts";
      enum Kind { A = "a" }
      console.log("from the console");
      process.stdout.write("from stdout\\n");
      export default definePlugin({ adapters: { hostile: { async execute() { return { outputs: { word, kind: Kind.A, env: process.env.PLANTED ?? null } }; } } } });`,
    "word.ts": `export const word: string = "hi";`,
    ".env": "PLANTED=1",
    "bunfig.toml": `preload = ["./planted.ts"]`,
    "planted.ts": `process.env.PLANTED = "2"; console.log("planted");`,
  });
  const handle = world.open(plugin);
  const result = await handle.call("adapter/execute", executeParams, patient);
  expect(result).toMatchObject({ outputs: { word: "hi", kind: "a", env: null } });
  await handle.close();
  const printed = world.logs.map((entry) => entry.message);
  expect(printed).toContain("from the console");
  expect(printed).toContain("from stdout");
  expect(printed).not.toContain("planted");
});

test("a plugin whose code is broken says so in its log", async () => {
  const handle = world.open(world.plugin({ "index.ts": `import "./missing.ts";` }));
  const error = await refusal(handle.call("adapter/execute", {}, patient));
  expect(error.code).toBe("PLUGIN_START_FAILED");
  expect(JSON.stringify(error.details["lastWords"])).toContain("missing.ts");
});

test("a runtime file that was tampered with is written anew before it is used", async () => {
  const cacheRoot = join(world.folder, "cache");
  const other = new PluginWorld({ cacheRoot });
  const run = async () => {
    const plugin = other.hostile("good");
    await plugin.ready(patient.timeoutMs);
    await plugin.close();
  };
  await run();
  const [folder = ""] = readdirSync(cacheRoot);
  const launcher = join(cacheRoot, folder, "launcher.js");
  const text = readFileSync(launcher, "utf8");
  writeFileSync(launcher, "process.exit(0)");
  await run();
  expect(readFileSync(launcher, "utf8")).toBe(text);
  await other.close();
});

test("closing the host leaves no process and no working directory", async () => {
  const other = new PluginWorld();
  const plugins = ["good", "ignores-the-end"].map((one) => other.hostile(one, { limits: { stopMs: 100 } }));
  for (const plugin of plugins) await plugin.ready(patient.timeoutMs);
  const pids = plugins.flatMap((plugin) => plugin.info().pid ?? []);
  expect(readdirSync(join(other.folder, "work"))).toHaveLength(1);
  await other.host.close();
  expect(pids.map(lives)).toEqual([false, false]);
  expect(readdirSync(join(other.folder, "work"))).toEqual([]);
  await other.close();
});

test("a killed akc takes its plugins along, and the next one removes what is left", async () => {
  const other = new PluginWorld();
  const script = join(other.folder, "killed.ts");
  const marker = `marker-${crypto.randomUUID()}`;
  writeFileSync(
    script,
    `import { PluginWorld, patient } from ${JSON.stringify(resolve(import.meta.dir, "hosted.ts"))};
     const world = new PluginWorld({ workParent: ${JSON.stringify(join(other.folder, "work"))} });
     const plugins = ["good", "ignores-the-end", "grandchild-outlives"].map((one) => world.hostile(one));
     for (const plugin of plugins) await plugin.ready(60_000);
     await plugins[2].call("adapter/execute", { marker: ${JSON.stringify(marker)} }, { timeoutMs: 60_000 });
     console.log(plugins.map((plugin) => plugin.info().pid).join(" "));
     await Bun.sleep(60_000);`,
  );
  const child = Bun.spawn([process.execPath, script], { stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  const pids = new TextDecoder().decode(value).trim().split(" ").map(Number);
  expect(pids.map(lives)).toEqual([true, true, true]);
  child.kill("SIGKILL");
  await child.exited;
  await until(() => !pids.some(lives));
  expect(readdirSync(join(other.folder, "work"))).toHaveLength(1);
  // It has a session of its own and nobody to tell it: only a later akc finds it.
  expect(withMarker(marker)).toBe(1);
  await other.hostile("good").ready(patient.timeoutMs);
  await until(() =>
    readdirSync(join(other.folder, "work")).every((name) => name.includes(`-${process.pid}-`)),
  );
  await other.close();
});

test("a plugin that answers with an error has failed, and is none the worse for it", async () => {
  const entry = `import { definePlugin } from "akc/sdk";
    export default definePlugin({ adapters: { hostile: { async execute() { return {}; } } } });`;
  const plugin = world.open(world.plugin({ "index.ts": entry }));
  const error = await refusal(plugin.call("adapter/execute", { adapter: "nobody" }, patient));
  expect(error).toMatchObject({
    code: "PLUGIN_FAILED",
    details: { method: "adapter/execute", retryable: false },
  });
  expect(plugin.info()).toMatchObject({ state: "running", faultsInRow: 0 });
});

/** How many living processes have it among their arguments. */
function withMarker(marker: string): number {
  return readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0").includes(marker);
    } catch {
      return false;
    }
  }).length;
}

const executeParams = {
  adapter: "hostile",
  context: {
    tenant_id: "t",
    repo_id: "r",
    run_id: "x",
    runtime_run_id: "y",
    policy_mode: "enforce",
    adapter_id: "hostile",
  },
  action: {
    action_id: "a",
    action_type: "t",
    node_id: "n",
    node_kind: "k",
    contract_id: "c",
    inputs_fingerprint: "f",
    idempotency_key: "k",
  },
  attempt: 1,
  settings: {},
  node: {},
  handoffs: [],
  timeout_ms: 60_000,
  workdir: "/",
};
