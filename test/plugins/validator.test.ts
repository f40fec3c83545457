/** A plugin's validator: what it is told, what it may reach, and that nothing that it breaks is more than an error. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { limits } from "../../src/limits.ts";
import { doorOnly } from "../../src/plugin-host/contract.ts";
import type { PluginHandle } from "../../src/plugin-host/host.ts";
import type { Answer, Door, Validator } from "../../src/validators/contract.ts";
import { createPluginValidator } from "../../src/validators/plugin.ts";
import { DoorWorld, jsonMap, never, recordedAgain, text } from "../validation/door-world.ts";
import { type PluginOptions, PluginWorld, refusal } from "./hosted.ts";

let plugins: PluginWorld;
let world: DoorWorld;
beforeAll(() => {
  plugins = new PluginWorld();
  world = new DoorWorld();
});
afterAll(async () => {
  await plugins.close();
  await world.close();
});

const source = `
import { connect } from "node:net";
import { definePlugin, truncatedHeader } from "akc/sdk";

const modes = {
  tells: (request, call) => ({ verdict: "pass", observed: request }),
  answers: ({ binding }) => binding.answer,
  attaches: ({ binding }) => ({ verdict: "pass",
    attachments: [{ name: "big", mediaType: "video/mp4", bytes: new Uint8Array(binding.size) }] }),
  throws: () => { throw new Error("a bug"); },
  exits: () => process.exit(3),
  hangs: () => new Promise(() => {}),
  blocks: () => { for (;;); },
  waits: async ({ binding }) => { await Bun.sleep(binding.ms); return { verdict: "pass", observed: { ms: binding.ms } }; },
  secret: async (_request, call) => ({ verdict: "pass", observed: await call.secret("token") }),
  async looks({ binding }, call) {
    const response = await call.fetch(binding.url, { headers: { "x-a": "b" } });
    const bytes = await response.bytes();
    const headers = Object.fromEntries(response.headers);
    return { verdict: "pass", observed: { status: response.status, size: bytes.length, headers },
      evidence: { truncated: response.headers.has(truncatedHeader) } };
  },
  async runs({ binding }, call) {
    const end = await call.run(binding.argv, { timeoutMs: 5000, outputBytesMax: binding.bytes });
    const { exitCode, signal, truncated, stdout, stderr } = end;
    const made = binding.made === undefined ? undefined : await call.readMade(binding.made);
    return { verdict: "pass",
      observed: { exitCode, signal, truncated, stdout: stdout.length, stderr: stderr.length, made: made?.length },
      attachments: [
        { name: "stdout.txt", mediaType: "text/plain", bytes: stdout },
        ...(made === undefined ? [] : [{ name: "made.bin", mediaType: "application/octet-stream", bytes: made }]),
        { name: "own.txt", mediaType: "text/plain; charset=utf-8", bytes: new TextEncoder().encode("own") },
      ] };
  },
  async escapes({ binding }) {
    const net = await new Promise((resolve) => {
      const socket = connect(Number(new URL(binding.url).port), "127.0.0.1");
      socket.on("connect", () => { socket.destroy(); resolve("connected"); });
      socket.on("error", (error) => resolve(error.code));
    });
    let run = "started";
    try { Bun.spawnSync([binding.tool]); } catch (error) { run = error.code; }
    return { verdict: "pass", observed: { net, run } };
  },
};

export default definePlugin({
  validators: { probe: { bindingKinds: ["probe"], validate: (request, call) => modes[request.binding.mode](request, call) } },
});
`;

function opened(more: PluginOptions = {}): { handle: PluginHandle; validator: Validator } {
  const plugin = plugins.plugin(
    { "index.ts": source },
    {
      ...more,
      manifest: {
        kinds: ["validator"],
        offers: { validators: { probe: { binding_kinds: ["probe"] } } },
        permissions: { net: [], read: [], write: [], run: [], env: [], secrets: [] },
        ...more.manifest,
      },
    },
  );
  const handle = plugins.open(plugin, { granted: { ...doorOnly, ...more.granted } });
  return { handle, validator: createPluginValidator(handle, { id: "probe", kinds: ["probe"] }) };
}

async function ask(
  validator: Validator,
  binding: object,
  {
    door,
    timeoutMs = 30_000,
    signal = never,
  }: { door?: Door; timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<Answer> {
  return validator.validate(
    { bindingId: "b", kind: "probe", binding: jsonMap(binding), evaluatedAtMs: 1_700_000_000_000, timeoutMs },
    door ?? (await world.door(binding)),
    signal,
  );
}

function program(name: string, body: string): string {
  const path = join(world.folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

test("it is told what is judged, and whose now", async () => {
  const { validator, handle } = opened();
  const answer = await validator.validate(
    {
      bindingId: "checkout-latency",
      kind: "probe",
      binding: jsonMap({ mode: "tells", big: 2 ** 60, list: [1.5, null] }),
      context: {
        tenant_id: "acme",
        repo_id: "shop",
        run_id: "r",
        runtime_run_id: "u",
        policy_mode: "enforce",
        adapter_id: "native",
      },
      evaluatedAtMs: 1_700_000_000_123,
      timeoutMs: 4_321,
    },
    await world.door({}),
    never,
  );
  expect(answer).toMatchObject({
    verdict: "pass",
    evidence: {},
    attachments: [],
    observed: {
      bindingKind: "probe",
      bindingId: "checkout-latency",
      binding: { mode: "tells", list: [1.5, null] },
      evaluatedAtMs: 1_700_000_000_123,
      timeoutMs: 4_321,
      context: { tenantId: "acme", runtimeRunId: "u" },
    },
  });
  expect(validator.plugin).toEqual({ id: "test/hostile", version: "1.0.0", digest: handle.plugin.digest });
});

describe("the world, through akc", () => {
  test("a request: its answer, cut where it is too large for a message, and recorded whole", async () => {
    const origin = world.serve(
      ({ url }) =>
        new Response("x".repeat(Number(new URL(url).searchParams.get("n"))), {
          headers: { "akc-truncated": "1", "x-other": "2", "content-type": "text/x" },
        }),
    );
    const small = { limits: { messageBytes: 64 * 1024 }, granted: { net: ["*:*"] } };
    const { validator } = opened(small);
    const short = { mode: "looks", url: `${origin}/?n=10` };
    // What a server says of cutting is not believed.
    expect(await ask(validator, short)).toMatchObject({
      observed: { status: 200, size: 10, headers: { "content-type": "text/x" } },
      evidence: { truncated: false },
    });
    const long = { mode: "looks", url: `${origin}/?n=100000` };
    const door = await world.door(long);
    const answer = await ask(validator, long, { door });
    expect(answer).toMatchObject({ verdict: "pass", evidence: { truncated: true } });
    expect(door.exchanges).toMatchObject([{ answer: { truncated: false, body: { sizeBytes: 100_000 } } }]);
    expect(await ask(validator, long, { door: recordedAgain(door) })).toEqual(answer);
  });

  test("an answer that akc has cut is recorded as far as it was read, and only its beginning handed on", async () => {
    const { validatorResponseBytesMax: readMax, pluginCutAnswerBytesMax: shownMax } = limits;
    const origin = world.serve(() => new Response("x".repeat(readMax + 1)));
    const { validator } = opened({ granted: { net: ["*:*"] } });
    const large = { mode: "looks", url: `${origin}/` };
    const door = await world.door(large);
    expect(await ask(validator, large, { door })).toMatchObject({
      observed: { size: shownMax },
      evidence: { truncated: true },
    });
    expect(door.exchanges).toMatchObject([{ answer: { truncated: true, body: { sizeBytes: readMax } } }]);
  });

  test("a program and a file that it made, in parts; attachments that akc has are not sent back", async () => {
    const size = 300_000;
    const tool = program("makes", `head -c ${size} /dev/urandom | tee film; echo oops >&2; exit 4`);
    // Neither the output nor the file fit into one message, so that sending them back could not work.
    const { validator } = opened({
      limits: { messageBytes: 500 * 1024 },
      granted: { run: [tool] },
      manifest: { permissions: { net: [], read: [], write: [], run: [tool], env: [], secrets: [] } },
    });
    const binding = { mode: "runs", argv: [tool], made: "film", bytes: 150_000 };
    const door = await world.door(binding);
    const answer = await ask(validator, binding, { door });
    expect(answer).toMatchObject({
      verdict: "pass",
      observed: { exitCode: 4, signal: null, truncated: true, stdout: 150_000, stderr: 5, made: size },
    });
    const [stdout, film, own] = answer.attachments;
    expect([stdout?.name, film?.name, text(own?.bytes ?? new Uint8Array())]).toEqual([
      "stdout.txt",
      "made.bin",
      "own",
    ]);
    const [ran, read] = door.exchanges;
    expect(ran).toMatchObject({ answer: { stdout: { sha256: sha256Hex(stdout?.bytes ?? "") } } });
    expect(read).toMatchObject({ answer: { content: { sha256: sha256Hex(film?.bytes ?? "") } } });
  });

  test("a name is granted as such, or by a path, and the path that was granted is what runs", async () => {
    const tool = program("my-adb", "echo mine");
    const folder = join(world.folder, "sdk");
    mkdirSync(folder, { recursive: true });
    const adb = join(folder, "adb");
    writeFileSync(adb, "#!/bin/sh\necho the granted one\n", { mode: 0o755 });
    const { validator } = opened({ granted: { run: [adb, tool] } });
    const binding = { mode: "runs", argv: ["adb", "devices"] };
    const door = await world.door(binding);
    await ask(validator, binding, { door });
    expect(door.exchanges).toMatchObject([
      { argv: ["adb", "devices"], answer: { stdout: { sizeBytes: 16 } } },
    ]);
    for (const argv of [["sh", "-c", "id"], ["/bin/sh"], [`${folder}/../my-adb`], []]) {
      const refused = await ask(validator, { mode: "runs", argv });
      expect(refused.verdict).toBe("error");
    }
  });

  test("nothing that was not granted: no request, no program, and no secret at all", async () => {
    const origin = world.serve(() => new Response("reached"));
    const { validator } = opened({ granted: { secrets: ["token"] } });
    expect(await ask(validator, { mode: "looks", url: origin })).toMatchObject({
      verdict: "error",
      reason: "denied",
    });
    expect(await ask(validator, { mode: "runs", argv: ["true"] })).toMatchObject({
      verdict: "error",
      reason: "denied",
    });
    expect(await ask(validator, { mode: "secret" })).toMatchObject({ verdict: "error", reason: "denied" });
    const elsewhere = opened({ granted: { net: ["other.example:443"] } });
    expect(await ask(elsewhere.validator, { mode: "looks", url: origin })).toMatchObject({
      verdict: "error",
      reason: "denied",
    });
  });

  test("and not past akc: its process connects nowhere and starts nothing, whatever it was granted", async () => {
    const origin = world.serve(() => new Response("reached"));
    const tool = program("innocent", "exit 0");
    const { validator } = opened({ granted: { net: ["*:*"], run: [tool] } });
    const answer = await ask(validator, { mode: "escapes", url: origin, tool });
    expect(answer.observed).toEqual({ net: expect.stringMatching(/^E(?:ACCES|PERM)$/), run: "EACCES" });
  });

  test("an error of the door's that the plugin lets pass is the door's", async () => {
    const { validator } = opened({ granted: { net: ["*:*"], run: ["no-such-tool", "sleep"] } });
    expect(await ask(validator, { mode: "looks", url: "http://127.0.0.1:1" })).toMatchObject({
      verdict: "error",
      reason: "unreachable",
    });
    expect(await ask(validator, { mode: "runs", argv: ["no-such-tool"] })).toMatchObject({
      reason: "tool_missing",
    });
    const binding = { mode: "runs", argv: ["sleep", "60"] };
    const door = await world.door(binding, { timeoutMs: 200 });
    expect(await ask(validator, binding, { door })).toMatchObject({ verdict: "error", reason: "timeout" });
  });
});

describe("an answer that is none is a fault of the plugin's", () => {
  const attachment = (more: object) => ({
    verdict: "pass",
    attachments: [{ name: "a", mediaType: "a/b", ...more }],
  });
  const cases: readonly [string, unknown][] = [
    ["no verdict", { reason: "x" }],
    ["another verdict", { verdict: "passed" }],
    ["nothing", null],
    ["a reason with control characters", { verdict: "fail", reason: "a\u001b[2J" }],
    ["a reason that is a sentence", { verdict: "fail", reason: "it is broken" }],
    ["a message with control characters", { verdict: "fail", message: "a\nb" }],
    ["a message without end", { verdict: "fail", message: "x".repeat(limits.validatorMessageCharsMax + 1) }],
    ["evidence that is a list", { verdict: "pass", evidence: [1] }],
    ["huge evidence", { verdict: "pass", evidence: { a: "x".repeat(limits.bindingEvidenceCharsMax) } }],
    ["text that is no Unicode", { verdict: "pass", observed: { a: "\ud800" } }],
    ["an attachment with a path", attachment({ name: "../a", bytes: "" })],
    ["an attachment called ..", attachment({ name: "..", bytes: "" })],
    ["an attachment with a backslash", attachment({ name: "a\\b", bytes: "" })],
    ["an attachment without content", attachment({})],
  ];
  for (const [what, answer] of cases) {
    test(what, async () => {
      const { validator, handle } = opened({ limits: { messageBytes: 4 * 1024 * 1024 } });
      const seen = await ask(validator, { mode: "answers", answer });
      expect(seen).toMatchObject({ verdict: "error", reason: "plugin_fault", attachments: [] });
      expect(seen.message).not.toMatch(/\p{Cc}/u);
      await handle.close();
    });
  }

  test("an attachment of many megabytes is none", async () => {
    const { validator } = opened({ limits: { messageBytes: limits.pluginMessageBytesMax } });
    const size = 40 * 1024 * 1024;
    const answer = await ask(validator, { mode: "attaches", size });
    expect(answer).toMatchObject({ verdict: "pass", attachments: [{ name: "big", mediaType: "video/mp4" }] });
    expect(answer.attachments[0]?.bytes.length).toBe(size);
  });

  test("what is observed may be any JSON", async () => {
    const { validator } = opened();
    expect(await ask(validator, { mode: "answers", answer: { verdict: "fail", observed: 7 } })).toEqual({
      verdict: "fail",
      observed: { value: 7 },
      evidence: {},
      attachments: [],
    });
  });
});

describe("a plugin that breaks is an error, and the next question is answered", () => {
  const faults: readonly [string, string][] = [
    ["throws", "plugin_fault"],
    ["exits", "plugin_fault"],
    ["hangs", "timeout"],
    ["blocks", "timeout"],
    ["unknown", "plugin_fault"],
  ];
  for (const [mode, reason] of faults) {
    test(mode, async () => {
      const { validator } = opened({ limits: { stopMs: 200 } });
      await ask(validator, { mode: "tells" });
      const answer = await ask(validator, { mode }, { timeoutMs: 700 });
      expect(answer).toMatchObject({ verdict: "error", reason, observed: {}, evidence: {} });
      expect((await ask(validator, { mode: "tells" })).verdict).toBe("pass");
    }, 30_000);
  }
});

test("one that nobody wants to hear any more is told to end", async () => {
  const { validator } = opened({ limits: { stopMs: 200 } });
  const control = new AbortController();
  const asked = ask(validator, { mode: "hangs" }, { signal: control.signal });
  setTimeout(() => control.abort(), 300);
  const cause = await asked.catch((error: unknown) => error);
  expect(cause).toBeInstanceOf(AkcError);
  expect(cause).toMatchObject({ code: "CANCELLED" });
});

test("several questions at once, as many as it takes", async () => {
  const { validator, handle } = opened({ limits: { concurrency: 3 } });
  await ask(validator, { mode: "tells" });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, handle.info().callsUnderWay);
  }, 5);
  const answers = await Promise.all(
    [200, 150, 100, 50, 120, 60].map((ms) => ask(validator, { mode: "waits", ms })),
  );
  clearInterval(watch);
  expect(answers.map(({ observed }) => observed["ms"])).toEqual([200, 150, 100, 50, 120, 60]);
  expect(most).toBe(3);
});

test("many large answers at once wait for each other, and end nobody", async () => {
  const size = 8_000_000;
  const origin = world.serve(() => new Response(new Uint8Array(size)));
  const { validator, handle } = opened({
    limits: { concurrency: 12, messageBytes: limits.pluginMessageBytesMax },
    granted: { net: ["*:*"] },
  });
  const binding = { mode: "looks", url: origin };
  const answers = await Promise.all(Array.from({ length: 12 }, () => ask(validator, binding)));
  expect(answers.map(({ observed }) => observed["size"])).toEqual(Array(12).fill(size));
  expect(handle.info().starts).toBe(1);
});

test("a call without a door has none of these services", async () => {
  const { handle } = opened({ granted: { run: ["true"] } });
  const params = {
    validator: "probe",
    binding_id: "b",
    binding_kind: "probe",
    binding: { mode: "runs", argv: ["true"] },
    evaluated_at_ms: 1,
    timeout_ms: 1_000,
  };
  const error = await refusal(handle.call("validator/validate", params, { timeoutMs: 20_000 }));
  expect(error).toMatchObject({ code: "PLUGIN_FAILED", details: { code: "PLUGIN_NOT_GRANTED" } });
});
