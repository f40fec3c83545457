/** Probes against real servers, ports and programs; the documented rows with their documented words. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { parse } from "valibot";
import type { JsonValue } from "../../src/json/value.ts";
import { checkOnce } from "../../src/providers/probe/check.ts";
import { runObserveProbes } from "../../src/providers/probe/observe-probes.ts";
import { type ProbeState, runProbe } from "../../src/providers/probe/runner.ts";
import { ProbeSchema } from "../../src/providers/probe/schema.ts";
import { systemClock } from "../../src/system/clock.ts";
import { call, freePort, until } from "./process-world.ts";

let server: ReturnType<typeof Bun.serve>;
let closed = 0;
let status = 200;
let asked = 0;

beforeAll(async () => {
  closed = await freePort();
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      asked += 1;
      switch (new URL(request.url).pathname) {
        case "/moved":
          return Response.redirect(`http://127.0.0.1:${server.port}/ok`, 302);
        case "/long":
          return new Response("x".repeat(4 * 1024 * 1024));
        case "/slow":
          await Bun.sleep(5_000);
          return new Response("late");
        case "/status":
          return new Response("", { status });
        case "/bad":
          return new Response("", { status: 503 });
        default:
          return new Response("fine");
      }
    },
  });
});
afterAll(() => server.stop(true));

const at = (path: string) => `http://127.0.0.1:${server.port}${path}`;
const observed = (...rows: JsonValue[]) => runObserveProbes(rows, call());

test("the documented rows give the documented conditions, in their order", async () => {
  expect(
    await observed(
      { kind: "HTTP", url: at("/ok") },
      { kind: "http", url: at("/bad") },
      { kind: "http", url: at("/bad"), expected_status_min: 500, expected_status_max: 599 },
      { kind: "http", url: at("/moved") },
      { kind: "http" },
      { kind: "http", url: "file:///etc/passwd" },
      { kind: "tcp", port: server.port ?? 0 },
      { kind: "tcp", port: closed },
      { kind: "tcp", port: 70_000 },
      { kind: "tcp" },
      { kind: "icmp" },
      "tcp",
    ),
  ).toEqual([
    { type: "ProbeHttp", status: "true", reason: "http_ok" },
    { type: "ProbeHttp", status: "false", reason: "http_failed", message: "http_status=503" },
    { type: "ProbeHttp", status: "true", reason: "http_ok" },
    { type: "ProbeHttp", status: "true", reason: "http_ok" },
    { type: "ProbeHttp", status: "false", reason: "missing_url", message: "probe[4]" },
    {
      type: "ProbeHttp",
      status: "false",
      reason: "http_failed",
      message: "url_must_be_http_or_https_with_host",
    },
    { type: "ProbeTcp", status: "true", reason: "tcp_connected" },
    { type: "ProbeTcp", status: "false", reason: "tcp_failed", message: "ECONNREFUSED" },
    { type: "ProbeTcp", status: "false", reason: "tcp_failed", message: "invalid_port" },
    { type: "ProbeTcp", status: "false", reason: "tcp_failed", message: "invalid_port" },
  ]);
});

test("a time-out out of range is brought into it, and one that is none is the default", async () => {
  const [hurried] = await observed({ kind: "http", url: at("/slow"), timeout_ms: 0 });
  expect(hurried?.status).toBe("false");
  const [fine] = await observed({ kind: "http", url: at("/ok"), timeout_ms: true });
  expect(fine?.status).toBe("true");
});

test("what is no list has no probes, and many are asked at the same time", async () => {
  expect(await runObserveProbes(undefined, call())).toEqual([]);
  expect(await runObserveProbes({ kind: "tcp" }, call())).toEqual([]);
  const startedAt = performance.now();
  await observed(...Array.from({ length: 20 }, () => ({ kind: "http", url: at("/slow"), timeout_ms: 300 })));
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

test("a long answer is judged by its status and not read to its end", async () => {
  const probe = parse(ProbeSchema, { kind: "http", url: at("/long") });
  expect(await checkOnce(probe, call())).toEqual({ passed: true });
});

test("no probe asks where a cloud hands out credentials", async () => {
  const probe = parse(ProbeSchema, {
    kind: "http",
    url: "http://169.254.169.254/latest/meta-data",
    timeout_ms: 500,
  });
  expect(await checkOnce(probe, call())).toMatchObject({ passed: false });
});

test("a program passes by exit code 0 alone, and fails where nobody can run it", async () => {
  const probe = parse(ProbeSchema, { kind: "exec", command: ["true"] });
  const ends = (code: number | null) => checkOnce(probe, { ...call(), exec: async () => code });
  expect(await ends(0)).toEqual({ passed: true });
  expect(await ends(3)).toMatchObject({ passed: false, message: "ended with exit code 3" });
  expect(await ends(null)).toMatchObject({ passed: false });
  expect(await checkOnce(probe, call())).toMatchObject({ passed: false });
});

test("settings with a word too much, a number out of range or no known kind are refused", () => {
  for (const wrong of [
    { kind: "tcp", port: 0 },
    { kind: "tcp", port: 80, portt: 1 },
    { kind: "http", url: "ftp://127.0.0.1/" },
    { kind: "http", url: at("/"), expected_status_min: 500, expected_status_max: 200 },
    { kind: "exec", command: [] },
    { kind: "tcp", port: 80, interval_ms: 1 },
    { kind: "icmp" },
  ])
    expect(() => parse(ProbeSchema, wrong)).toThrow();
});

test("a probe waits its initial delay, asks at its interval, turns at its thresholds, and ends with its signal", async () => {
  const probe = parse(ProbeSchema, {
    kind: "http",
    url: at("/status"),
    initial_delay_ms: 200,
    interval_ms: 50,
    success_threshold: 2,
    failure_threshold: 2,
  });
  status = 200;
  asked = 0;
  const turns: string[] = [];
  const states: ProbeState[] = [];
  const end = new AbortController();
  const startedMs = systemClock.nowMs();
  const over = runProbe(
    {
      probe,
      startedMs,
      clock: systemClock,
      answered(state, turned) {
        states.push(state);
        if (turned) turns.push(state.verdict);
      },
    },
    end.signal,
  );
  await Bun.sleep(100);
  expect(asked).toBe(0);
  await until(() => turns.length === 1);
  expect(states.length).toBeGreaterThanOrEqual(2);
  status = 500;
  await until(() => turns.length === 2);
  expect(states.at(-1)?.message).toBe("http_status=500");
  expect(turns).toEqual(["passing", "failing"]);
  end.abort();
  await over;
  const before = asked;
  await Bun.sleep(150);
  expect(asked).toBe(before);
});
