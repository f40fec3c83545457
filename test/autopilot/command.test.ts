/** `akc runtime autopilot` as a process: it begins, is asked to read anew, is looked at from outside, and ends in good order. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stampedSignature } from "../../src/autopilot/triggers/webhook-signature.ts";

const root = join(import.meta.dir, "../..");
let folder = "";
let config = "";
const running = new Set<Bun.Subprocess>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "akc-autopilot-"));
  mkdirSync(join(folder, "out/acme/shop/.akc/autopilot"), { recursive: true });
  config = join(folder, "autopilot.yaml");
  write("");
});
afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  await Promise.all([...running].map((child) => child.exited));
  running.clear();
  rmSync(folder, { recursive: true });
});

function write(more: string): void {
  writeFileSync(config, `version: 1\noutputs_root: out\nmode: observe\ninterval: 1h\n${more}`);
}

interface LogLine {
  readonly event: string;
  readonly [key: string]: unknown;
}

/** A started autopilot, and its log lines as they come. */
function start(...flags: string[]) {
  const child = Bun.spawn(
    [
      process.execPath,
      join(root, "src/main.ts"),
      "runtime",
      "autopilot",
      "--config",
      config,
      "-o",
      "json",
      ...flags,
    ],
    {
      cwd: folder,
      env: { PATH: "/usr/bin:/bin", HOME: folder },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  running.add(child);
  const lines: LogLine[] = [];
  let heard = Promise.withResolvers<void>();
  const read = (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of child.stderr) {
      rest += decoder.decode(chunk, { stream: true });
      const whole = rest.split("\n");
      rest = whole.pop() ?? "";
      lines.push(...whole.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line)));
      heard.resolve();
      heard = Promise.withResolvers();
    }
    heard.resolve();
  })();
  return {
    child,
    lines,
    stdout: () => new Response(child.stdout).text(),
    /** The first line of which this is true; waits for it. Never there: the end of the log, or of the test's time. */
    async line(is: (line: LogLine) => boolean): Promise<LogLine> {
      for (;;) {
        const found = lines.find(is);
        if (found !== undefined) return found;
        const ended = await Promise.race([read.then(() => true), heard.promise.then(() => false)]);
        if (ended && !lines.some(is)) throw new Error(`the log ended without it: ${JSON.stringify(lines)}`);
      }
    },
  };
}

const isRunning = ({ event, phase }: LogLine) => event === "controller_phase" && phase === "running";
const reloads = (lines: readonly LogLine[]) =>
  lines.filter(({ event }) => /^configuration_(read|refused)$/.test(event));

test("it reads its configuration anew, keeps the old one where the new one cannot be taken, and drains", async () => {
  const autopilot = start();
  await autopilot.line(isRunning);
  const reload = async (more: string) => {
    const before = reloads(autopilot.lines).length;
    write(more);
    autopilot.child.kill("SIGHUP");
    await autopilot.line(() => reloads(autopilot.lines).some((_line, index) => index >= before));
    return JSON.stringify(reloads(autopilot.lines)[before]);
  };
  expect(await reload("drain: 5\n")).toContain("not valid");
  expect(await reload("lease: {ttl: 20s}\nlisten: {tcp: '127.0.0.1:0'}\n")).toContain(
    "lease.ttl, listen cannot change while it runs: restart to apply",
  );
  expect(await reload("parallel: 2\n")).not.toContain("cannot");
  autopilot.child.kill("SIGUSR1");
  const dump = await autopilot.line(({ event }) => event === "state_dump");
  expect(JSON.stringify(dump)).toContain("acme");
  autopilot.child.kill("SIGTERM");
  expect(await autopilot.child.exited).toBe(0);
  expect(await autopilot.stdout()).toBe("");
}, 60_000);

test("it is looked at through its socket, and takes a signed delivery whose secret is in no log", async () => {
  const secret = "drawn-by-chance-4711";
  writeFileSync(join(folder, "secret"), `${secret}\n`, { mode: 0o600 });
  write("listen: {unix: s.sock}\nwebhook: {secret_file: secret}\n");
  const autopilot = start();
  await autopilot.line(isRunning);
  await autopilot.line(({ event }) => event === "listening");
  const unix = join(folder, "s.sock");
  const status = await fetch("http://akc/v1/status", { unix });
  expect([status.status, JSON.stringify(await status.json()).includes("acme")]).toEqual([200, true]);
  const items = [{ tenant_id: "acme", repo_id: "shop", outputs_root: join(folder, "out") }];
  const body = JSON.stringify({
    schema: "akc.fleet.webhook_delivery.v1",
    webhook_id: "w1",
    event: "recompile_triggers",
    items,
    generated_at_ms: Date.now(),
  });
  const stamp = String(Math.floor(Date.now() / 1_000));
  const deliver = (signature: string) =>
    fetch("http://akc/v1/trigger", {
      unix,
      method: "POST",
      body,
      headers: { "X-AKC-Timestamp": stamp, "X-AKC-Signature": signature },
    });
  expect((await deliver(`v2=${"0".repeat(64)}`)).status).toBe(401);
  const signed = stampedSignature(new TextEncoder().encode(secret), stamp, body);
  expect((await deliver(signed)).status).toBe(202);
  autopilot.child.kill("SIGINT");
  expect(await autopilot.child.exited).toBe(0);
  expect(JSON.stringify(autopilot.lines)).not.toContain(secret);
}, 60_000);

test("one pass ends with a summary on stdout; an address that is taken with exit code 5", async () => {
  const once = start("--once");
  expect(await once.child.exited).toBe(0);
  expect(JSON.parse(await once.stdout())).toMatchObject({
    kind: "AutopilotSummary",
    ended_by: "iterations",
    scopes: [
      { tenant_id: "acme", repo_id: "shop", mode: "observe", visits: 1, next: "nothing", error_code: null },
    ],
  });
  using taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const refused = start("--once", "--listen", `127.0.0.1:${taken.port}`);
  expect(await refused.child.exited).toBe(5);
  expect(JSON.parse(await refused.stdout())).toMatchObject({ code: "LISTEN_REFUSED" });
}, 60_000);

test("a pass that found a scope taken names in its summary who has it", async () => {
  const holding = start();
  await holding.line(({ event }) => event === "lease_held");
  const once = start("--once");
  expect(await once.child.exited).toBe(0);
  const { scopes } = JSON.parse(await once.stdout());
  expect(scopes).toMatchObject([
    { repo_id: "shop", held_by: expect.stringContaining(`:${holding.child.pid}:`) },
  ]);
}, 60_000);
