import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import { LineCutter, parseMessage } from "./frames.ts";

const line = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.filter((byte) => byte !== 10));

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (cause) {
    if (cause instanceof AkcError) return cause.code;
    throw cause;
  }
}

test("lines are the same however the bytes are cut", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 20 }), (lines, cuts) => {
      const whole = Buffer.concat(lines.flatMap((one) => [one, new Uint8Array([10])]));
      const cutter = new LineCutter(64);
      const found: string[] = [];
      let at = 0;
      for (const size of [...cuts, whole.length]) {
        // A Buffer, whose own slice would share memory, and memory that is used again.
        const chunk = whole.subarray(at, at + size);
        for (const one of cutter.feed(chunk)) found.push(Buffer.from(one).toString("latin1"));
        chunk.fill(0x58);
        at += size;
      }
      expect(found).toEqual(lines.map((one) => Buffer.from(one).toString("latin1")));
      expect(cutter.unfinishedBytes).toBe(0);
    }),
  );
});

test("a line may be as long as the limit and no byte longer, finished or not", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 7 }),
      fc.boolean(),
      (limit, size, end) => {
        const feed = (bytes: number) => () => {
          const cutter = new LineCutter(limit);
          for (let left = bytes; left > 0; left -= size)
            [...cutter.feed(new Uint8Array(Math.min(size, left)).fill(97))];
          if (end) [...cutter.feed(new Uint8Array([10]))];
          return cutter.unfinishedBytes;
        };
        expect(codeOf(feed(limit))).toBeUndefined();
        expect(codeOf(feed(limit + 1))).toBe("PLUGIN_MESSAGE_TOO_LARGE");
      },
    ),
  );
});

test("whatever comes is a message or garbage, and nothing else", () => {
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    fc.json().map((json) => `{"jsonrpc":"2.0","id":1,"result":${json}}`),
  );
  const bytes = fc.oneof(
    fc.uint8Array(),
    text.map((one) => new TextEncoder().encode(one)),
  );
  fc.assert(
    fc.property(bytes, (one) =>
      expect(["PLUGIN_GARBAGE", undefined]).toContain(codeOf(() => parseMessage(one))),
    ),
  );
});

const parse = (message: unknown) => parseMessage(new TextEncoder().encode(JSON.stringify(message)));

test("each kind of message is told from the others", () => {
  const jsonrpc = "2.0";
  expect(parse({ jsonrpc, id: 1, result: null })).toEqual({ kind: "result", id: 1, result: null });
  expect(
    parse({ jsonrpc, id: 2, error: { code: -1, message: "m", data: { retryable: true, x: 1 } } }),
  ).toEqual({
    kind: "error",
    id: 2,
    error: { code: -1, message: "m", data: { retryable: true } },
  });
  expect(parse({ jsonrpc, id: 3, method: "m" })).toEqual({ kind: "request", id: 3, method: "m", params: {} });
  expect(parse({ jsonrpc, method: "m", params: { a: 1 }, later: 1 })).toEqual({
    kind: "notification",
    method: "m",
    params: { a: 1 },
  });
});

test("what is nearly a message is none", () => {
  const jsonrpc = "2.0";
  const nearly = [
    {},
    [{ jsonrpc, id: 1, result: 1 }],
    { jsonrpc: "1.0", id: 1, result: 1 },
    { jsonrpc, id: 1 },
    { jsonrpc, id: 1, result: 1, error: { code: 1, message: "m" } },
    { jsonrpc, id: 1, method: "m", result: 1 },
    { jsonrpc, id: "1", result: 1 },
    { jsonrpc, id: 0, result: 1 },
    { jsonrpc, id: 1.5, result: 1 },
    { jsonrpc, id: null, result: 1 },
    { jsonrpc, id: 1, method: 1 },
    { jsonrpc, method: "m", params: [1] },
    { jsonrpc, id: 1, error: "no" },
  ];
  for (const one of nearly) expect(codeOf(() => parse(one))).toBe("PLUGIN_GARBAGE");
  expect(codeOf(() => parseMessage(new TextEncoder().encode("\ufeff{}")))).toBe("PLUGIN_GARBAGE");
});
