/** What a plugin can do wrong: each has its own code, ends that process alone, and the plugin can be called again. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ErrorCode } from "../../src/errors.ts";
import type { PluginHandle } from "../../src/plugin-host/host.ts";
import { lives, PluginWorld, patient, refusal, until } from "./hosted.ts";

let world: PluginWorld;
beforeAll(() => {
  world = new PluginWorld();
});
afterAll(() => world.close());

const execute = (plugin: PluginHandle, timeoutMs: number = patient.timeoutMs) =>
  plugin.call("adapter/execute", {}, { timeoutMs });

/** Every process that the plugin ever had is gone. */
async function nothingLeft(plugin: PluginHandle): Promise<void> {
  const { pid } = plugin.info();
  await until(() => plugin.info().pid === undefined);
  if (pid !== undefined) expect(lives(pid)).toBe(false);
}

const wrongs: readonly (readonly [behaviour: string, code: ErrorCode, why?: string])[] = [
  ["exits-at-once", "PLUGIN_START_FAILED"],
  ["refuses-initialize", "PLUGIN_FAILED"],
  ["offers-too-much", "PLUGIN_LIES"],
  ["offers-another", "PLUGIN_LIES"],
  ["other-version", "PLUGIN_LIES"],
  ["speaks-another", "PLUGIN_PROTOCOL_UNSUPPORTED"],
  ["malformed-initialize", "PLUGIN_GARBAGE"],
  ["garbage", "PLUGIN_GARBAGE", "not-json"],
  ["not-utf8", "PLUGIN_GARBAGE", "not-utf8"],
  ["not-jsonrpc", "PLUGIN_GARBAGE", "not-jsonrpc"],
  ["batch", "PLUGIN_GARBAGE", "not-jsonrpc"],
  ["too-deep", "PLUGIN_GARBAGE", "too-deep"],
  ["wrong-id", "PLUGIN_WRONG_ANSWER"],
  ["log-flood", "PLUGIN_FLOOD"],
  ["long-line", "PLUGIN_MESSAGE_TOO_LARGE"],
  ["crashes", "PLUGIN_CRASHED"],
  ["crashes-hard", "PLUGIN_CRASHED"],
  ["closes-stdout", "PLUGIN_CRASHED"],
];

for (const [behaviour, code, why] of wrongs) {
  test(`a plugin that ${behaviour.replaceAll("-", " ")} is ended with ${code}`, async () => {
    const plugin = world.hostile(behaviour);
    const before = world.faults.length;
    const error = await refusal(execute(plugin));
    expect(error.code).toBe(code);
    if (why !== undefined) expect(error.details["why"]).toBe(why);
    await nothingLeft(plugin);
    const told = world.faults.slice(before).map((fault) => fault.error.code);
    expect(told).toEqual([code]);
    await plugin.close();
  });
}

test("a plugin that sends more output than anybody takes is ended", async () => {
  const plugin = world.hostile("output-flood");
  const onOutput = () => new Promise<void>(() => undefined);
  const answer = plugin.call("adapter/execute", {}, { ...patient, onOutput });
  expect((await refusal(answer)).code).toBe("PLUGIN_FLOOD");
  await nothingLeft(plugin);
});

test("an answer that comes twice ends the plugin, and the call has its first answer", async () => {
  const plugin = world.hostile("twice");
  expect(await execute(plugin)).toEqual({});
  await until(() => world.faults.at(-1)?.error.code === "PLUGIN_WRONG_ANSWER");
  await nothingLeft(plugin);
});

test("a plugin that never answers is told to end the call, then is ended", async () => {
  for (const behaviour of ["never-answers", "serial"]) {
    const plugin = world.hostile(behaviour);
    const { pid } = await plugin.ready(patient.timeoutMs).then(() => plugin.info());
    const error = await refusal(execute(plugin, 50));
    expect(error.code).toBe("PLUGIN_TIMEOUT");
    await until(() => pid !== undefined && !lives(pid));
  }
});

test("a plugin that does not even answer initialize is ended", async () => {
  const plugin = world.hostile("start-hangs", { limits: { startMs: 300 } });
  expect((await refusal(execute(plugin))).code).toBe("PLUGIN_TIMEOUT");
  await nothingLeft(plugin);
});

test("an answer after the deadline is dropped and counted, and the plugin lives on", async () => {
  const plugin = world.hostile("answers-late", { limits: { stopMs: 20_000 } });
  await plugin.ready(patient.timeoutMs);
  const { pid } = plugin.info();
  const error = await refusal(execute(plugin, 30));
  expect(error.code).toBe("PLUGIN_TIMEOUT");
  expect(plugin.info()).toMatchObject({ state: "running", pid, lateAnswers: 1 });
  await plugin.ping(patient.timeoutMs);
});

test("a call that is called off ends when the plugin says so", async () => {
  const plugin = world.hostile("never-answers", { limits: { stopMs: 200 } });
  await plugin.ready(patient.timeoutMs);
  const control = new AbortController();
  const answer = plugin.call("adapter/execute", {}, { ...patient, signal: control.signal });
  setTimeout(() => control.abort(), 20);
  expect((await refusal(answer)).code).toBe("CANCELLED");
});

test("other calls of a plugin that is ended for one of them may be tried again", async () => {
  const plugin = world.hostile("never-answers", { limits: { stopMs: 100 } });
  await plugin.ready(patient.timeoutMs);
  const other = refusal(execute(plugin));
  const guilty = refusal(execute(plugin, 30));
  expect((await guilty).code).toBe("PLUGIN_TIMEOUT");
  expect(await other).toMatchObject({ code: "PLUGIN_CRASHED", class: "retryable" });
});

test("a plugin that calls back without end is ended", async () => {
  const plugin = world.hostile("call-flood", { granted: { secrets: ["slow"] } });
  const services = { secret: () => new Promise<string>(() => undefined) };
  const answer = plugin.call("adapter/execute", {}, { ...patient, services });
  expect((await refusal(answer)).code).toBe("PLUGIN_FLOOD");
});

test("a plugin that does not read waits for nobody but itself", async () => {
  const plugin = world.hostile("reads-nothing", { limits: { messageBytes: 16 * 1024 * 1024, stopMs: 100 } });
  await refusal(plugin.call("adapter/execute", { text: "x".repeat(15_000_000) }, { timeoutMs: 200 })).then(
    (error) => expect(error.code).toBe("PLUGIN_TIMEOUT"),
  );
  await nothingLeft(plugin);
});

test("a message to a plugin that is too large is never sent", async () => {
  const plugin = world.hostile("good");
  const error = await refusal(plugin.call("adapter/execute", { text: "é".repeat(1024 * 1024) }, patient));
  expect(error.code).toBe("PLUGIN_MESSAGE_TOO_LARGE");
  expect(plugin.info().state).toBe("running");
});

test("a plugin that prints without end is made to wait, and its answer still counts", async () => {
  const plugin = world.hostile("stderr-flood");
  const before = world.logs.length;
  expect(await execute(plugin)).toEqual({});
  expect(world.logs.length).toBeGreaterThan(before);
});

test("memory without end is ended by name, in the plugin and in its children", async () => {
  for (const behaviour of ["allocates", "child-allocates"]) {
    const plugin = world.hostile(behaviour, { limits: { memoryBytes: 300 * 1024 * 1024 } });
    const error = await refusal(execute(plugin));
    expect(error.code).toBe("PLUGIN_MEMORY");
    await nothingLeft(plugin);
  }
});

test("children that a plugin leaves behind are gone with it", async () => {
  const plugin = world.hostile("leaks-children");
  const result = await execute(plugin);
  const pids = JSON.parse(JSON.stringify(result)).pids;
  expect(pids.map(lives)).toEqual([true, true]);
  await plugin.close();
  expect(pids.map(lives)).toEqual([false, false]);
});

test("a plugin that ignores its end is ended", async () => {
  const plugin = world.hostile("ignores-the-end", { limits: { stopMs: 100 } });
  await plugin.ready(patient.timeoutMs);
  const { pid } = plugin.info();
  await plugin.close();
  expect(pid === undefined || lives(pid)).toBe(false);
});

test("a crash is followed by another start, many by none for a while", async () => {
  const plugin = world.hostile("crashes");
  const codes: ErrorCode[] = [];
  while (codes.at(-1) !== "PLUGIN_CIRCUIT_OPEN") codes.push((await refusal(execute(plugin))).code);
  expect(codes).toEqual([...Array(5).fill("PLUGIN_CRASHED"), "PLUGIN_CIRCUIT_OPEN"]);
  expect(plugin.info()).toMatchObject({ state: "broken", starts: 5 });
});

test("a plugin changed on disk runs on, and is not started again", async () => {
  const plugin = world.hostile("good", { limits: { idleMs: 50 } });
  expect(await execute(plugin)).toMatchObject({ pid: expect.any(Number) });
  const entry = join(plugin.plugin.root, "hostile.ts");
  const text = readFileSync(entry, "utf8");
  writeFileSync(entry, `${text}\n// harmless\n`);
  writeFileSync(join(plugin.plugin.root, "added.ts"), "");
  await until(() => plugin.info().state === "stopped");
  const error = await refusal(execute(plugin));
  expect(error).toMatchObject({ code: "PLUGIN_MODIFIED", details: { files: ["added.ts", "hostile.ts"] } });
});

test("one that floods never delays another", async () => {
  const good = world.hostile("good");
  await good.ready(patient.timeoutMs);
  for (const behaviour of [
    "log-flood",
    "output-flood",
    "stderr-flood-forever",
    "long-line",
    "never-answers",
  ]) {
    const bad = world.hostile(behaviour, { limits: { stopMs: 100 } });
    await bad.ready(patient.timeoutMs);
    let over = false;
    const flooding = execute(bad)
      .catch(() => undefined)
      .finally(() => {
        over = true;
      });
    let answered = 0;
    // A call that had to wait for the other's end would not be answered before it.
    for (; answered < 50; answered += 1) await execute(good);
    // These have no end of their own.
    if (behaviour === "stderr-flood-forever" || behaviour === "never-answers") expect(over).toBe(false);
    await bad.close();
    await flooding;
    expect(answered).toBe(50);
  }
}, 60_000);
