/**
 * What validation costs beside what it asks: 100 queries of a real Prometheus, an answer far too large, a registry of 1 000 bindings.
 * Always the whole command of the built binary, in turns with its baseline.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../src/limits.ts";
import { PrometheusHost } from "../../test/env/prometheus.ts";
import { type BenchRow, median, printRows } from "./row.ts";

const akc = join(import.meta.dir, "../../dist/akc");
const queries = 100;
const large = 1_000;
const answerBytes = 50_000_000;
const atOnce = 8;
const turns = 7;

export async function benchValidators(): Promise<readonly BenchRow[]> {
  if (!existsSync(akc)) throw new Error("dist/akc is not built: run the build first");
  const folder = mkdtempSync(join(tmpdir(), "akc-bench-validators-"));
  try {
    await Bun.write(join(folder, "policy.yaml"), "schema: akc.policy/v1\n");
    return [...(await asking(folder)), ...(await tooLarge(folder)), ...(await reading(folder))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Bindings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** 100 range queries: what Prometheus itself takes for them, one after the other and side by side, and all that akc does about them. */
async function asking(folder: string): Promise<readonly BenchRow[]> {
  const host = await PrometheusHost.up(1);
  if (host === undefined) return [];
  try {
    const url = `${host.url}/api/v1/query_range`;
    await untilThereIsData(url);
    const bindings = Object.fromEntries(
      Array.from({ length: queries }, (_, index) => [
        `q${index}`,
        {
          kind: "promql_query",
          url,
          query: queryOf(index),
          range: { window: "10m", step: "5s" },
          aggregate: "max",
          expect: { gte: 0 },
        },
      ]),
    );
    await write(join(folder, "bindings.json"), { bindings });
    const plain = await bundle(folder, "plain", []);
    const judged = await bundle(folder, "judged", Object.keys(bindings));
    const registry = ["--validator-bindings", join(folder, "bindings.json")];
    const times = await inTurns(turns, {
      serial: () => fetchAll(url, 1),
      beside: () => fetchAll(url, limits.bindingsInParallel),
      run: () => command(folder, ["validate", "run", ...registry]),
      plain: () => command(folder, start(plain, registry)),
      judged: () => command(folder, start(judged, registry)),
    });
    const own = times("beside");
    const inRun = times("judged") - times("plain");
    const beside = (ms: number) => ({ baseline: "Prometheus, 8 at a time", ratio: ms / own });
    const goal = "under 1 000 ms more than Prometheus";
    return [
      {
        name: `Prometheus alone, ${queries} queries, one after the other`,
        value: times("serial"),
        unit: "ms",
      },
      { name: `Prometheus alone, the same, ${limits.bindingsInParallel} at a time`, value: own, unit: "ms" },
      {
        name: "akc validate run, the whole command",
        value: times("run"),
        unit: "ms",
        ...beside(times("run")),
      },
      { name: "of that beside Prometheus' own time", value: times("run") - own, unit: "ms", goal },
      { name: "akc runtime start of nothing, without criteria", value: times("plain"), unit: "ms" },
      {
        name: `what a criterion of ${queries} bindings adds, all durable`,
        value: inRun,
        unit: "ms",
        ...beside(inRun),
      },
      { name: "of that beside Prometheus' own time", value: inRun - own, unit: "ms", goal },
    ];
  } finally {
    await host.down();
  }
}

function queryOf(index: number): string {
  return `sum(rate(prometheus_http_requests_total[1m])) + sum(scrape_samples_scraped) + ${index}`;
}

async function untilThereIsData(url: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await Bun.sleep(200)) {
    if ((await ask(url, 0)).includes('"values"')) return;
  }
  throw new Error("Prometheus has nothing to tell");
}

async function fetchAll(url: string, width: number): Promise<void> {
  const waiting = Array.from({ length: queries }, (_, index) => index).values();
  const worker = async () => {
    for (const index of waiting) await ask(url, index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** What akc asks: the same window, a connection for each. */
async function ask(url: string, index: number): Promise<string> {
  const end = Date.now() / 1_000;
  const asked = { query: queryOf(index), start: String(end - 600), end: String(end), step: "5" };
  return (await fetch(`${url}?${new URLSearchParams(asked)}`, { keepalive: false })).text();
}

/** How much akc's own process grows, at its peak, by an answer of 50 MB, against a small one; and by eight of them at a time. */
async function tooLarge(folder: string): Promise<readonly BenchRow[]> {
  const server = await serveLarge();
  const kinds = {
    http_json: { pointer: "/data", expect: { gte: 0 } },
    promql_query: { query: "up" },
  };
  const rows: BenchRow[] = [];
  try {
    for (const [kind, own] of Object.entries(kinds)) {
      const peak = async (path: string, count: number) => {
        const bindings = Object.fromEntries(
          Array.from({ length: count }, (_, index) => [
            `b${index}`,
            { kind, url: `${server.url}/${path}`, tries: 1, ...own },
          ]),
        );
        return peakBytes(folder, bindings);
      };
      const small = await peak("small", 1);
      const row = (name: string, bytes: number, answers: number): BenchRow => ({
        name: `${name}, ${kind}`,
        value: (bytes - small) / 1e6,
        unit: "MB",
        baseline: "what is read of it",
        ratio: (bytes - small) / (limits.validatorResponseBytesMax * answers),
        goal: "at most 2x",
      });
      rows.push(
        row(`an answer of ${answerBytes / 1e6} MB`, await peak("large", 1), 1),
        row(`${atOnce} of them at a time`, await peak("large", atOnce), atOnce),
        row(`${atOnce * 6} of them, one batch after the other`, await peak("large", atOnce * 6), atOnce),
      );
    }
    return rows;
  } finally {
    server.process.kill("SIGKILL");
    await server.process.exited;
  }
}

/** In a process of its own: what it holds is nobody else's. */
async function serveLarge() {
  const source = `
    const chunk = new Uint8Array(250_000).fill(120);
    const type = { headers: { "content-type": "application/json" } };
    const small = { status: "success", data: { resultType: "scalar", result: [1, "1"] } };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch(request) {
      if (request.url.includes("small")) return Response.json(small);
      let left = ${answerBytes / 250_000};
      return new Response(new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(chunk); else c.close(); } }), type);
    } });
    console.log(server.port);`;
  const child = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe", stdin: "ignore" });
  const { value } = await child.stdout.getReader().read();
  return { process: child, url: `http://127.0.0.1:${new TextDecoder().decode(value).trim()}` };
}

/** Of akc's own process; a plugin's is another one. */
async function peakBytes(folder: string, bindings: Bindings): Promise<number> {
  const path = join(folder, "large.json");
  await write(path, { bindings });
  const peaks: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const child = spawn(folder, ["validate", "run", "--validator-bindings", path]);
    await child.exited;
    peaks.push(child.resourceUsage()?.maxRSS ?? Number.NaN);
  }
  return median(peaks);
}

async function reading(folder: string): Promise<readonly BenchRow[]> {
  const path = join(folder, "registry.yaml");
  const bindings = Array.from(
    { length: large },
    (_, index) => `  service-${index}.errors:
    kind: promql_query
    url: https://prometheus.acme.test/api/v1/query
    query: sum(rate(http_requests_total{service="service-${index}", code=~"5.."}[5m]))
    range: { window: 10m, step: 30s }
    aggregate: max
    expect: { lte: 0.01 }
    max_age: 2m
`,
  );
  await Bun.write(path, `schema_kind: validator_bindings\nbindings:\n${bindings.join("")}`);
  await write(join(folder, "one.json"), { bindings: { one: { kind: "command", argv: ["true"] } } });
  const times = await inTurns(turns, {
    one: () => command(folder, ["validate", "bindings", join(folder, "one.json")]),
    all: () => command(folder, ["validate", "bindings", path]),
  });
  return [
    { name: "akc validate bindings, one binding", value: times("one"), unit: "ms" },
    {
      name: `akc validate bindings, ${large} bindings in YAML, ${Math.round(Bun.file(path).size / 1e3)} kB`,
      value: times("all"),
      unit: "ms",
      baseline: "one binding",
      ratio: times("all") / times("one"),
    },
  ];
}

/** A run of nothing, judged by these bindings. */
async function bundle(folder: string, id: string, stubs: readonly string[]): Promise<string> {
  const zeros = "0".repeat(64);
  const signals = stubs.map((stub) => ({
    evidence_type: "akc_observability_query_result",
    payload_path: "summary.value",
    validator_stub: stub,
  }));
  const params = { spec_version: 1, window: "single_run", predicate_kind: "presence", signals };
  const criteria = stubs.length === 0 ? [] : [{ id: "slo", evaluation_mode: "operational_spec", params }];
  const path = join(folder, "bench", "bench", ".akc", "runtime", `${id}.runtime_bundle.json`);
  await write(path, {
    schema_version: 4,
    schema_id: "akc:runtime_bundle:v4",
    ...{ tenant_id: "bench", repo_id: "bench", run_id: id },
    ...{ referenced_ir_nodes: [], referenced_contracts: [], deployment_intents: [] },
    spec_hashes: { orchestration_spec_sha256: zeros, coordination_spec_sha256: zeros },
    runtime_policy_envelope: {},
    layer_replacement_mode: "full",
    intent_policy_projection: { success_criteria_summary: { count: criteria.length, criteria } },
  });
  return path;
}

function start(path: string, registry: readonly string[]): readonly string[] {
  return ["runtime", "start", "--bundle", path, "--mode", "enforce", "--quiet", ...registry];
}

async function command(folder: string, argv: readonly string[]): Promise<void> {
  const exit = await spawn(folder, argv).exited;
  if (exit !== 0) throw new Error(`akc ${argv.join(" ")} ended with ${exit}`);
}

function spawn(folder: string, argv: readonly string[]) {
  return Bun.spawn([akc, ...argv, "--policy", join(folder, "policy.yaml")], {
    cwd: folder,
    stdio: ["ignore", "ignore", "ignore"],
  });
}

async function write(path: string, value: object): Promise<void> {
  await Bun.write(path, JSON.stringify(value));
}

/** Median milliseconds of each piece of work, taken in turns; the first turn only warms up. */
async function inTurns<Name extends string>(
  count: number,
  works: Readonly<Record<Name, () => Promise<void>>>,
): Promise<(name: Name) => number> {
  const times = new Map<string, number[]>(Object.keys(works).map((name) => [name, []]));
  for (let turn = 0; turn <= count; turn += 1) {
    for (const [name, work] of Object.entries<() => Promise<void>>(works)) {
      const startedMs = performance.now();
      await work();
      if (turn > 0) times.get(name)?.push(performance.now() - startedMs);
    }
  }
  return (name) => median(times.get(name) ?? []);
}

if (import.meta.main) printRows(await benchValidators());
