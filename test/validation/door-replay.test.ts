/** A record is the world: whatever was asked of it then, in whatever order, is answered again byte for byte, and nothing else is. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import type { ContentDigest, Door, Exchange } from "../../src/validators/contract.ts";
import { openRecordedDoor } from "../../src/validators/recorded-door.ts";
import { contentsOf, DoorWorld, get, never, operator, refusal, text } from "./door-world.ts";

let world: DoorWorld;
let origin: string;
let tool: string;
let answers = 0;
beforeAll(() => {
  world = new DoorWorld();
  origin = world.serve(async (request) => {
    const { pathname } = new URL(request.url);
    answers += 1;
    if (pathname === "/away") return Response.redirect("http://127.0.0.1:1/", 302);
    const body = `${answers} ${await request.text()}`;
    return new Response(body, { status: pathname === "/bad" ? 500 : 200, headers: { "x-n": `${answers}` } });
  });
  tool = join(world.folder, "tool");
  writeFileSync(tool, '#!/bin/sh\necho "$1 $$"; echo "$$" > made; exit $2\n');
  chmodSync(tool, 0o755);
});
afterAll(() => world.close());

type Use =
  | { readonly kind: "fetch"; readonly path: string; readonly body: string }
  | { readonly kind: "run"; readonly word: string; readonly exit: number }
  | { readonly kind: "read"; readonly name: string };

const uses = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("fetch" as const),
      path: fc.constantFrom("/a", "/b?x=1", "/bad", "/away", "//other", "", "/a#f"),
      body: fc.constantFrom("", "one", "two"),
    }),
    fc.record({
      kind: fc.constant("run" as const),
      word: fc.constantFrom("one", "two"),
      exit: fc.constantFrom(0, 1),
    }),
    fc.record({ kind: fc.constant("read" as const), name: fc.constantFrom("made", "nothing", "../x") }),
  ),
  { maxLength: 10 },
);

/** All that a validator can learn of one use. */
async function learnt(door: Door, use: Use): Promise<unknown> {
  try {
    switch (use.kind) {
      case "fetch": {
        const method = use.body === "" ? "GET" : "POST";
        const body = use.body === "" ? {} : { body: Buffer.from(use.body) };
        const seen = await door.fetch({ url: origin + use.path, method, headers: {}, ...body }, never);
        return { ...seen, body: sha256Hex(seen.body) };
      }
      case "run": {
        const end = await door.run({ argv: [tool, use.word, String(use.exit)], timeoutMs: 5_000 }, never);
        return { ...end, stdout: sha256Hex(end.stdout), stderr: sha256Hex(end.stderr) };
      }
      case "read":
        return sha256Hex(await door.readMade(use.name, never));
    }
  } catch (cause) {
    const { code, message, details, hint } = await refusal(Promise.reject(cause));
    return { code, message, details, hint };
  }
}

test("for any sequence of uses, replaying the recording gives byte-equal answers, and the same record", async () => {
  await fc.assert(
    fc.asyncProperty(uses, async (sequence) => {
      const live = await world.door({ url: origin });
      const seen: unknown[] = [];
      for (const use of sequence) seen.push(await learnt(live, use));
      const { exchanges, contentOf } = kept(live.exchanges);
      const recorded = openRecordedDoor(exchanges, contentOf);
      const again: unknown[] = [];
      for (const use of sequence) again.push(await learnt(recorded, use));
      expect(again).toEqual(seen);
      expect(recorded.lookedPast).toEqual([]);
      expect(kept(recorded.exchanges).exchanges).toEqual(exchanges);
    }),
    { numRuns: 60 },
  );
}, 60_000);

test("uses of different requests are answered in any order", async () => {
  const live = await world.door({ url: origin });
  const [a, b] = [await get(live, `${origin}/a`), await get(live, `${origin}/b`)];
  const { exchanges, contentOf } = kept(live.exchanges);
  const recorded = openRecordedDoor(exchanges, contentOf);
  const [again, first] = await Promise.all([get(recorded, `${origin}/b`), get(recorded, `${origin}/a`)]);
  expect([text(first.body), text(again.body)]).toEqual([text(a.body), text(b.body)]);
});

test("what was asked once is answered once, and what was not asked not at all", async () => {
  const live = await world.door({ url: origin });
  await get(live, `${origin}/a`);
  const { exchanges, contentOf } = kept(live.exchanges);
  const recorded = openRecordedDoor(exchanges, contentOf);
  await get(recorded, `${origin}/a`);
  const beyond = [
    get(recorded, `${origin}/a`),
    get(recorded, `${origin}/a?b`),
    recorded.fetch({ url: `${origin}/a`, method: "POST", headers: {}, body: Buffer.from("x") }, never),
    recorded.run({ argv: [tool], timeoutMs: 1 }, never),
    recorded.readMade("made", never),
  ];
  for (const use of beyond) expect((await refusal(use)).code).toBe("REPLAY_UNRECORDED");
  expect(recorded.lookedPast).toEqual([
    `GET ${origin}/a`,
    `GET ${origin}/a?b`,
    `POST ${origin}/a`,
    tool,
    "the file made",
  ]);
});

describe("content that is not the recorded one", () => {
  const wrong: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
    ["of the same length", (bytes) => bytes.map((byte) => byte ^ 1)],
    ["cut", (bytes) => bytes.subarray(1)],
    ["empty", () => new Uint8Array()],
  ];
  for (const [how, change] of wrong) {
    test(`is refused: ${how}`, async () => {
      const live = await world.door({ url: origin });
      await get(live, `${origin}/a`);
      const { exchanges, contentOf } = kept(live.exchanges);
      const recorded = openRecordedDoor(exchanges, async (sha256) => change(await contentOf(sha256)));
      expect((await refusal(get(recorded, `${origin}/a`))).code).toBe("REPLAY_TAMPERED");
      expect(recorded.exchanges).toEqual([]);
    });
  }
});

test("a URL in which a secret's value stood by chance is found again", async () => {
  const named = { secret_headers: { "X-Key": { secret: "key" } } };
  const live = await world.door(
    { url: origin, ...named },
    {
      operator: operator({
        plugins: { secrets: new Map([["key", { env: "KEY", sendTo: ["localhost", "127.0.0.1"] }]]) },
      }),
      env: { KEY: "prod" },
    },
  );
  const asked = `${origin}/prod/x?env=prod&y`;
  await get(live, asked);
  expect(JSON.stringify(live.exchanges)).not.toContain("prod");
  const { exchanges, contentOf } = kept(live.exchanges);
  const other = openRecordedDoor(exchanges, contentOf);
  expect((await refusal(get(other, `${origin}/prod/x?env=prod&z`))).code).toBe("REPLAY_UNRECORDED");
  expect((await get(other, asked)).status).toBe(200);
});

/** As on disk: exchanges without their bytes, and the bytes by digest. */
function kept(exchanges: readonly Exchange[]) {
  const contents = new Map<string, Uint8Array>();
  const without: Exchange<ContentDigest>[] = JSON.parse(
    JSON.stringify(exchanges, (key, value) => (key === "bytes" ? undefined : value)),
  );
  for (const { sha256, bytes } of exchanges.flatMap(contentsOf)) contents.set(sha256, bytes);
  const contentOf = async (sha256: string) => contents.get(sha256) ?? new Uint8Array();
  return { exchanges: without, contentOf };
}
