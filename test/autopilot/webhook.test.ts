/** Deliveries over real HTTP into a real store: only the sender's, once, at once, and never a fault. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { AutopilotStore } from "../../src/autopilot/contract.ts";
import { emptyState } from "../../src/autopilot/machine.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import { acceptDelivery, type DeliveryDeps, webhookHealth } from "../../src/autopilot/triggers/webhook.ts";
import { bodySignature, senderOf, stampedSignature } from "../../src/autopilot/triggers/webhook-signature.ts";
import { AkcError } from "../../src/errors.ts";
import { canonicalJson } from "../../src/json/canonical.ts";
import { fromPlain } from "../../src/json/plain.ts";
import { limits } from "../../src/limits.ts";
import { systemIds } from "../../src/system/ids.ts";

const secret = new TextEncoder().encode("a shared secret");
const nowMs = 1_795_348_155_000;
const shop = { tenantId: "acme", repoId: "shop" };
let root = "";
let store: AutopilotStore;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "akc-webhook-")));
  mkdirSync(join(root, "out"));
  store = await openAutopilotStore(join(root, "out"));
});
afterAll(async () => {
  await store.close();
  rmSync(root, { recursive: true, force: true });
});

let serial = 0;
function payload(more: object = {}, items: readonly object[] = [item()]): string {
  serial += 1;
  return JSON.stringify({
    schema: "akc.fleet.webhook_delivery.v1",
    webhook_id: `hook-${serial}`,
    event: "recompile_triggers",
    items,
    generated_at_ms: nowMs,
    ...more,
  });
}

function item(more: object = {}) {
  return { tenant_id: "acme", repo_id: "shop", outputs_root: join(root, "out"), ...more };
}

function depsOf(
  more: Partial<DeliveryDeps> = {},
  config: Partial<DeliveryDeps["config"]> = {},
): DeliveryDeps {
  return {
    config: { tenants: "*", outputsRoots: [root], toleranceMs: 300_000, allowUnstamped: false, ...config },
    secret,
    outputsRoot: join(root, "out"),
    store,
    watched: () => true,
    clock: { nowMs: () => nowMs, monotonicMs: () => 0, sleep: async () => undefined },
    ids: systemIds,
    ...more,
  };
}

function stamped(body: string, atMs = nowMs): Headers {
  const timestamp = String(Math.floor(atMs / 1_000));
  return new Headers({
    "X-AKC-Timestamp": timestamp,
    "X-AKC-Signature": stampedSignature(secret, timestamp, body),
  });
}

async function deliver(body: string, headers: Headers = stamped(body), deps = depsOf()) {
  return acceptDelivery({ headers, body: new TextEncoder().encode(body) }, deps);
}

async function openKeys(scope = shop): Promise<number> {
  return (await store.state(scope)).openTriggers.filter(({ kind }) => kind === "webhook").length;
}

test("a signed delivery over HTTP is stored before it is answered, and only once", async () => {
  const before = await openKeys();
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { status, body } = await acceptDelivery(
        { headers: request.headers, body: new Uint8Array(await request.arrayBuffer()) },
        depsOf(),
      );
      return Response.json(JSON.parse(canonicalJson(body)), { status });
    },
  });
  const body = payload({}, [item(), item(), item({ repo_id: "mill" })]);
  const send = () =>
    fetch(new URL("/v1/trigger", server.url), { method: "POST", headers: stamped(body), body });
  const first = await send();
  expect(first.status).toBe(202);
  expect(await first.json()).toMatchObject({
    schema: "akc.living.webhook_result.v1",
    event: "recompile_triggers",
    any_failure: false,
    processed: [
      { tenant_id: "acme", repo_id: "shop", status: "queued" },
      { tenant_id: "acme", repo_id: "mill", status: "queued" },
    ],
  });
  const again = await send();
  expect(again.status).toBe(200);
  expect(await again.json()).toMatchObject({ processed: [{ status: "duplicate" }, { status: "duplicate" }] });
  expect(await openKeys()).toBe(before + 1);
});

test("a delivery that was acted on long ago does not come back by being sent again", async () => {
  const body = payload();
  expect((await deliver(body)).status).toBe(202);
  const fence = await store.raiseFence(shop, "one", nowMs);
  const { openTriggers } = await store.state(shop);
  const triggerIds = openTriggers.map(({ id }) => id);
  await store.append(shop, [{ type: "triggers_settled", triggerIds, by: "recompile" }], fence, { nowMs });
  expect((await deliver(body)).body).toMatchObject({ processed: [{ status: "duplicate" }] });
  // A sender that tries again signs anew.
  expect((await deliver(body, stamped(body, nowMs + 60_000))).body).toMatchObject({
    processed: [{ status: "duplicate" }],
  });
  expect(await openKeys()).toBe(0);
});

describe("what is refused", () => {
  test("a wrong, missing or foreign signature: 401 invalid_signature", async () => {
    const body = payload();
    const foreign = new TextEncoder().encode("another secret");
    const stamp = String(nowMs / 1_000);
    for (const headers of [
      new Headers(),
      new Headers({ "X-AKC-Signature": "v1=zz" }),
      new Headers({ "X-AKC-Signature": `v1=${"0".repeat(64)}` }),
      new Headers({ "X-AKC-Timestamp": stamp, "X-AKC-Signature": stampedSignature(foreign, stamp, body) }),
    ]) {
      expect(await deliver(body, headers)).toEqual({ status: 401, body: { error: "invalid_signature" } });
    }
  });

  test("a timestamp that is too old, too new, or not the signed one", async () => {
    const body = payload();
    const stale = { status: 401, body: { error: "timestamp_out_of_tolerance" } } as const;
    expect(await deliver(body, stamped(body, nowMs - 301_000))).toEqual(stale);
    expect(await deliver(body, stamped(body, nowMs + 301_000))).toEqual(stale);
    const moved = stamped(body, nowMs - 301_000);
    moved.set("X-AKC-Timestamp", String(nowMs / 1_000));
    expect((await deliver(body, moved)).body).toEqual({ error: "invalid_signature" });
  });

  test("a delivery without a timestamp, unless they are allowed; then it is known by its bytes", async () => {
    const body = payload({ webhook_id: "a subscription", generated_at_ms: undefined });
    const headers = new Headers({ "X-AKC-Signature": bodySignature(secret, body) });
    expect(await deliver(body, headers)).toEqual({ status: 401, body: { error: "timestamp_required" } });
    const old = depsOf({}, { allowUnstamped: true });
    expect((await deliver(body, headers, old)).status).toBe(202);
    expect((await deliver(body, headers, old)).body).toMatchObject({ processed: [{ status: "duplicate" }] });
    const other = payload({ webhook_id: "a subscription", generated_at_ms: nowMs + 1 });
    const otherHeaders = new Headers({ "X-AKC-Signature": bodySignature(secret, other) });
    expect((await deliver(other, otherHeaders, old)).status).toBe(202);
    const ancient = payload({ generated_at_ms: nowMs - limits.webhookUnstampedMs - 1 });
    const ancientHeaders = new Headers({ "X-AKC-Signature": bodySignature(secret, ancient) });
    expect((await deliver(ancient, ancientHeaders, old)).status).toBe(401);
  });

  test("a body beyond its bound: 413, not a silent empty one", async () => {
    const body = payload({ more: "x".repeat(limits.webhookBodyBytesMax) });
    expect(await deliver(body)).toMatchObject({ status: 413, body: { error: "payload_too_large" } });
  });

  const malformed: readonly (readonly [string, string, object])[] = [
    ["{", "invalid_json", {}],
    ["[]", "payload_not_object", {}],
    [`{"schema":"other"}`, "invalid_schema", { expected: "akc.fleet.webhook_delivery.v1" }],
    [
      `{"schema":"akc.fleet.webhook_delivery.v1","event":"x"}`,
      "unsupported_event",
      { event: "x", supported: ["recompile_triggers", "living_drift"] },
    ],
    [
      `{"schema":"akc.fleet.webhook_delivery.v1","event":"living_drift","items":{}}`,
      "items_must_be_array",
      {},
    ],
  ];
  for (const [body, error, more] of malformed) {
    test(`400 ${error}`, async () => {
      expect(await deliver(body)).toEqual({ status: 400, body: { error, ...more } });
    });
  }
});

describe("which items count", () => {
  const answered = async (items: readonly object[], deps = depsOf()) => {
    const body = payload({}, items);
    return deliver(body, stamped(body), deps);
  };
  const none = {
    status: 200,
    body: { schema: "akc.living.webhook_result.v1", processed: [], message: "no_eligible_items" },
  };

  test("roots that are relative, with ~, or not below the list are dropped; a link counts as where it leads", async () => {
    symlinkSync("/", join(root, "away"));
    for (const outputs_root of [
      "out",
      "~/out",
      `${root}/~x`,
      "/elsewhere",
      join(root, "away/etc"),
      `${root}/../`,
    ]) {
      expect(await answered([item({ outputs_root })])).toEqual(none as never);
    }
  });

  test("ids that are none, and what is no object, are dropped", async () => {
    expect(await answered([item({ tenant_id: "../x" }), item({ repo_id: "" }), { a: 1 }])).toEqual(
      none as never,
    );
  });

  test("tenants beside the list, other roots and scopes that nobody watches are skipped with their reason", async () => {
    const skips = async (deps: DeliveryDeps, one: object = item()) => {
      const { status, body } = await answered([one], deps);
      expect(status).toBe(200);
      return body["processed"];
    };
    const about = { tenant_id: "acme", repo_id: "shop", outputs_root: join(root, "out") };
    expect(await skips(depsOf({}, { tenants: ["other"] }))).toEqual([
      { ...about, status: "skipped", skipped: true, reason: "tenant_not_allowlisted" },
    ]);
    expect(await skips(depsOf({ watched: () => false }))).toEqual([
      { ...about, status: "skipped", skipped: true, reason: "scope_not_watched" },
    ]);
    expect(await skips(depsOf(), item({ outputs_root: root }))).toMatchObject([
      { reason: "outputs_root_not_watched" },
    ]);
  });
});

test("what could not be stored is told, and taken when it is sent again", async () => {
  const body = payload();
  const broken = depsOf({
    store: { ...store, say: async () => Promise.reject(new AkcError("DISK_FULL")) },
  });
  expect(await deliver(body, stamped(body), broken)).toMatchObject({
    status: 503,
    body: { any_failure: true, processed: [{ status: "failed", reason: "DISK_FULL" }] },
  });
  expect((await deliver(body)).status).toBe(202);
});

test("a flood is bounded, tells nobody that it was heard who was not, and keeps no other scope from being heard", async () => {
  const flooded = { tenant_id: "acme", repo_id: "flooded" };
  const outcomes = new Map<string, number>();
  for (let times = 0; times < limits.autopilotTriggersOpenMax + 20; times += 1) {
    const { status, body } = await deliver(payload({}, [item(flooded)]));
    const key = `${status} ${JSON.stringify(body["processed"]).match(/AUTOPILOT_\w+/)?.[0] ?? ""}`;
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
  }
  expect([...outcomes]).toEqual([
    ["202 ", limits.autopilotTriggersOpenMax],
    ["503 AUTOPILOT_TRIGGERS_FULL", 20],
  ]);
  const { openTriggers } = await store.state({ tenantId: "acme", repoId: "flooded" });
  expect(openTriggers).toHaveLength(limits.autopilotTriggersOpenMax);
  expect((await deliver(payload())).status).toBe(202);
});

test("the health answer is the documented one", () => {
  expect(webhookHealth).toEqual({ ok: true, schema: "akc.living.webhook_health.v1" });
});

test("no delivery makes it fail, and none without the secret is taken", async () => {
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc
      .record({
        items: fc.jsonValue(),
        event: fc.constantFrom("living_drift", "x"),
        webhook_id: fc.jsonValue(),
      })
      .map((more) => new TextEncoder().encode(payload(more))),
  );
  const said: DeliveryDeps["store"] = { say: async () => undefined, state: async () => emptyState() };
  await fc.assert(
    fc.asyncProperty(bodies, fc.boolean(), fc.string(), async (body, isSigned, junk) => {
      const timestamp = String(nowMs / 1_000);
      const signature = isSigned
        ? `v2=${new Bun.CryptoHasher("sha256", secret).update(`${timestamp}.`).update(body).digest("hex")}`
        : junk;
      const get = (name: string) => (name === "x-akc-timestamp" ? timestamp : signature);
      const { status, body: answer } = await acceptDelivery(
        { headers: { get }, body },
        depsOf({ store: said }),
      );
      expect(isSigned ? [200, 400] : [401]).toContain(status);
      canonicalJson(fromPlain(answer));
    }),
    { numRuns: 300 },
  );
});

test("a byte that is changed, added or moved never verifies", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (body, place, by) => {
        const timestamp = "1795348155";
        const signature = `v2=${new Bun.CryptoHasher("sha256", secret).update(`${timestamp}.`).update(body).digest("hex")}`;
        expect(senderOf({ signature, timestamp, body }, secret).kind).toBe("stamped");
        const changed = body.slice();
        const at = place % body.length;
        changed[at] = ((changed[at] ?? 0) + by) % 256;
        for (const other of [changed, new Uint8Array([...body, by]), body.subarray(1)]) {
          expect(senderOf({ signature, timestamp, body: other }, secret).kind).toBe("unknown");
        }
        for (const stamp of ["1795348156", "17953481550", null, "x"]) {
          expect(senderOf({ signature, timestamp: stamp, body }, secret).kind).toBe("unknown");
        }
        const hex = signature.slice(3);
        const flipped = `v2=${hex.slice(0, 5)}${hex[5] === "0" ? "1" : "0"}${hex.slice(6)}`;
        expect(senderOf({ signature: flipped, timestamp, body }, secret).kind).toBe("unknown");
      },
    ),
    { numRuns: 200 },
  );
});
