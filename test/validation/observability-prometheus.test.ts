/** What the observability plugin makes of a real Prometheus that scrapes a real target, and of a real VictoriaMetrics. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonMap, Verdict } from "akc/sdk";
import { openValidators } from "../../src/run/validators.ts";
import type { Validators } from "../../src/validators/contract.ts";
import { PrometheusHost } from "../env/prometheus.ts";
import { binding, execute } from "./execution-world.ts";
import { verdictOf } from "./observability-world.ts";

setDefaultTimeout(120_000);

/** What is scraped: whole, broken, or not there at all. */
class Target {
  errorRatio = 0;
  requests = 1_000;
  isDown = false;
  readonly #server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => (this.isDown ? new Response("down", { status: 503 }) : new Response(this.#text())),
  });

  get port(): number {
    return this.#server.port ?? 0;
  }

  async stop(): Promise<void> {
    await this.#server.stop(true);
  }

  #text(): string {
    const pods = Array.from({ length: 40 }, (_, pod) => `pod_load{pod="p${pod}"} ${pod}`);
    return [
      `error_ratio ${this.errorRatio}`,
      `requests_now{name="a b",path="/x\\"y\\\\z\\n€"} ${this.requests}`,
      "idle_now 0",
      "over_now +Inf",
      ...pods,
      "",
    ].join("\n");
  }
}

const target = new Target();
const found = await PrometheusHost.up(target.port);
afterAll(async () => {
  await found?.down();
  await target.stop();
});

function host(): PrometheusHost {
  if (found === undefined) throw new Error("there is no Prometheus");
  return found;
}

function asked(binding: JsonMap, evaluatedAtMs = Date.now()): Promise<Verdict> {
  const url = `${host().url}/api/v1/query`;
  return verdictOf({ language: "promql", binding: { url, ...binding }, evaluatedAtMs });
}

/** Until the verdict is the one that is wanted. @throws Error with the last one */
async function until(binding: JsonMap, wanted: Partial<Verdict>): Promise<Verdict> {
  let last: Verdict | undefined;
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await Bun.sleep(100)) {
    last = await asked(binding);
    if (last.verdict === wanted.verdict && last.reason === wanted.reason) return last;
  }
  throw new Error(`never ${JSON.stringify(wanted)}, at last ${JSON.stringify(last)}`);
}

const ratio = { query: "error_ratio", expect: { lte: 0.05 } };

describe.skipIf(found === undefined)("a real Prometheus", () => {
  // Targets are discovered some seconds after the start.
  beforeAll(async () => {
    await until({ query: 'up{job="akc"}', expect: { eq: 1 } }, { verdict: "pass" });
  });

  test("a service that breaks and is mended passes, fails and passes", async () => {
    const before = await until(ratio, { verdict: "pass" });
    expect(before.observed).toEqual({ value: 0 });
    target.errorRatio = 0.25;
    const broken = await until(ratio, { verdict: "fail", reason: "threshold" });
    expect(broken).toMatchObject({
      observed: { value: 0.25 },
      message: "0.25 is not at most 0.05",
      evidence: {
        endpoint: `${host().url}/api/v1/query`,
        query: "error_ratio",
        result_type: "vector",
        aggregate: "single",
        series: 1,
        samples: 1,
        warnings: [],
        expected: { lte: 0.05 },
      },
    });
    expect(broken.evidence?.["response_sha256"]).toMatch(/^[0-9a-f]{64}$/);
    target.errorRatio = 0;
    await until(ratio, { verdict: "pass" });
  });

  test("a target that is down has up == 0, and its numbers are no data at once", async () => {
    const isUp = { query: 'up{job="akc"}', expect: { eq: 1 } };
    target.isDown = true;
    try {
      expect((await until(isUp, { verdict: "fail", reason: "threshold" })).observed).toEqual({ value: 0 });
      const gone = await until(ratio, { verdict: "inconclusive", reason: "no-data" });
      expect(gone.observed).toEqual({});
      expect(await asked({ ...ratio, no_data: "fail" })).toMatchObject({
        verdict: "fail",
        reason: "no-data",
      });
      expect((await asked({ ...ratio, no_data: "pass" })).verdict).toBe("pass");
    } finally {
      target.isDown = false;
      await until(ratio, { verdict: "pass" });
    }
  });

  test("many series are ambiguous until somebody says how they become one", async () => {
    expect(await asked({ query: "pod_load" })).toMatchObject({
      verdict: "inconclusive",
      reason: "ambiguous",
    });
    const ambiguous = await asked({ query: "pod_load", expect: { gte: 0 } });
    expect(ambiguous.verdict).toBe("inconclusive");
    for (const [aggregate, value] of [
      ["max", 39],
      ["min", 0],
      ["sum", 780],
      ["avg", 19.5],
    ] as const) {
      const judged = await asked({ query: "pod_load", aggregate, expect: { eq: value } });
      expect(judged).toMatchObject({ verdict: "pass", observed: { value }, evidence: { series: 40 } });
    }
  });

  test("0/0 is no data, and an infinity is more than any bound", async () => {
    expect(await asked({ query: "idle_now / idle_now", expect: { lte: 1 } })).toMatchObject({
      verdict: "inconclusive",
      reason: "no-data",
    });
    expect(await asked({ query: "over_now", expect: { lte: 1e300 } })).toMatchObject({
      verdict: "fail",
      observed: { value: "+Inf" },
    });
  });

  test("a query that finds nothing is no data, not zero", async () => {
    expect(await asked({ query: "nothing_of_this_name", expect: { lte: 0 } })).toMatchObject({
      verdict: "inconclusive",
      reason: "no-data",
    });
  });

  test("a scalar is judged, a text is not", async () => {
    expect(await asked({ query: "scalar(sum(pod_load)) + 1", expect: { eq: 781 } })).toMatchObject({
      verdict: "pass",
      evidence: { result_type: "scalar" },
    });
    expect(await asked({ query: '"fine"' })).toMatchObject({ verdict: "error", reason: "malformed" });
  });

  test("a range is judged over time, and by its newest samples in a row", async () => {
    const range = { window: "10s", step: "500ms" };
    await until({ query: "error_ratio", range, min_samples: 8 }, { verdict: "pass" });
    target.errorRatio = 0.5;
    await until(ratio, { verdict: "fail", reason: "threshold" });
    target.errorRatio = 0;
    await until({ ...ratio, range, consecutive: 3 }, { verdict: "pass" });
    const worst = await asked({ ...ratio, range, aggregate: "max" });
    expect(worst).toMatchObject({
      verdict: "fail",
      observed: { value: 0.5 },
      evidence: { result_type: "matrix", range: { window_ms: 10_000, step_ms: 500 } },
    });
    expect(await asked({ ...ratio, range, consecutive: 1_000 })).toMatchObject({
      verdict: "inconclusive",
      reason: "limited",
    });
  });

  test("a number is compared with itself so much earlier", async () => {
    const again = { query: "requests_now", compare: { baseline: { offset: "3s" }, ratio: { gte: 0.5 } } };
    await until(again, { verdict: "pass" });
    target.requests = 100;
    try {
      const dropped = await until(again, { verdict: "fail", reason: "threshold" });
      expect(dropped.evidence).toMatchObject({
        baseline: { offset_ms: 3_000 },
        baseline_value: 1_000,
        ratio: 0.1,
        difference: -900,
      });
      // Before there was any Prometheus there is no baseline.
      const never = { query: "requests_now", compare: { baseline: { offset: "2d" }, ratio: { gte: 0 } } };
      expect(await asked(never)).toMatchObject({ verdict: "inconclusive", reason: "no-data" });
      const other = {
        query: "requests_now",
        compare: { baseline: { query: "idle_now" }, ratio: { gte: 0 } },
      };
      expect(await asked(other)).toMatchObject({ verdict: "inconclusive", reason: "no-data" });
    } finally {
      target.requests = 1_000;
    }
  });

  test("labels with every kind of character are told, and a query with them is sent as meant", async () => {
    const query = 'requests_now{path="/x\\"y\\\\z\\n€", name="a b"} # & + % = 1';
    for (const method of ["GET", "POST"] as const) {
      const judged = await until({ query, method, expect: { gte: 1 } }, { verdict: "pass" });
      expect(judged.evidence).toMatchObject({
        method,
        series_seen: [{ labels: { name: "a b" }, samples: 1 }],
      });
    }
  });

  test("parameters of the binding's own URL go along", async () => {
    const url = `${host().url}/api/v1/query?timeout=5s&query=vector(7)&stats=all`;
    expect(await asked({ url, query: "vector(3)" })).toMatchObject({
      verdict: "pass",
      observed: { value: 3 },
    });
    expect(await asked({ url, query: "vector(3)", method: "POST" })).toMatchObject({
      observed: { value: 3 },
    });
    const bad = `${host().url}/api/v1/query?timeout=never`;
    expect(await asked({ url: bad, query: "vector(3)" })).toMatchObject({ reason: "malformed" });
  });

  test("a bad query is malformed, with the server's words", async () => {
    const bad = await asked({ query: "((" });
    expect(bad).toMatchObject({ verdict: "error", reason: "malformed", observed: {} });
    expect(bad.message).toContain("parse error");
    expect(bad.evidence).toMatchObject({ query: "((", endpoint: `${host().url}/api/v1/query` });
    const tooMuch = await asked({ query: "up", range: { window: "30d", step: "1s" } });
    expect(tooMuch).toMatchObject({ verdict: "error", reason: "malformed" });
    const nowhere = await asked({ url: `${host().url}/api/v2/query` });
    expect(nowhere).toMatchObject({ verdict: "error", reason: "malformed" });
  });

  test("the time that is asked about is that of the request, not the clock's", async () => {
    const judged = await asked({ query: "time()" }, 1_700_000_000_250);
    expect(judged.observed).toEqual({ value: 1_700_000_000.25 });
  });

  test("a Prometheus that has ended is unreachable, and answers again when it is back", async () => {
    await host().halt();
    try {
      expect(await asked(ratio)).toMatchObject({ verdict: "error", reason: "unreachable", observed: {} });
      expect(await asked({ ...ratio, no_data: "pass" })).toMatchObject({ verdict: "error" });
    } finally {
      await host().resume();
    }
    await until(ratio, { verdict: "pass" });
  });
});

describe.skipIf(found === undefined)(
  "a real Prometheus, through akc's own door and a process of the plugin's",
  () => {
    let cache = "";
    let validators: Validators;
    beforeAll(async () => {
      cache = mkdtempSync(join(tmpdir(), "akc-test-observability-"));
      validators = await openValidators({
        pluginsDirs: [],
        env: { HOME: cache, XDG_CACHE_HOME: cache, PATH: "/usr/bin:/bin" },
        operator: undefined,
        kinds: ["promql_query"],
      });
    });
    afterAll(async () => {
      await validators.close();
      rmSync(cache, { recursive: true, force: true });
    });

    test("passes, fails, finds nobody and passes again", async () => {
      const settings = { url: `${host().url}/api/v1/query`, ...ratio };
      const verdict = async () => {
        const [observation] = await execute([binding("b", "promql_query", { settings })], validators);
        return [observation?.verdict, observation?.reason, observation?.payload["status"]];
      };
      await until(ratio, { verdict: "pass" });
      expect(await verdict()).toEqual(["pass", undefined, "ok"]);
      target.errorRatio = 0.5;
      await until(ratio, { verdict: "fail", reason: "threshold" });
      expect(await verdict()).toEqual(["fail", "threshold", "ok"]);
      target.errorRatio = 0;
      await host().halt();
      expect(await verdict()).toEqual(["error", "unreachable", "error"]);
      await host().resume();
      await until(ratio, { verdict: "pass" });
      expect(await verdict()).toEqual(["pass", undefined, "ok"]);
    });
  },
);

describe.skipIf(found?.victoriaUrl === undefined)("a real VictoriaMetrics", () => {
  const url = () => `${host().victoriaUrl}/api/v1/query`;
  const at = (binding: JsonMap, evaluatedAtMs?: number) => asked({ url: url(), ...binding }, evaluatedAtMs);
  const nowMs = Date.now();

  beforeAll(async () => {
    const lines = Array.from({ length: 20 }, (_, step) => `steps ${step} ${nowMs - (19 - step) * 1_000}`);
    const body = [...lines, `orders{shop="a"} 3 ${nowMs}`, `orders{shop="b"} 4 ${nowMs}`, ""].join("\n");
    await fetch(`${host().victoriaUrl}/api/v1/import/prometheus`, { method: "POST", body });
    await fetch(`${host().victoriaUrl}/internal/force_flush`);
    for (const deadline = Date.now() + 30_000; Date.now() < deadline; await Bun.sleep(200)) {
      if ((await at({ query: "count(orders)", expect: { eq: 2 } }, nowMs)).verdict === "pass") return;
    }
    throw new Error("what was pushed never became visible");
  });

  test("vectors, ranges, no data and bad queries mean what they mean with Prometheus", async () => {
    expect(await at({ query: "orders", aggregate: "sum", expect: { eq: 7 } }, nowMs)).toMatchObject({
      verdict: "pass",
      observed: { value: 7 },
    });
    expect((await at({ query: "orders" }, nowMs)).reason).toBe("ambiguous");
    expect((await at({ query: "0/0 * sum(orders)", expect: { lte: 1 } }, nowMs)).reason).toBe("no-data");
    expect((await at({ query: "no_such" }, nowMs)).reason).toBe("no-data");
    expect(await at({ query: "((" }, nowMs)).toMatchObject({ verdict: "error", reason: "malformed" });
    const range = { window: "10s", step: "1s" };
    const over = await at({ query: "steps", range, aggregate: "max", expect: { lte: 19 } }, nowMs);
    expect(over).toMatchObject({ verdict: "pass", evidence: { result_type: "matrix" } });
    expect(await at({ query: "sum(orders)", method: "POST", expect: { eq: 7 } }, nowMs)).toMatchObject({
      verdict: "pass",
    });
  });

  test("the age of a sample is that of the sample, not of the answer", async () => {
    const laterMs = nowMs + 60_000;
    expect((await at({ query: "steps" }, laterMs)).verdict).toBe("pass");
    expect(await at({ query: "steps # of then", max_age: "30s" }, laterMs)).toMatchObject({
      verdict: "inconclusive",
      reason: "stale",
      evidence: { newest_taken_ms: nowMs },
    });
    expect((await at({ query: "steps", max_age: "2m" }, laterMs)).verdict).toBe("pass");
    const range = { window: "5m", step: "10s" };
    expect((await at({ query: "steps", max_age: "30s", range }, laterMs)).reason).toBe("stale");
    expect((await at({ query: "steps", max_age: "2m", range }, laterMs)).verdict).toBe("pass");
  });
});
