import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Call,
  definePlugin,
  denied,
  type ExecuteRequest,
  failed,
  retryable,
} from "../../src/sdk/index.ts";
import { LineReader } from "../../src/sdk/lines.ts";
import type { JsonMap } from "../../src/sdk/protocol.ts";
import { execution, handshake, type Speaker, speak } from "./sdk-speaker.ts";

// What is served takes the console of its process.
const before = { ...console };
afterAll(() => void Object.assign(console, before));

type Work = (request: ExecuteRequest, call: Call) => object | Promise<object>;

async function serving(execute: Work, limits: JsonMap = {}): Promise<Speaker> {
  const speaker = speak(
    definePlugin({
      adapters: { one: { execute: async (request, call) => ({ ...(await execute(request, call)) }) } },
    }),
  );
  await speaker.call("initialize", handshake(limits));
  return speaker;
}

const errorOf = (message: JsonMap) => message["error"];
const never = () => new Promise<object>(() => undefined);

describe("an author's mistakes", () => {
  test("what is thrown becomes an error of the call, its stack goes to the log, and the plugin goes on", async () => {
    const speaker = await serving(() => {
      throw new TypeError("x is not a function");
    });
    expect(errorOf(await speaker.call("adapter/execute", execution()))).toEqual({
      code: -32603,
      message: "TypeError: x is not a function",
    });
    const log = await speaker.next(({ method }) => method === "$/log");
    expect(JSON.stringify(log)).toContain("sdk.test.ts");
    expect(await speaker.call("ping")).toMatchObject({ result: {} });
  });

  test("what JSON cannot write becomes an error of the call", async () => {
    for (const outputs of [{ big: 1n }, cyclic()]) {
      const speaker = await serving(() => ({ outputs }));
      expect(errorOf(await speaker.call("adapter/execute", execution()))).toMatchObject({ code: -32603 });
      expect(await speaker.call("ping")).toMatchObject({ result: {} });
    }
  });

  test("an answer larger than the host takes is an error that says so, not a message that ends the plugin", async () => {
    const speaker = await serving(() => ({ outputs: { text: "x".repeat(200_000) } }));
    expect(errorOf(await speaker.call("adapter/execute", execution()))).toMatchObject({
      code: -32002,
      data: { code: "ANSWER_TOO_LARGE", retryable: false },
    });
  });

  test("a plugin that cannot work is refused when it is defined, with the place of the fault", () => {
    const execute = () => ({});
    const waits = { execute, capabilities: ["durable_waits"] as const };
    expect(() => definePlugin({})).toThrow("no adapter");
    expect(() => definePlugin({ adapters: { a: { execute, checkpoint: () => null } } })).toThrow(
      "adapters.a needs both checkpoint and restore",
    );
    expect(() => definePlugin({ adapters: { a: waits } })).toThrow("adapters.a says durable_waits");
    expect(() =>
      definePlugin({ validators: { v: { bindingKinds: [], validate: () => ({ verdict: "pass" }) } } }),
    ).toThrow("validators.v.bindingKinds");
  });

  test("the console never reaches stdout: it is the log, with its level, errors with their stack", async () => {
    const speaker = await serving(() => {
      console.log("two %s %d %%", "words", 7, { a: [1n] });
      console.warn(new Error("old", { cause: new Error("older") }));
      return {};
    });
    await speaker.call("adapter/execute", execution());
    const [first, second] = speaker.messages
      .filter(({ method }) => method === "$/log")
      .map(({ params }) => params);
    expect(first).toEqual({ level: "info", message: 'two words 7 % {"a":["1n"]}' });
    expect(second).toMatchObject({ level: "warn", message: expect.stringContaining("caused by: ") });
  });

  test("a plugin that prints without end loses lines, and is told so, rather than its life", async () => {
    const speaker = await serving(() => {
      for (let line = 0; line < 20_000; line += 1) console.log(line);
      return {};
    });
    await speaker.call("adapter/execute", execution());
    const lines = speaker.messages.filter(({ method }) => method === "$/log").length;
    expect(lines).toBeGreaterThan(1_000);
    expect(lines).toBeLessThan(10_000);
  });
});

describe("how a call ends", () => {
  test("to return is to succeed, and output goes with the answer or ahead of it", async () => {
    const speaker = await serving(({ node }) => ({
      outputs: { n: 1 },
      cost: { output_tokens: 2 },
      output: node["large"] === true ? "y".repeat(60_000) : "small",
    }));
    expect(await speaker.call("adapter/execute", execution())).toMatchObject({
      result: {
        status: "succeeded",
        outputs: { n: 1 },
        cost: { output_tokens: 2 },
        output_base64: btoa("small"),
      },
    });
    const id = speaker.begin("adapter/execute", execution({ large: true }));
    const sent = await receiveOutput(speaker, id);
    expect(sent).toBe("y".repeat(60_000));
    expect((await speaker.answer(id))["result"]).not.toHaveProperty("output_base64");
  });

  test("an action that fails is a result with its outputs; a refusal is an error that is never tried again", async () => {
    const thrown: Record<string, () => Error> = {
      failed: () => failed("no image", { code: "NO_IMAGE", outputs: { exit_code: 1 } }),
      retryable: () => retryable("busy", { code: "BUSY" }),
      denied: () => denied("not allowed", { code: "NOT_ALLOWED" }),
    };
    const speaker = await serving(({ node }) => {
      throw thrown[String(node["how"])]?.() ?? new Error("?");
    });
    const answerTo = (how: string) => speaker.call("adapter/execute", execution({ how }));
    expect((await answerTo("failed"))["result"]).toEqual({
      status: "failed",
      outputs: { exit_code: 1 },
      error: "NO_IMAGE: no image",
      retryable: false,
    });
    expect((await answerTo("retryable"))["result"]).toMatchObject({ error: "BUSY: busy", retryable: true });
    expect(errorOf(await answerTo("denied"))).toEqual({
      code: -32001,
      message: "not allowed",
      data: { retryable: false, code: "NOT_ALLOWED" },
    });
  });

  test("a cancelled call aborts its signal and nothing else's, and answers `cancelled`", async () => {
    const speaker = await serving(
      (_request, { signal }) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("stopped"))),
        ),
    );
    const [one, other] = [
      speaker.begin("adapter/execute", execution()),
      speaker.begin("adapter/execute", execution()),
    ];
    speaker.send({ method: "$/cancel", params: { id: one } });
    expect(errorOf(await speaker.answer(one))).toMatchObject({ code: -32800 });
    await speaker.call("ping");
    expect(speaker.messages.some(({ id, method }) => id === other && method === undefined)).toBe(false);
    speaker.send({ method: "$/cancel", params: { id: other } });
    expect(errorOf(await speaker.answer(other))).toMatchObject({ code: -32800 });
  });

  test("what is not offered is told from what is asked wrongly", async () => {
    const speaker = await serving(() => ({}));
    const codeOf = async (method: string, params: JsonMap) => errorOf(await speaker.call(method, params));
    expect(await codeOf("adapter/recover", execution())).toMatchObject({ code: -32601 });
    expect(await codeOf("provider/observe", {})).toMatchObject({ code: -32601 });
    expect(await codeOf("adapter/execute", execution({}, { adapter: "other" }))).toMatchObject({
      code: -32602,
    });
    expect(await codeOf("adapter/execute", { ...execution(), attempt: "1" })).toEqual({
      code: -32602,
      message: "params: attempt must be a number",
    });
  });
});

describe("what the host does for a call", () => {
  test("output waits for credit: never more under way than the window, in order, however it is cut", async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 4_000 }), async (all, windowBytes) => {
        const speaker = await serving(
          async (_request, call) => {
            // Without waiting: the order must hold all the same.
            await Promise.all(all.map((piece) => call.output(piece)));
            return {};
          },
          { output_window_bytes: windowBytes },
        );
        const id = speaker.begin("adapter/execute", execution());
        const seen = await receiveOutput(speaker, id, windowBytes, "latin1");
        expect(seen).toBe(Buffer.concat(all).toString("latin1"));
      }),
      { numRuns: 40 },
    );
  });

  test("cancelled while it waits for credit, a call ends", async () => {
    const speaker = await serving(async (_request, call) => {
      await call.output(new Uint8Array(100_000));
      return {};
    });
    const id = speaker.begin("adapter/execute", execution());
    await speaker.next(({ method }) => method === "$/output");
    speaker.send({ method: "$/cancel", params: { id } });
    expect(errorOf(await speaker.answer(id))).toMatchObject({ code: -32800 });
  });

  test("secrets, web requests and handoffs are asked of the host, in the name of the call", async () => {
    const content = "handed over, in pieces ".repeat(10_000);
    const speaker = await serving(async (_request, call) => {
      const response = await call.fetch("https://example.com/x", {
        method: "PUT",
        headers: { a: "b" },
        body: "c",
      });
      return {
        outputs: {
          secret: await call.secret("token"),
          status: response.status,
          body: await response.text(),
          header: response.headers.get("x-y"),
          same: (await call.handoff("build").text()) === content,
        },
      };
    });
    const id = speaker.begin("adapter/execute", {
      ...execution(),
      handoffs: [{ step_id: "build", sha256: "f".repeat(64), size_bytes: content.length }],
    });
    void answerAsks(speaker, id, content);
    expect((await speaker.answer(id))["result"]).toMatchObject({
      outputs: { secret: "hush", status: 201, body: "made", header: "z", same: true },
    });
    const asked = speaker.messages.find(({ method }) => method === "host/fetch");
    expect(asked?.["params"]).toEqual({
      call: id,
      url: "https://example.com/x",
      method: "PUT",
      headers: { a: "b" },
      body: "c",
    });
  });

  test("what the host refuses reaches the author as `denied`, and the call's answer when it is not caught", async () => {
    const speaker = await serving(async (_request, call) => ({ outputs: { s: await call.secret("token") } }));
    const id = speaker.begin("adapter/execute", execution());
    const asked = await speaker.next(({ method }) => method === "host/secret");
    speaker.send({
      id: asked["id"],
      error: { code: -32001, message: "not granted", data: { code: "PLUGIN_NOT_GRANTED" } },
    });
    expect(errorOf(await speaker.answer(id))).toMatchObject({
      code: -32001,
      data: { code: "PLUGIN_NOT_GRANTED" },
    });
  });

  test("progress comes at most ten times a second, and the last one always", async () => {
    const speaker = await serving((_request, call) => {
      for (let done = 1; done <= 1_000; done += 1) call.progress(`${done}`, done / 1_000);
      return {};
    });
    await speaker.call("adapter/execute", execution());
    const seen = speaker.messages.filter(({ method }) => method === "$/progress").map(({ params }) => params);
    expect(seen.length).toBeLessThan(20);
    expect(seen.at(-1)).toMatchObject({ message: "1000", fraction: 1 });
  });

  test("settings are what `config` made of them, and a `config` that throws refuses the start", async () => {
    const plugin = definePlugin({
      config: ({ size }) => {
        if (typeof size !== "number") throw new RangeError("size is missing");
        return { doubled: size * 2 };
      },
      adapters: {
        one: { execute: (_request, { settings }) => ({ outputs: { doubled: settings.doubled } }) },
      },
    });
    const good = speak(plugin);
    await good.call("initialize", handshake({}, { config: { size: 21 } }));
    expect((await good.call("adapter/execute", execution()))["result"]).toMatchObject({
      outputs: { doubled: 42 },
    });
    const bad = speak(plugin);
    expect(errorOf(await bad.call("initialize", handshake()))).toMatchObject({
      message: "RangeError: size is missing",
    });
  });
});

describe("the conversation", () => {
  test("nothing but ping and shutdown is answered before initialize, and initialize is answered once", async () => {
    const speaker = speak(definePlugin({ adapters: { one: { execute: () => ({}) } } }));
    expect(errorOf(await speaker.call("adapter/execute", execution()))).toMatchObject({ code: -32600 });
    expect(await speaker.call("ping")).toMatchObject({ result: {} });
    expect(await speaker.call("initialize", handshake())).toMatchObject({
      result: {
        protocol: 1,
        plugin: { id: "acme/one", version: "1.2.3" },
        offers: { adapters: { one: { capabilities: [] } } },
      },
    });
    expect(errorOf(await speaker.call("initialize", handshake()))).toMatchObject({ code: -32600 });
  });

  test("a major that it does not speak is refused", async () => {
    const speaker = speak(definePlugin({ adapters: { one: { execute: () => ({}) } } }));
    const answer = await speaker.call("initialize", handshake({}, { protocol: { majors: [2, 3] } }));
    expect(errorOf(answer)).toMatchObject({ code: -32602 });
  });

  test("lines that are no message are complained of, and the next message is answered", async () => {
    const speaker = await serving(() => ({}), { message_bytes: 5_000 });
    for (const piece of ["y".repeat(4_000), "y".repeat(4_000), "y\n"]) speaker.raw(piece);
    for (const line of ["{", "[1]", "7", '{"jsonrpc":"1.0","id":1,"method":"ping"}', "x".repeat(6_000), ""]) {
      speaker.raw(`${line}\n`);
    }
    speaker.send({ method: "$/of_a_later_version", params: {} });
    expect(await speaker.call("ping")).toMatchObject({ result: {} });
    expect(speaker.messages.filter(({ id }) => id === null)).toHaveLength(7);
  });

  test("lines are the same however the bytes are cut", () => {
    const text = fc.array(
      fc.string({ unit: "grapheme" }).map((line) => line.replaceAll("\n", "")),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 40 })), (lines, cuts) => {
        const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
        const reader = new LineReader(10_000);
        const read: string[] = [];
        const feed = (chunk: Uint8Array) => {
          for (const line of reader.feed(chunk)) if (line.kind === "line") read.push(line.text);
          chunk.fill(0);
        };
        let from = 0;
        for (const cut of cuts) {
          feed(bytes.slice(from, from + cut));
          from += cut;
        }
        feed(bytes.slice(from));
        expect(read).toEqual(lines);
      }),
    );
  });

  test("a line that is too long is told as such, no more of it is kept than the bound, and the next line is read", () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 10 });
    fc.assert(
      fc.property(lengths, fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1 }), (lines, cuts) => {
        const bytes = new TextEncoder().encode(lines.map((length) => `${"x".repeat(length)}\n`).join(""));
        const reader = new LineReader(20);
        const read: (number | string)[] = [];
        for (let from = 0, turn = 0; from < bytes.length; turn += 1) {
          const cut = cuts[turn % cuts.length] ?? 1;
          for (const line of reader.feed(bytes.slice(from, from + cut))) {
            read.push(line.kind === "line" ? line.text.length : line.kind);
          }
          expect(reader.heldBytes).toBeLessThanOrEqual(20);
          from += cut;
        }
        expect(read).toEqual(lines.map((length) => (length > 20 ? "too-long" : length)));
      }),
    );
  });

  test("told to shut down, it answers, ends what is under way, and stops", async () => {
    let stopped = 0;
    const speaker = speak(
      definePlugin({
        stop: () => void stopped++,
        adapters: {
          one: {
            execute: (_request, { signal }) =>
              new Promise((_resolve, reject) =>
                signal.addEventListener("abort", () => reject(signal.reason)),
              ),
          },
        },
      }),
    );
    await speaker.call("initialize", handshake());
    const id = speaker.begin("adapter/execute", execution());
    expect(await speaker.call("shutdown")).toMatchObject({ result: {} });
    await speaker.served;
    expect(errorOf(await speaker.answer(id))).toMatchObject({ code: -32800 });
    expect(stopped).toBe(1);
  });

  test("when its input ends it stops too, and a call that never ends does not keep it", async () => {
    const speaker = await serving(never, { stop_ms: 50 });
    speaker.begin("adapter/execute", execution());
    await speaker.call("ping");
    await speaker.endInput();
    await speaker.served;
  });

  test("what is no plugin is refused with what to write", async () => {
    const options = { input: new ReadableStream<Uint8Array>(), output: new WritableStream<Uint8Array>() };
    const { serve } = await import("../../src/sdk/serve.ts");
    // As the bootstrap does with whatever the entry exports.
    const loaded: { default?: never } = {};
    expect(serve(loaded.default ?? JSON.parse("{}"), options)).rejects.toThrow(
      "export default definePlugin(",
    );
  });
});

/** Gives back credit as it comes, and holds the plugin to its window. */
async function receiveOutput(
  speaker: Speaker,
  call: number,
  windowBytes = 30_000,
  encoding: BufferEncoding = "utf8",
): Promise<string> {
  const pieces: Buffer[] = [];
  let seen = 0;
  let allowed = windowBytes;
  const isNews = () =>
    speaker.messages
      .slice(seen)
      .some((message) => message["method"] === "$/output" || message["id"] === call);
  for (;;) {
    await speaker.next(isNews);
    const news = speaker.messages.slice(seen);
    seen = speaker.messages.length;
    for (const { method, params } of news) {
      if (
        method !== "$/output" ||
        typeof params !== "object" ||
        params === null ||
        !("data_base64" in params)
      )
        continue;
      const piece = Buffer.from(String(params["data_base64"]), "base64");
      pieces.push(piece);
      allowed -= piece.length;
      expect(allowed).toBeGreaterThanOrEqual(0);
      allowed += piece.length;
      speaker.send({ method: "$/credit", params: { call, bytes: piece.length } });
    }
    if (news.some((message) => message["id"] === call && message["method"] === undefined)) {
      return Buffer.concat(pieces).toString(encoding);
    }
  }
}

/** As the host would. */
async function answerAsks(speaker: Speaker, call: number, content: string): Promise<void> {
  const answered = new Set<unknown>();
  const open = ({ id, method }: JsonMap) => method !== undefined && id !== undefined && !answered.has(id);
  for (;;) {
    const { id, method, params } = await speaker.next(open);
    answered.add(id);
    expect(params).toMatchObject({ call });
    const { offset, length } = JSON.parse(JSON.stringify(params));
    const part = Buffer.from(content).subarray(offset, offset + length);
    const results: Record<string, JsonMap> = {
      "host/secret": { value: "hush" },
      "host/fetch": { status: 201, headers: { "x-y": "z" }, body_base64: btoa("made") },
      "host/read_handoff": {
        data_base64: part.toString("base64"),
        eof: offset + part.length >= content.length,
      },
    };
    speaker.send({ id, result: results[String(method)] });
  }
}

function cyclic(): object {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  return circle;
}
