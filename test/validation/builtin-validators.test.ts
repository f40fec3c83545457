/** The two kinds that akc judges itself, on real servers and real programs: what they pass, what they fail, and what they do not know. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../src/limits.ts";
import { command } from "../../src/validators/command.ts";
import type { Validator } from "../../src/validators/contract.ts";
import { httpJson } from "../../src/validators/http-json.ts";
import { builtinValidators, createValidators } from "../../src/validators/registry.ts";
import { DoorWorld, jsonMap, never, operator, recordedAgain } from "./door-world.ts";

let world: DoorWorld;
beforeAll(() => {
  world = new DoorWorld();
});
afterAll(() => world.close());

/** The answer, which is the same again from the record. */
async function judged(
  validator: Validator,
  settings: object,
  more: Parameters<DoorWorld["door"]>[1] = {},
): Promise<unknown> {
  const kind = validator.id;
  const door = await world.door(settings, { kind, ...more });
  const request = {
    bindingId: "b",
    kind,
    binding: jsonMap(settings),
    evaluatedAtMs: 1_700_000_000_000,
    timeoutMs: more.timeoutMs ?? 20_000,
  };
  const answer = await validator.validate(request, door, never);
  expect(await validator.validate(request, recordedAgain(door), never)).toEqual(answer);
  return answer;
}

describe("a JSON document over HTTP", () => {
  const document = {
    status: { healthy: true, down: false, version: "1.2", replicas: [3, 1, 2], none: [], empty: null },
    "a/b": { "~": 7 },
    mixed: [1, "two"],
    names: ["x"],
  };
  const body = JSON.stringify({ ...document, big: "BIG" }).replace('"BIG"', "12345678901234567890");
  const cases: readonly [string, object, object][] = [
    [
      "a number that is as expected",
      { pointer: "/a~1b/~0", expect: { gte: 7, lt: 8 } },
      { verdict: "pass", observed: { value: 7 } },
    ],
    [
      "a number that is not",
      { pointer: "/a~1b/~0", expect: { lt: 7 } },
      { verdict: "fail", reason: "threshold", observed: { value: 7 } },
    ],
    [
      "a number of which nothing is expected",
      { pointer: "/a~1b/~0" },
      { verdict: "pass", observed: { value: 7 } },
    ],
    ["one of a list", { pointer: "/status/replicas/2", expect: { eq: 2 } }, { verdict: "pass" }],
    [
      "a list by its sum",
      { pointer: "/status/replicas", aggregate: "sum", expect: { eq: 6 } },
      { verdict: "pass", observed: { value: 6 } },
    ],
    [
      "a list by its smallest",
      { pointer: "/status/replicas", aggregate: "min", expect: { gte: 2 } },
      { verdict: "fail" },
    ],
    [
      "a list by its last",
      { pointer: "/status/replicas", aggregate: "last" },
      { verdict: "pass", observed: { value: 2 } },
    ],
    [
      "a list where one number is meant",
      { pointer: "/status/replicas", expect: { gte: 0 } },
      { verdict: "inconclusive", reason: "ambiguous" },
    ],
    [
      "a list without anything",
      { pointer: "/status/none", aggregate: "sum", expect: { lte: 5 } },
      { verdict: "inconclusive", reason: "no-data" },
    ],
    [
      "nothing there",
      { pointer: "/status/absent", expect: { lte: 5 } },
      { verdict: "inconclusive", reason: "no-data" },
    ],
    [
      "null",
      { pointer: "/status/empty", expect: { lte: 5 } },
      { verdict: "inconclusive", reason: "no-data" },
    ],
    [
      "an item that is no index",
      { pointer: "/status/replicas/00" },
      { verdict: "inconclusive", reason: "no-data" },
    ],
    [
      "a member of a prototype",
      { pointer: "/status/constructor", equals: 1 },
      { verdict: "inconclusive", reason: "no-data" },
    ],
    [
      "a text where a number is expected",
      { pointer: "/status/version", expect: { gte: 1 } },
      { verdict: "error", reason: "malformed" },
    ],
    [
      "a text and nothing to compare it with",
      { pointer: "/status/version" },
      { verdict: "error", reason: "malformed" },
    ],
    [
      "a list with a text in it",
      { pointer: "/mixed", aggregate: "sum", expect: { gte: 0 } },
      { verdict: "error", reason: "malformed" },
    ],
    [
      "a bound that is no number",
      { pointer: "/a~1b/~0", expect: { gte: "7" } },
      { verdict: "error", reason: "malformed" },
    ],
    ["true", { pointer: "/status/healthy" }, { verdict: "pass", observed: { value: true } }],
    [
      "false",
      { pointer: "/status/down" },
      { verdict: "fail", reason: "mismatch", observed: { value: false } },
    ],
    [
      "what is equal",
      { pointer: "/status/version", equals: "1.2" },
      { verdict: "pass", observed: { value: "1.2" } },
    ],
    [
      "what is not equal",
      { pointer: "/status/version", equals: "1.3" },
      { verdict: "fail", reason: "mismatch" },
    ],
    ["an equal list, in order", { pointer: "/status/replicas", equals: [3, 1, 2] }, { verdict: "pass" }],
    [
      "the same list in another order",
      { pointer: "/status/replicas", equals: [1, 2, 3] },
      { verdict: "fail" },
    ],
    ["an equal object", { pointer: "/a~1b", equals: { "~": 7.0 } }, { verdict: "pass" }],
    [
      "a number with more digits than a double",
      { pointer: "/big", equals: 12345678901234567000 },
      { verdict: "fail" },
    ],
  ];
  for (const [what, settings, expected] of cases) {
    test(what, async () => {
      const origin = world.serve(() => new Response(body));
      expect(await judged(httpJson, { url: origin, ...settings })).toMatchObject(expected);
    });
  }

  const answers: readonly [string, () => Response, object, object][] = [
    ["no JSON", () => new Response("<html>"), {}, { verdict: "error", reason: "malformed" }],
    [
      "two members of one name",
      () => new Response('{"a":1,"a":2}'),
      { pointer: "/a" },
      { verdict: "error", reason: "malformed" },
    ],
    ["nothing at all", () => new Response(""), {}, { verdict: "error", reason: "malformed" }],
    ["503", () => new Response("1", { status: 503 }), {}, { verdict: "error", reason: "unreachable" }],
    ["429", () => new Response("1", { status: 429 }), {}, { verdict: "error", reason: "unreachable" }],
    ["401", () => new Response("1", { status: 401 }), {}, { verdict: "error", reason: "denied" }],
    ["404", () => new Response("1", { status: 404 }), {}, { verdict: "error", reason: "malformed" }],
    [
      "503 where that is accepted",
      () => new Response("1", { status: 503 }),
      { status: [200, 503] },
      { verdict: "pass" },
    ],
    [
      "more than is read, and whole JSON until there",
      () => new Response(`1${" ".repeat(limits.validatorResponseBytesMax)}`),
      { expect: { eq: 1 } },
      { verdict: "inconclusive", reason: "limited" },
    ],
  ];
  for (const [what, respond, settings, expected] of answers) {
    test(`answered with ${what}`, async () => {
      expect(await judged(httpJson, { url: world.serve(respond), ...settings })).toMatchObject(expected);
    });
  }

  test("a server that is not there, one that is silent, one that is not allowed", async () => {
    expect(await judged(httpJson, { url: "http://127.0.0.1:1/" })).toMatchObject({ reason: "unreachable" });
    const silent = world.serve(() => new Promise(() => {}));
    const soon = { timeoutMs: 200 };
    expect(await judged(httpJson, { url: silent }, soon)).toMatchObject({
      verdict: "error",
      reason: "timeout",
    });
    const narrowed = { operator: operator({ http: ["example.com"] }) };
    expect(await judged(httpJson, { url: silent }, narrowed)).toMatchObject({
      verdict: "error",
      reason: "denied",
    });
  });

  test("is asked as the binding says", async () => {
    const seen: unknown[] = [];
    const origin = world.serve(async (request) => {
      seen.push([
        request.method,
        request.headers.get("content-type"),
        request.headers.get("x-a"),
        await request.text(),
      ]);
      return new Response("1");
    });
    const headers = { "X-A": "b" };
    await judged(httpJson, { url: origin, headers });
    await judged(httpJson, { url: origin, method: "POST", headers, body: { b: [1, 2.5], a: null } });
    await judged(httpJson, {
      url: origin,
      method: "post",
      body: "plain",
      headers: { "Content-Type": "text/x" },
    });
    expect(seen).toEqual([
      ["GET", null, "b", ""],
      ["POST", "application/json", "b", '{"a":null,"b":[1,2.5]}'],
      ["POST", "text/x", null, "plain"],
    ]);
  });
});

describe("a program that checks", () => {
  let number = 0;
  const program = (body: string) => {
    number += 1;
    const path = join(world.folder, `check-${number}`);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const cases: readonly [string, string, object, object][] = [
    [
      "passes with 0",
      "echo all fine",
      {},
      { verdict: "pass", message: "all fine", observed: { exit_code: 0 } },
    ],
    [
      "fails with 1",
      "echo two down >&2; exit 1",
      {},
      { verdict: "fail", reason: "exit", message: "two down" },
    ],
    ["does not know with 2", "exit 2", {}, { verdict: "inconclusive", reason: "ambiguous" }],
    ["has broken with 3", "exit 3", {}, { verdict: "error", reason: "malformed" }],
    ["has broken with 127", "no-such-command-here", {}, { verdict: "error", reason: "malformed" }],
    ["has broken by a signal", "kill -SEGV $$", {}, { verdict: "error", reason: "malformed" }],
    [
      "says what a terminal would obey",
      String.raw`printf '\033[2Jgone\a\n'; exit 1`,
      {},
      { verdict: "fail", message: "[2Jgone" },
    ],
    [
      "prints a number",
      "echo 4.5",
      { expect: { lt: 5 } },
      { verdict: "pass", observed: { value: 4.5, exit_code: 0 } },
    ],
    [
      "prints a document",
      `echo '{"a":[1,2]}'`,
      { pointer: "/a", aggregate: "sum", expect: { lt: 3 } },
      { verdict: "fail", observed: { value: 3 } },
    ],
    ["prints nothing where it should", "true", { pointer: "/a" }, { verdict: "error", reason: "malformed" }],
    [
      "prints a number and breaks",
      "echo 4; exit 1",
      { expect: { lt: 5 } },
      { verdict: "error", reason: "malformed" },
    ],
    [
      "prints more than is read",
      `echo 4; head -c ${limits.validatorToolBytesMax} /dev/zero | tr '\\0' ' '`,
      { expect: { lt: 5 } },
      { verdict: "inconclusive", reason: "limited" },
    ],
  ];
  for (const [what, body, settings, expected] of cases) {
    test(what, async () => {
      const answer = await judged(command, { argv: [program(body)], ...settings });
      expect(answer).toMatchObject(expected);
      expect(JSON.stringify(answer)).not.toMatch(/\\u00[01]/);
    });
  }

  test("is not there, does not end, may not be started", async () => {
    expect(await judged(command, { argv: ["no-such-program"] })).toMatchObject({ reason: "tool_missing" });
    const soon = { timeoutMs: 200 };
    expect(await judged(command, { argv: ["sleep", "60"] }, soon)).toMatchObject({
      verdict: "error",
      reason: "timeout",
    });
    const nothing = { operator: operator({ subprocess: [] }) };
    expect(await judged(command, { argv: ["true"] }, nothing)).toMatchObject({
      verdict: "error",
      reason: "denied",
    });
  });
});

test("of two validators of one kind the first judges, none judges in place of what is built in, and it is said", async () => {
  const one = (id: string, ...kinds: string[]): Validator => ({ ...httpJson, id, kinds });
  const said: string[] = [];
  let closed = 0;
  const validators = createValidators({
    validators: [one("first", "a", "b"), one("second", "b", "c", "command")],
    onShadowed: (kind, by, shadowed) => said.push(`${kind}: ${by.id}, not ${shadowed.id}`),
    close: async () => {
      closed += 1;
    },
  });
  expect([...validators.kinds].sort()).toEqual(["a", "b", "c", "command", "http_json"]);
  expect(["a", "b", "c", "command", "d"].map((kind) => validators.byKind(kind)?.id)).toEqual([
    "first",
    "first",
    "second",
    "command",
    undefined,
  ]);
  expect(said).toEqual(["b: first, not second", "command: command, not second"]);
  await validators.close();
  expect([closed, builtinValidators.length]).toEqual([1, 2]);
});
