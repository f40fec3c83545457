/** The built binary runs bundles by plugins: what a user gets when they work, and when they do not. */
import { expect, test } from "bun:test";
import { appendFileSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BundleBuilder, edge } from "../e2e/bundle.ts";
import { expectError, expectOutcome, filesBelow, inWorld, until, type World } from "../e2e/world.ts";
import { faultCodes, type PluginRun, Plugins, payloads, results, steps } from "./run-world.ts";

test("an executable carries out a run: streamed output, outputs, and who did it", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const run = await plugins.run("acme/worker", steps({ a: {}, b: { worker: { do: "echo", x: 1.5 } } }));
    expectOutcome(run, "succeeded", 0, null);
    expect(run.report["adapter_id"]).toBe("worker");
    expect(results(run)).toMatchObject([
      { outputs: { adapter_id: "worker", said: { route: "delegate_adapter" }, prepared: 1 } },
      { outputs: { said: { do: "echo", x: 1.5 }, prepared: 1 }, output_ref: { size_bytes: 11 } },
    ]);
    expect(payloads(run, "runtime.plugin.started")).toEqual([
      {
        plugin_id: "acme/worker",
        version: "1.0.0",
        adapter_id: "worker",
        digest: expect.stringMatching(/^[0-9a-f]{64}$/),
        protocol: 1,
        containment: expect.any(String),
        granted: {},
      },
    ]);
    expect(faultCodes(run)).toEqual([]);
  });
});

test("TypeScript runs in akc's own binary", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["typed"]);
    const run = await plugins.run("typed", steps({ a: {}, b: {} }));
    expectOutcome(run, "succeeded", 0, null);
    expect(results(run)).toMatchObject([
      {
        outputs: { attempt: 1, node: "workflow node-a" },
        cost: { input_tokens: 3 },
        output_ref: { size_bytes: 12 },
      },
      { outputs: { attempt: 1 } },
    ]);
  });
});

test("what a predecessor handed over is read by its hash, and nothing else is", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const chain = steps({ a: {}, b: { worker: { do: "handoff" } } }).coordination({
      coordination_graph: {
        nodes: ["a", "b"].map((node_id) => ({ node_id, kind: "step" })),
        edges: [{ ...edge("a", "b", "handoff"), metadata: { handoff_id: "words" } }],
      },
      spec_version: 2,
      coordination_spec_version: 2,
    });
    const run = await plugins.run("worker", chain);
    expectOutcome(run, "succeeded", 0, null);
    expect(results(run)[1]).toMatchObject({ outputs: { read: "hello world", foreign: -32001 } });
  });
});

test("a plugin that crashes is started again: asked what became of the attempt, then told to try again", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const run = await plugins.run("worker", steps({ a: { worker: { do: "crash", times: 1 } } }));
    expectOutcome(run, "succeeded", 0, null);
    expect(payloads(run, "runtime.action.retried")).toMatchObject([{ error_code: "PLUGIN_CRASHED" }]);
    expect(payloads(run, "runtime.plugin.fault")).toMatchObject([
      { plugin_id: "acme/worker", code: "PLUGIN_CRASHED", action_id: expect.stringContaining(":a:") },
    ]);
    expect(payloads(run, "runtime.plugin.started")).toHaveLength(2);
    expect(workerLog(world, run)).toEqual(["execute crash 1", "recover 2", "execute crash 2"]);
  });
});

test("what is not the protocol fails the action at once, and the rest of the run goes on as it would", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    for (const [does, code] of [
      ["garbage", "PLUGIN_GARBAGE"],
      ["wrong", "PLUGIN_WRONG_ANSWER"],
      ["large", "PLUGIN_MESSAGE_TOO_LARGE"],
    ] as const) {
      const both = steps({ bad: { worker: { do: does } } }).step("good", { route: "delegate_adapter" });
      const run = await plugins.run("worker", both);
      expectOutcome(run, "failed", 1, code);
      expect(faultCodes(run)).toEqual([code]);
      expect(await world.stepErrors(run.report["runtime_run_id"])).toEqual({ bad: code });
      expect(payloads(run, "runtime.action.retried")).toEqual([]);
      expect(run.report["counts"]).toMatchObject({ succeeded: 1, failed: 1 });
    }
  });
});

test("a run that is stopped tells its plugin to end what is under way, and leaves nothing running", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const { ended } = await plugins.begin("worker", steps({ a: { worker: { do: "hang" } } }));
    await until("it hangs", () => filesBelow(world.scope).some((path) => path.endsWith("/hangs")));
    const { runtime_run_id } = await world.status();
    await plugins.akc(["runtime", "stop", String(runtime_run_id), "--outputs-root", world.root]);
    const run = await ended;
    expect(run.report["outcome"]).toBe("stopped");
    expect(faultCodes(run)).toEqual([]);
    expect(world.processes()).toEqual([]);
  });
});

test("a secret is handed over by name, and stands in nothing that akc keeps or says", async () => {
  await inWorld(async (world) => {
    const value = "s3cr3t/with+signs&more";
    const fromFile = "another-one-in-a-file";
    const plugins = new Plugins(world, ["worker"], { THE_TOKEN: value });
    const file = join(world.side, "secret-file");
    writeFileSync(file, `${fromFile}\n`);
    plugins.policy({
      grants: { "acme/worker": { secrets: ["token", "other"] } },
      secrets: { token: { env: "THE_TOKEN" }, other: { file } },
    });
    const run = await plugins.run(
      "worker",
      steps({ a: { worker: { do: "secret", secret: "token" } } })
        .step("b", { route: "delegate_adapter", worker: { do: "secret", secret: "other", fail: true } })
        .step("c", { route: "delegate_adapter", worker: { do: "secret", secret: "unknown" } }),
      "--verbose",
    );
    expect(run.report["counts"]).toMatchObject({ succeeded: 1, failed: 2 });
    expect(run.stderr).toContain("the secret is [secret token]");
    const forms = [value, fromFile].flatMap((text) => [text, Buffer.from(text).toString("base64")]);
    const kept = filesBelow(world.root).map((path) => readFileSync(join(world.root, path)));
    for (const form of forms) {
      expect(kept.filter((bytes) => bytes.includes(form))).toEqual([]);
      expect(run.stdout + run.stderr).not.toContain(form);
    }
    expect(results(run)).toMatchObject([{ outputs: { it: "[REDACTED]" } }]);
    const errors = payloads(run, "runtime.action.dead_lettered").map(({ error }) => error);
    expect(errors).toContainEqual("no [REDACTED]");
    expect(errors).toContainEqual(expect.stringContaining("the plugin was not granted this"));
  });
});

test("what a plugin may not do, or is not, is refused before anything runs", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const one = steps({ a: {} });
    expectError(await plugins.run("acme/nobody", one), "PLUGIN_NOT_FOUND", 2);
    expectError(await plugins.run("nobody", one), "ADAPTER_UNKNOWN", 2);
    plugins.policy({ trust: "locked" });
    expectError(await plugins.run("worker", one), "PLUGIN_UNTRUSTED", 2);
    const lock = ["plugin", "lock", "acme/worker", ...plugins.flags];
    expect((await plugins.akc(lock)).code).toBe(0);
    expectOutcome(await plugins.run("worker", one), "succeeded", 0, null);
    appendFileSync(join(plugins.folder, "worker/worker.py"), "# changed\n");
    const said = expectError(await plugins.run("worker", one), "PLUGIN_MODIFIED", 2);
    expect(JSON.stringify(said)).toContain("worker.py");
    plugins.policy({});
    rmSync(join(world.side, "plugins.lock"), { force: true });
    expect((await plugins.akc(["plugin", "disable", "acme/worker", ...plugins.flags])).code).toBe(0);
    expectError(await plugins.run("worker", one), "PLUGIN_DISABLED", 2);
    expect((await plugins.akc(["plugin", "enable", "acme/worker", ...plugins.flags])).code).toBe(0);
    const needs = (...capabilities: string[]) => one.lanes({ required_adapter_capabilities: capabilities });
    expectError(
      await plugins.run("worker", needs("recover", "durable_waits")),
      "ADAPTER_CAPABILITY_MISSING",
      2,
    );
    expectError(await plugins.run("native", needs("recover")), "ADAPTER_CAPABILITY_MISSING", 2);
    expectOutcome(await plugins.run("worker", needs("recover")), "succeeded", 0, null);
    expectError(await plugins.run("worker", needs("anything")), "BUNDLE_INVALID", 2);
  });
});

test("two plugins of one adapter's id: neither is chosen by chance", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    cpSync(join(plugins.folder, "worker"), join(plugins.folder, "twin"), { recursive: true });
    const manifest = join(plugins.folder, "twin/plugin.yaml");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace("acme/worker", "acme/twin"));
    const said = expectError(await plugins.run("worker", steps({ a: {} })), "ADAPTER_UNKNOWN", 2);
    expect(said["hint"]).toContain("acme/twin");
    expectOutcome(await plugins.run("acme/twin", steps({ a: {} })), "succeeded", 0, null);
  });
});

test("a plugin's request takes the bundle's lane, and only where both grants reach", async () => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) =>
      url.endsWith("/away") ? Response.redirect("http://127.0.0.1:1/x") : new Response("from the server"),
  });
  try {
    await inWorld(async (world) => {
      const plugins = new Plugins(world, ["typed"]);
      const origin = `http://127.0.0.1:${server.port}`;
      const asks = (path: string) => steps({ a: { typed: { fetch: `${origin}${path}` } } });
      const error = async (given: BundleBuilder) => {
        const [dead] = payloads(await plugins.run("typed", given), "runtime.action.dead_lettered");
        return String(dead?.["error"]);
      };
      expect(await error(asks("/in").reaching(origin))).toContain("PLUGIN_NOT_GRANTED");
      plugins.policy({ grants: { "acme/typed": { net: [`127.0.0.1:${server.port}`] } } });
      const done = await plugins.run("typed", asks("/in").reaching(origin));
      expect(results(done)).toMatchObject([{ outputs: { status: 200, text: "from the server" } }]);
      expect(await error(asks("/in"))).toContain("PLUGIN_NOT_GRANTED");
      expect(await error(asks("/out").reaching(`${origin}/in`))).toContain("HTTP_URL_DENIED");
      expect(await error(asks("/away").reaching(origin, "http://127.0.0.1:1"))).toContain("HTTP_REDIRECT");
    });
  } finally {
    await server.stop(true);
  }
});

test("a plugin that never answers is ended at the action's deadline, asked to end the action too, and tried again", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    plugins.policy({}, { limits: { action_seconds: 0.4 } });
    const run = await plugins.run("worker", steps({ a: { worker: { do: "never" } } }), "--verbose");
    expectOutcome(run, "failed", 1, "PLUGIN_TIMEOUT");
    const codes = faultCodes(run);
    expect(codes.length).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set(["PLUGIN_TIMEOUT"]));
    expect(run.stderr).toContain("told to end coordination:a:0");
  });
}, 30_000);

test("a plugin that exits at once fails its action with its own code; the others, and another plugin, go on", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker", "typed"]);
    const script = join(plugins.folder, "worker/worker.py");
    writeFileSync(script, "#!/bin/sh\necho last words >&2\nexit 3\n");
    const run = await plugins.run("worker", steps({ a: {} }));
    expect(run.report["outcome"]).toBe("failed");
    expect(new Set(faultCodes(run))).toEqual(new Set(["PLUGIN_START_FAILED"]));
    expect(payloads(run, "runtime.plugin.started")).toEqual([]);
    expectOutcome(await plugins.run("typed", steps({ a: {} })), "succeeded", 0, null);
  });
});

test("a plugin that is changed while the run goes on is not started again", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const given = steps({ a: { worker: { do: "wait-and-crash" } } });
    const { ended } = await plugins.begin("worker", given);
    await until("it waits", () => filesBelow(world.scope).some((path) => path.endsWith("/waits")));
    appendFileSync(join(plugins.folder, "worker/worker.py"), "# changed\n");
    const [folder = ""] = filesBelow(world.scope).filter((path) => path.endsWith("/waits"));
    rmSync(join(world.scope, folder));
    const run = await ended;
    expectOutcome(run, "blocked", 2, "PLUGIN_MODIFIED");
    expect(faultCodes(run)).toEqual(["PLUGIN_CRASHED", "PLUGIN_MODIFIED"]);
  });
});

test("simulate starts no plugin, and says what would have been done", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const path = await world.place(steps({ a: {} }));
    const flags = [
      "--bundle",
      path,
      "--mode",
      "simulate",
      "-o",
      "json",
      "--adapter",
      "worker",
      ...plugins.flags,
    ];
    const run = plugins.seen(await plugins.akc(["runtime", "start", ...flags]));
    expectOutcome(run, "succeeded", 0, null);
    expect(results(run)).toMatchObject([{ outputs: { simulated: true, effect: "none" } }]);
    expect(payloads(run, "runtime.plugin.started")).toEqual([]);
    expect(filesBelow(world.scope).filter((file) => file.endsWith("worker.log"))).toEqual([]);
  });
});

test("a plugin works in a folder of its action's own, and reaches neither the state nor the evidence of the run", async () => {
  await inWorld(async (world) => {
    const plugins = new Plugins(world, ["worker"]);
    const run = await plugins.run("worker", steps({ a: { worker: { do: "reach" } } }));
    expectOutcome(run, "succeeded", 0, null);
    const [started] = payloads(run, "runtime.plugin.started");
    const { outputs } = Object(results(run)[0]);
    expect(outputs).toMatchObject({ own: "written" });
    if (started?.["containment"] === "landlock") {
      expect(outputs).toMatchObject({ state: "refused", folder: "refused" });
    }
  });
});

function workerLog(world: World, run: PluginRun): readonly string[] {
  const path = join(world.workdir(String(run.report["runtime_run_id"])), "worker.log");
  return readFileSync(path, "utf8").trimEnd().split("\n");
}
