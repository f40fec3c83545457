/** The observability plugin as akc runs it: from a registry through a process of its own and the door, recorded and replayed. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseJson } from "../../src/json/read.ts";
import { isJsonObject } from "../../src/json/value.ts";
import { limits } from "../../src/limits.ts";
import { openValidators } from "../../src/run/validators.ts";
import { systemClock } from "../../src/system/clock.ts";
import { parseRegistry } from "../../src/validation/bindings/registry.ts";
import type { BindingObservation } from "../../src/validation/execution/model.ts";
import { replayObservation } from "../../src/validation/replay.ts";
import type { Validators } from "../../src/validators/contract.ts";
import { openDoor } from "../../src/validators/door.ts";
import { execute } from "./execution-world.ts";
import { recording } from "./observability-world.ts";

setDefaultTimeout(60_000);

const kinds = ["promql_query", "logql_query", "traceql_query"];
const cache = mkdtempSync(join(tmpdir(), "akc-test-observability-"));
const search = {
  pluginsDirs: [],
  env: { HOME: cache, XDG_CACHE_HOME: cache, PATH: "/usr/bin:/bin" },
  operator: undefined,
  kinds,
};
const secret = "hunter2-of-the-door";

interface Asked {
  readonly path: string;
  readonly authorization: string | null;
  readonly type: string | null;
  readonly body: string;
}

const asked: Asked[] = [];
const huge = JSON.stringify({ status: "success", data: { resultType: "scalar", result: [1, "0"] }, pad: "" });
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const { headers } = request;
    asked.push({
      path: pathname,
      authorization: headers.get("authorization"),
      type: headers.get("content-type"),
      body: await request.text(),
    });
    if (pathname === "/away") return Response.redirect("http://127.0.0.2:9/", 302);
    if (pathname === "/huge") {
      return new Response(
        huge.replace('"pad":""', `"pad":"${"x".repeat(limits.validatorResponseBytesMax)}"`),
      );
    }
    if (pathname === "/echo") return new Response(`no, ${headers.get("authorization")}`, { status: 400 });
    return recording(pathname.replace(/^\//, "").replace(/_range$/, ""))();
  },
});

let validators: Validators;
let replaying: Validators;
beforeAll(async () => {
  validators = await openValidators(search);
  replaying = await openValidators({ ...search, recorded: true });
});
afterAll(async () => {
  await Promise.all([validators.close(), replaying.close(), server.stop(true)]);
  rmSync(cache, { recursive: true, force: true });
});

async function observed(registry: string): Promise<ReadonlyMap<string, BindingObservation>> {
  const bindings = parseRegistry({
    bytes: new TextEncoder().encode(registry.replaceAll("SERVER", `http://127.0.0.1:${server.port}`)),
    path: "/r/bindings.yaml",
    kinds: [],
    resolve: (path) => path,
  });
  const observations = await execute([...bindings.values()], validators, {
    openDoor: (binding, workdir) =>
      openDoor({
        binding,
        operator: {
          path: "/etc/akc/policy.yaml",
          plugins: {
            secrets: new Map([
              ["backend_token", { env: "BACKEND_TOKEN", sendTo: ["localhost", "127.0.0.1"] }],
            ]),
          },
        },
        env: { BACKEND_TOKEN: secret },
        clock: systemClock,
        workdir,
      }),
  });
  return new Map(observations.map((observation) => [observation.bindingId, observation]));
}

async function replayed(observation: BindingObservation) {
  const [artifact, ...files] = observation.files;
  const payload = parseJson(artifact?.bytes ?? "null");
  if (artifact === undefined || !isJsonObject(payload)) throw new Error("no artifact");
  return replayObservation(
    {
      where: artifact.path,
      payload,
      read: async ({ path }) => files.find((file) => file.path === path)?.bytes,
    },
    { validators: replaying, clock: systemClock, signal: new AbortController().signal },
  );
}

test("each language is judged by its own validator, and its verdict is given again from the record alone", async () => {
  const observations = await observed(`
bindings:
  prom.pass: {kind: promql_query, url: SERVER/prometheus/vector.json, query: error_ratio, expect: {lte: 0.3}}
  prom.fail: {kind: promql_query, url: SERVER/prometheus/vector.json, query: error_ratio, expect: {lte: 0.2}}
  prom.many: {kind: promql_query, url: SERVER/prometheus/vector_many.json, query: orders}
  prom.none: {kind: promql_query, url: SERVER/prometheus/vector_empty.json, query: no_such}
  prom.bad: {kind: promql_query, url: SERVER/prometheus/bad_query_400.json, query: ((}
  prom.again:
    kind: promql_query
    url: SERVER/prometheus/vector.json
    query: error_ratio
    method: POST
    compare: {baseline: {offset: 1h}, ratio: {eq: 1}}
  loki.lines:
    {kind: logql_query, url: SERVER/loki/streams.json, query: '{job="varlogs"}', range: {window: 5m}, expect: {lte: 2}}
  loki.number: {kind: logql_query, url: SERVER/loki/vector.json, query: 'rate({a="b"}[1m])', expect: {lte: 1}}
  tempo.rate:
    kind: traceql_query
    url: SERVER/tempo/metrics_query_range.json
    query: '{} | rate()'
    range: {window: 2m, step: 30s}
    aggregate: max
    expect: {gte: 0.5}
  tempo.search: {kind: traceql_query, url: SERVER/tempo/search.json, query: '{ status = error }', expect: {eq: 0}}
  gone: {kind: promql_query, url: "http://127.0.0.1:1/api/v1/query", query: up, tries: 1}
`);
  const outcomes = [...observations].map(([id, { verdict, reason }]) => [id, verdict, reason]);
  expect(outcomes.sort()).toEqual([
    ["gone", "error", "unreachable"],
    ["loki.lines", "fail", "threshold"],
    ["loki.number", "pass", undefined],
    ["prom.again", "pass", undefined],
    ["prom.bad", "error", "malformed"],
    ["prom.fail", "fail", "threshold"],
    ["prom.many", "inconclusive", "ambiguous"],
    ["prom.none", "inconclusive", "no-data"],
    ["prom.pass", "pass", undefined],
    ["tempo.rate", "pass", undefined],
    ["tempo.search", "fail", "threshold"],
  ]);
  expect(observations.get("prom.pass")?.payload).toMatchObject({
    status: "ok",
    value: 0.25,
    summary: { value: 0.25, status: "success" },
    series: 1,
    samples: 1,
    aggregate: "single",
    warnings: [],
    validator: { id: "promql", plugin: "akc/observability" },
  });
  expect(observations.get("prom.many")?.payload).toMatchObject({ status: "error" });
  const before = asked.length;
  for (const observation of observations.values()) {
    expect(await replayed(observation)).toMatchObject({ outcome: "same" });
  }
  expect(asked.length).toBe(before);
});

test("a form is sent to the very URL, and the secret by the door alone", async () => {
  asked.length = 0;
  const observations = await observed(`
bindings:
  form:
    kind: promql_query
    url: SERVER/prometheus/vector.json?dedup=true
    query: 'a + b'
    method: post
    secret_headers: {Authorization: {secret: backend_token, prefix: "Bearer "}}
  refused:
    kind: promql_query
    url: SERVER/echo
    query: up
    secret_headers: {Authorization: {secret: backend_token, prefix: "Bearer "}}
`);
  const form = asked.find(({ path }) => path.startsWith("/prometheus"));
  expect(form).toMatchObject({
    authorization: `Bearer ${secret}`,
    type: "application/x-www-form-urlencoded",
  });
  expect(new URLSearchParams(form?.body).get("query")).toBe("a + b");
  expect(observations.get("form")?.verdict).toBe("pass");
  expect(observations.get("refused")).toMatchObject({ verdict: "error", reason: "malformed" });
  for (const observation of observations.values()) {
    expect(JSON.stringify(observation.payload)).not.toContain(secret);
    for (const { bytes } of observation.files) expect(new TextDecoder().decode(bytes)).not.toContain(secret);
  }
});

test("a redirect to elsewhere is denied, and an answer beyond what is read is limited", async () => {
  const observations = await observed(`
bindings:
  away: {kind: promql_query, url: SERVER/away, query: up, tries: 1}
  huge: {kind: promql_query, url: SERVER/huge, query: up, expect: {lte: 1}, no_data: pass}
`);
  expect(observations.get("away")).toMatchObject({ verdict: "error", reason: "denied" });
  expect(observations.get("huge")).toMatchObject({ verdict: "inconclusive", reason: "limited" });
  expect(await replayed([...observations.values()][1] ?? raise())).toMatchObject({ outcome: "same" });
});

function raise(): never {
  throw new Error("there is no such observation");
}
