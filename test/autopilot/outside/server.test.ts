/** The controller's server over real sockets: who may ask, what is answered, and what a bad peer can do. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Listen } from "../../../src/autopilot/config/model.ts";
import { AkcError } from "../../../src/errors.ts";
import { limits } from "../../../src/limits.ts";
import { type Delivery, type Outside, type OutsideDeps, serveOutside } from "../../../src/service/server.ts";
import { systemClock } from "../../../src/system/clock.ts";
import { someDefaults } from "./config.ts";
import { emptyScope, FakeController, liveAttempt, scopeStatus, shop } from "./fake-controller.ts";

const Shown = v.looseObject({ kind: v.string(), scopes: v.array(v.record(v.string(), v.unknown())) });
type Shown = v.InferOutput<typeof Shown>;

const tcp: Listen = { kind: "tcp", host: "127.0.0.1", port: 0 };
let folder: string;
let controller: FakeController;
const open: Outside[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "akc-outside-"));
  controller = new FakeController();
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  rmSync(folder, { recursive: true, force: true });
});

async function serve(listen: Listen = tcp, more: Partial<OutsideDeps> = {}): Promise<Outside> {
  const deps = { listen, clock: systemClock, config: () => someDefaults, ...more };
  const outside = await serveOutside(controller, deps);
  open.push(outside);
  return outside;
}

test("livez says that the loop turns, and fails when it is starved", async () => {
  const { address } = await serve();
  const well = await fetch(`${address}/livez`);
  expect([well.status, await well.text()]).toEqual([200, "ok\n"]);
  expect(well.headers.get("content-type")).toContain("text/plain");

  controller.show({ lastTurnMonotonicMs: performance.now() - limits.outsideStarvedMs - 1_000 });
  const starved = await fetch(`${address}/livez`);
  expect(starved.status).toBe(503);
  expect(await starved.text()).toMatch(
    /^\[-\]loop failed: the last turn ended 31\.\d s ago\nlivez check failed\n$/,
  );

  // What is being stopped is not restarted for it.
  controller.show({ phase: "draining" });
  expect((await fetch(`${address}/livez`)).status).toBe(200);
  controller.show({ phase: "stopped" });
  expect((await fetch(`${address}/livez`)).status).toBe(503);
});

test("readyz fails for the store, the lease, the configuration and the phase, and names each", async () => {
  const { address } = await serve();
  const ready = async () => {
    const response = await fetch(`${address}/readyz?verbose`);
    return [response.status, await response.text()] as const;
  };
  const [status, text] = await ready();
  expect(status).toBe(200);
  expect(text).toContain("[+]lease ok: 1 of 1 scopes are held here");
  expect(text).toEndWith("readyz check passed\n");

  controller.show({ lastStoreProofMonotonicMs: performance.now() - limits.serviceStoreProofMs - 1 });
  expect(await ready()).toEqual([503, expect.stringContaining("[-]store failed")]);
  controller.show({ lastStoreProofMonotonicMs: performance.now() });

  controller.show({ scopes: [scopeStatus({ holding: false })] });
  expect(await ready()).toEqual([503, expect.stringContaining("no lease was asked for yet")]);
  controller.tell({ kind: "lease", scope: shop, answer: "unknown", streak: 0, atMs: Date.now() });
  expect(await ready()).toEqual([503, expect.stringContaining("nobody can tell who holds acme/shop")]);
  controller.tell({ kind: "lease", scope: shop, answer: "taken", streak: 1, atMs: Date.now() });
  expect((await ready())[0]).toBe(200);

  controller.show({ config: { loadedAtMs: 0, reloadFault: "line 3: unknown key" } });
  expect(await ready()).toEqual([503, expect.stringContaining("line 3: unknown key")]);
  controller.show({ config: { loadedAtMs: 0 }, phase: "draining" });
  expect(await ready()).toEqual([503, expect.stringContaining("[-]phase failed: draining")]);
});

test("a name that a browser was given for this address is refused, whatever path it asks for", async () => {
  const { address } = await serve();
  const asked = async (host: string, path: string) =>
    (await fetch(`${address}${path}`, { headers: { host } })).status;
  for (const path of ["/livez", "/metrics", "/v1/status", "/v1/events"]) {
    expect(await asked("evil.example", path)).toBe(421);
    expect(await asked("localhost.evil.example", path)).toBe(421);
    expect(await asked("127.0.0.1.evil.example:80", path)).toBe(421);
  }
  for (const host of ["localhost", "LOCALHOST:1234", "127.0.0.1:99", "[::1]:80"])
    expect(await asked(host, "/livez")).toBe(200);
});

test("nothing can be written: other methods and other paths are refused", async () => {
  const { address } = await serve();
  const put = await fetch(`${address}/v1/status`, { method: "PUT", body: "{}" });
  expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  expect((await fetch(`${address}/v1/trigger`, { method: "POST", body: "{}" })).status).toBe(404);
  expect((await fetch(`${address}/etc/passwd`)).status).toBe(404);
  expect((await fetch(`${address}/../../etc/passwd`)).status).toBe(404);
});

test("status shows every scope in snake case, and one alone when asked", async () => {
  const other = { tenantId: "acme", repoId: "site" };
  controller.show({
    scopes: [
      scopeStatus({
        state: {
          ...emptyScope,
          mutationsAtMs: [1],
          paused: { by: "eve@host", reason: "password=hunter22", atMs: 5 },
        },
      }),
      scopeStatus({ scope: other, holding: false, heldBy: "ctl2@host:2:aa", nextVisitAtMs: 99 }),
    ],
  });
  const { address } = await serve();
  const shown = async (path: string): Promise<Shown> => {
    const body: unknown = await (await fetch(`${address}${path}`)).json();
    return v.parse(Shown, body);
  };
  const all = await shown("/v1/status");
  expect(all).toMatchObject({
    kind: "ControllerStatus",
    phase: "running",
    observed_at_ms: controller.now.observedAtMs,
  });
  expect(all.scopes.map((one) => one["repo_id"])).toEqual(["shop", "site"]);
  expect(all.scopes[0]?.["state"]).toMatchObject({
    mutations_at_ms: [1],
    paused: { by: "eve@host", at_ms: 5 },
  });
  expect(JSON.stringify(all)).not.toContain("hunter22");
  expect(all.scopes[0]?.["budgets"]).toContainEqual({ budget: "mutations_per_day", used: 0, limit: 8 });
  const one = await shown("/v1/status?scope=acme/site");
  expect(one.scopes).toHaveLength(1);
  expect(one.scopes[0]).toMatchObject({ held_by: "ctl2@host:2:aa", next_visit_at_ms: 99, holding: false });
  expect((await fetch(`${address}/v1/status?scope=acme/none`)).status).toBe(404);
  expect((await fetch(`${address}/v1/status?scope=acme`)).status).toBe(400);
});

test("a delivery is handed on as its bytes, and one that is too large is not", async () => {
  const deliveries: Delivery[] = [];
  const { address } = await serve(tcp, {
    deliver: async (delivery) => {
      deliveries.push(delivery);
      return { status: 202, body: { accepted: 1 } };
    },
  });
  // A proxy in front may pass on its own name: the signature is what counts here.
  const posted = await fetch(`${address}/v1/trigger`, {
    method: "POST",
    body: '{"a": 1}',
    headers: { "x-akc-signature": "v1=00", host: "hooks.example" },
  });
  expect([posted.status, await posted.json()]).toEqual([202, { accepted: 1 }]);
  expect(Buffer.from(deliveries[0]?.body ?? []).toString()).toBe('{"a": 1}');
  expect(deliveries[0]?.headers.get("x-akc-signature")).toBe("v1=00");
  const health = await fetch(`${address}/health`);
  expect(await health.json()).toEqual({ ok: true, schema: "akc.living.webhook_health.v1" });
  expect(deliveries).toHaveLength(1);

  const large = "x".repeat(limits.webhookBodyBytesMax + 1);
  expect((await fetch(`${address}/`, { method: "POST", body: large })).status).toBe(413);
  const chunks = new ReadableStream({
    async pull(stream) {
      await Bun.sleep(1);
      stream.enqueue(new Uint8Array(128 * 1024));
    },
  });
  const chunked = await fetch(`${address}/`, { method: "POST", body: chunks }).catch(() => undefined);
  expect(chunked?.status ?? 413).toBe(413);
  expect(deliveries).toHaveLength(1);
});

test("the webhook's own fault is answered without its words", async () => {
  const { address } = await serve(tcp, { deliver: () => Promise.reject(new Error("secret words")) });
  const response = await fetch(`${address}/`, { method: "POST", body: "{}" });
  expect([response.status, await response.text()]).toEqual([500, '{"error":"internal"}\n']);
});

test("only loopback is listened at", async () => {
  for (const host of ["0.0.0.0", "::", "192.168.1.4", "example.org"]) {
    const refused = await serve({ kind: "tcp", host, port: 0 }).catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(AkcError);
    expect(refused).toMatchObject({ code: "LISTEN_REFUSED" });
  }
});

test("a unix socket has the mode that was asked for, and is gone afterwards", async () => {
  const path = join(folder, "run/autopilot.sock");
  const outside = await serve({ kind: "unix", path, mode: 0o660 });
  expect(outside.address).toBe(`unix:${path}`);
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect(await (await fetch("http://anything/livez", { unix: path })).text()).toBe("ok\n");
  await outside.close();
  expect(existsSync(path)).toBe(false);
});

test("a socket that a killed process left is replaced, one that is answered is not, and neither is a file", async () => {
  const path = join(folder, "autopilot.sock");
  const listening = `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response() }); console.log("up")`;
  const child = Bun.spawn([process.execPath, "-e", listening], { stdout: "pipe", stderr: "ignore" });
  await child.stdout.getReader().read();
  const answered = await serve({ kind: "unix", path, mode: 0o600 }).catch((cause: unknown) => cause);
  expect(answered).toMatchObject({
    code: "LISTEN_REFUSED",
    details: { why: "somebody listens there already" },
  });

  child.kill("SIGKILL");
  await child.exited;
  expect(existsSync(path)).toBe(true);
  const outside = await serve({ kind: "unix", path, mode: 0o600 });
  expect((await fetch("http://anything/livez", { unix: path })).status).toBe(200);
  await outside.close();

  writeFileSync(path, "precious");
  const file = await serve({ kind: "unix", path, mode: 0o600 }).catch((cause: unknown) => cause);
  expect(file).toMatchObject({ details: { why: "there is a file that is no socket" } });
  expect(existsSync(path)).toBe(true);
});

test("a peer that opens connections and says nothing keeps nobody else out", async () => {
  const { address, port } = await serve();
  const idle = Array.from({ length: 100 }, () => connect(port, "127.0.0.1"));
  for (const socket of idle) socket.on("error", () => undefined);
  for (const socket of idle.slice(0, 50)) socket.write("GET /livez HTTP/1.1\r\nHo");
  expect((await fetch(`${address}/livez`)).status).toBe(200);
  for (const socket of idle) socket.destroy();
});

test("closing ends what listens to the controller", async () => {
  const outside = await serve();
  liveAttempt(controller, Bun.randomUUIDv7());
  expect(controller.listeners).toBeGreaterThan(0);
  await outside.close();
  expect(controller.listeners).toBe(0);
});
