/** What recorded and transcribed answers of backends come to, and what every failure on the way does. */
import { describe, expect, test } from "bun:test";
import { cancelled, denied, failed, type JsonMap, retryable, truncatedHeader, type Verdict } from "akc/sdk";
import {
  answering,
  type Given,
  given,
  json,
  type Language,
  recorded,
  recordedMs,
  recording,
  verdictOf,
} from "./observability-world.ts";

const urls: Readonly<Record<Language, string>> = {
  promql: "http://prometheus.example/api/v1/query",
  logql: "http://loki.example/loki/api/v1/query",
  traceql: "http://tempo.example/api/metrics/query",
};

function judged(
  language: Language,
  answer: Given | readonly Given[],
  binding: JsonMap = {},
): Promise<Verdict> {
  const call = answering(...[answer].flat());
  return verdictOf({
    language,
    binding: { url: urls[language], ...binding },
    evaluatedAtMs: recordedMs,
    call,
  });
}

const range = { window: "2m", step: "30s" };
const search = { url: "http://tempo.example/api/search", query: "{ status = error }" };
const noData = { verdict: "inconclusive", reason: "no-data", observed: {} };
const isLimited = { verdict: "inconclusive", reason: "limited", observed: {} };
const isMalformed = { verdict: "error", reason: "malformed", observed: {} };

describe("LogQL", () => {
  test("a vector is judged as Prometheus' own", async () => {
    const one = await judged("logql", recording("loki/vector.json"), { expect: { lte: 0.05 } });
    expect(one).toMatchObject({ verdict: "pass", observed: { value: 0.05 } });
    const many = recording("loki/vector_by_level.json");
    expect((await judged("logql", many)).reason).toBe("ambiguous");
    expect(await judged("logql", many, { aggregate: "max", expect: { lte: 1_000 } })).toMatchObject({
      verdict: "fail",
      observed: { value: 1_267.1266666666666 },
    });
    expect(await judged("logql", recording("loki/vector_empty.json"))).toMatchObject(noData);
  });

  test("a matrix is judged over time", async () => {
    const matrix = recording("loki/matrix.json");
    expect((await judged("logql", matrix, { range, expect: { lte: 1 }, consecutive: 2 })).verdict).toBe(
      "pass",
    );
    expect((await judged("logql", matrix, { range, expect: { lte: 1 }, consecutive: 3 })).verdict).toBe(
      "fail",
    );
    expect(await judged("logql", recording("loki/matrix_not_numbers.json"), { range })).toMatchObject(noData);
    const infinite = await judged("logql", recording("loki/matrix_infinite.json"), { expect: { gte: 0 } });
    expect(infinite).toMatchObject({ verdict: "fail", observed: { value: "-Inf" } });
  });

  test("the lines of all streams are counted together", async () => {
    const lines = recording("loki/streams.json");
    expect(await judged("logql", lines, { range, expect: { lte: 2 } })).toMatchObject({
      verdict: "fail",
      observed: { value: 3 },
      evidence: { result_type: "streams", streams: 2, lines: 3, limit: 100 },
    });
    const rich = await judged("logql", recording("loki/streams_structured_metadata.json"), {
      range,
      expect: { eq: 2 },
      max_age: "1s",
    });
    expect(rich).toMatchObject({ verdict: "pass", evidence: { newest_sample_ms: recordedMs - 1_000 } });
    expect((await judged("logql", lines, { range, max_age: "500ms" })).reason).toBe("stale");
    expect((await judged("logql", lines, { range, min_samples: 3 })).verdict).toBe("pass");
    expect((await judged("logql", lines, { range, min_samples: 4 })).reason).toBe("limited");
    expect(await judged("logql", lines, { range, consecutive: 2 })).toMatchObject(isMalformed);
  });

  test("no line is no data, and only who says so takes it for a pass", async () => {
    const none = recording("loki/streams_empty.json");
    expect(await judged("logql", none, { range, expect: { lte: 0 } })).toMatchObject(noData);
    expect((await judged("logql", none, { range, expect: { lte: 0 }, no_data: "pass" })).verdict).toBe(
      "pass",
    );
  });

  test("a count that met its limit is no count", async () => {
    const lines = recording("loki/streams.json");
    for (const bounds of [{ lte: 0 }, { gte: 1 }]) {
      expect(await judged("logql", lines, { range, limit: 3, expect: bounds })).toMatchObject(isLimited);
    }
    expect((await judged("logql", lines, { range, limit: 4 })).verdict).toBe("pass");
    const url = `${urls.logql}?limit=3`;
    expect(await judged("logql", lines, { url, range, no_data: "pass" })).toMatchObject(isLimited);
  });

  test("what Loki warns of gives no verdict, and its refusals are errors", async () => {
    const warned = await judged("logql", recording("loki/matrix_warned.json"), { range, expect: { lte: 0 } });
    expect(warned).toMatchObject(isLimited);
    expect(warned.message).toContain("partial results");
    const refused = await judged("logql", recording("loki/parse_error_400.txt"));
    expect(refused).toMatchObject(isMalformed);
    expect(refused.message).toContain("unexpected $end");
    expect(await judged("logql", recording("loki/too_many_series_500.txt"))).toMatchObject({
      verdict: "error",
      reason: "unreachable",
    });
    expect(
      await judged("logql", json({ status: "fail", errorType: "timeout", error: "slow" })),
    ).toMatchObject({
      verdict: "error",
      reason: "unreachable",
    });
  });
});

describe("TraceQL", () => {
  test("metrics over a range", async () => {
    const series = recording("tempo/metrics_query_range.json");
    expect(await judged("traceql", series, { range, expect: { lte: 0.3 } })).toMatchObject({
      verdict: "pass",
      observed: { value: 0.25 },
      evidence: {
        result_type: "series",
        completedJobs: 3,
        totalJobs: 3,
        series_seen: [{ labels: { "resource.service.name": "checkout" }, samples: 3, newest: 0.25 }],
      },
    });
    expect((await judged("traceql", series, { range, aggregate: "max", expect: { lte: 0.3 } })).verdict).toBe(
      "fail",
    );
    const quantiles = recording("tempo/metrics_quantiles.json");
    expect((await judged("traceql", quantiles, { range })).reason).toBe("ambiguous");
    expect((await judged("traceql", quantiles, { range, aggregate: "max" })).observed).toEqual({
      value: 0.42,
    });
  });

  test("what Tempo leaves out of a sample is zero; a series without samples, and NaN, are no data", async () => {
    expect(
      await judged("traceql", recording("tempo/metrics_zeros.json"), { range, expect: { eq: 0 } }),
    ).toMatchObject({
      verdict: "pass",
      observed: { value: 0 },
      evidence: { zeros_left_out: 2 },
    });
    expect(
      await judged("traceql", recording("tempo/metrics_instant_zero.json"), { expect: { eq: 0 } }),
    ).toMatchObject({ verdict: "pass", observed: { value: 0 } });
    // Of a range the same answer has no samples.
    expect(await judged("traceql", recording("tempo/metrics_instant_zero.json"), { range })).toMatchObject(
      noData,
    );
    expect(await judged("traceql", recording("tempo/metrics_not_numbers.json"), { range })).toMatchObject(
      noData,
    );
    expect(await judged("traceql", recording("tempo/metrics_empty.json"), { range })).toMatchObject(noData);
  });

  test("metrics of an instant, with typed labels", async () => {
    expect(
      await judged("traceql", recording("tempo/metrics_instant.json"), { expect: { lte: 41 } }),
    ).toMatchObject({
      verdict: "fail",
      observed: { value: 42 },
      evidence: {
        series_seen: [{ labels: { "span.http.status_code": "500", "span.sampled": "true" } }],
        newest_sample_ms: recordedMs,
      },
    });
  });

  test("a part of an answer gives no verdict", async () => {
    const part = await judged("traceql", recording("tempo/metrics_partial.json"), {
      range,
      expect: { lte: 1 },
    });
    expect(part).toMatchObject(isLimited);
    expect(part.message).toContain("maximum series limit");
  });

  test("a search tells whether there are traces, and no more", async () => {
    const two = recording("tempo/search.json");
    expect(await judged("traceql", two, search)).toMatchObject({
      verdict: "pass",
      observed: { value: 1 },
      evidence: { result_type: "traces", traces: 2, limit: 20, inspectedTraces: 3_100, totalBlocks: 3 },
    });
    expect((await judged("traceql", two, { ...search, expect: { gte: 1 } })).verdict).toBe("pass");
    for (const none of [{ eq: 0 }, { lte: 0 }, { lt: 1 }]) {
      expect(await judged("traceql", two, { ...search, expect: none })).toMatchObject({
        verdict: "fail",
        reason: "threshold",
      });
    }
    for (const count of [{ gte: 2 }, { lte: 20 }, { eq: 2 }, { gt: 1 }]) {
      expect(await judged("traceql", two, { ...search, expect: count })).toMatchObject(isLimited);
    }
    expect((await judged("traceql", two, { ...search, max_age: "20s" })).verdict).toBe("pass");
    expect((await judged("traceql", two, { ...search, max_age: "10s" })).reason).toBe("stale");
    const compare = { baseline: { offset: "1h" }, ratio: { lte: 1 } };
    expect(await judged("traceql", two, { ...search, compare })).toMatchObject(isMalformed);
  });

  test("a search that found nothing is no data, and limited where it did not look everywhere", async () => {
    const none = recording("tempo/search_empty.json");
    expect(await judged("traceql", none, { ...search, expect: { eq: 0 } })).toMatchObject(noData);
    expect((await judged("traceql", none, { ...search, no_data: "pass" })).verdict).toBe("pass");
    expect((await judged("traceql", none, { ...search, no_data: "fail" })).verdict).toBe("fail");
    const unfinished = recording("tempo/search_empty_unfinished.json");
    expect(await judged("traceql", unfinished, { ...search, no_data: "pass" })).toMatchObject(isLimited);
    // It had found enough.
    expect((await judged("traceql", recording("tempo/search_ended_early.json"), search)).verdict).toBe(
      "pass",
    );
    const part = json({ traces: [{ traceID: "a1" }], metrics: {}, status: "PARTIAL" });
    expect(await judged("traceql", part, search)).toMatchObject(isLimited);
  });

  test("a bad query is malformed", async () => {
    const refused = await judged("traceql", recording("tempo/bad_query_400.txt"));
    expect(refused).toMatchObject(isMalformed);
    expect(refused.message).toContain("invalid TraceQL query");
  });
});

describe("PromQL beyond what one Prometheus says", () => {
  test("a partial answer of Thanos or VictoriaMetrics gives no verdict, whatever no data means", async () => {
    for (const name of ["thanos/vector_partial.json", "victoria-metrics/vector_partial.json"]) {
      const part = await judged("promql", recording(name), { expect: { lte: 1 }, no_data: "pass" });
      expect(part).toMatchObject(isLimited);
    }
  });

  test("annotations are told and change nothing", async () => {
    const told = await judged("promql", recording("prometheus/vector_annotated.json"), {
      expect: { lte: 1 },
    });
    expect(told).toMatchObject({ verdict: "pass", evidence: { warnings: [] } });
    expect(JSON.stringify(told.evidence?.["infos"])).toContain("might not be a counter");
  });

  test("a text is no number", async () => {
    const text = await judged("promql", recording("prometheus/string.json"), { no_data: "pass" });
    expect(text).toMatchObject({ ...isMalformed, message: "the query gives a text, and no number" });
  });

  test("a native histogram is ambiguous", async () => {
    for (const name of ["prometheus/vector_histogram.json", "prometheus/matrix_histograms.json"]) {
      expect(await judged("promql", recording(name), { aggregate: "max" })).toMatchObject({
        verdict: "inconclusive",
        reason: "ambiguous",
      });
    }
  });

  test("a partial baseline gives no verdict, and a baseline that cannot be had is why", async () => {
    const compare = { baseline: { offset: "1h" }, ratio: { lte: 2 } };
    const now = recording("prometheus/vector.json");
    const part = await judged("promql", [now, recording("thanos/vector_partial.json")], { compare });
    expect(part).toMatchObject(isLimited);
    expect(part.message).toStartWith("baseline: ");
    const refused = await judged("promql", [now, given("no", 503)], { compare });
    expect(refused).toMatchObject({ verdict: "error", reason: "unreachable" });
    expect(refused.message).toStartWith("baseline: ");
  });

  test("a baseline is the same query earlier, or the other query at the same time", async () => {
    const now = recording("prometheus/vector.json");
    for (const [baseline, query, time] of [
      [{ offset: "1h" }, "up", "1795389956"],
      [{ query: "down" }, "down", "1795393556"],
    ] as const) {
      const call = answering(now);
      const binding = { url: urls.promql, query: "up", compare: { baseline, ratio: { eq: 1 } } };
      const verdict = await verdictOf({ language: "promql", binding, evaluatedAtMs: recordedMs, call });
      expect(verdict).toMatchObject({ verdict: "pass", evidence: { ratio: 1, baseline_value: 0.25 } });
      expect(
        call.sent.map(({ url }) => [url.searchParams.get("query"), url.searchParams.get("time")]),
      ).toEqual([
        ["up", "1795393556"],
        [query, time],
      ]);
    }
  });
});

describe("what goes wrong on the way", () => {
  test.each([
    [400, "malformed"],
    [404, "malformed"],
    [405, "malformed"],
    [422, "malformed"],
    [302, "malformed"],
    [401, "denied"],
    [403, "denied"],
    [407, "denied"],
    [408, "unreachable"],
    [429, "unreachable"],
    [500, "unreachable"],
    [502, "unreachable"],
    [503, "unreachable"],
    [504, "unreachable"],
  ])("status %d is %s, whatever the body", async (status, reason) => {
    // A body that would pass, if only it were looked at.
    const passing = recorded("prometheus/vector.json");
    for (const body of [passing, "<html><body>no</body></html>", ""]) {
      const verdict = await judged("promql", given(body, status), { no_data: "pass" });
      expect(verdict).toMatchObject({ verdict: "error", reason, observed: {} });
      expect(verdict.message).toContain(String(status));
      expect(verdict.message).not.toContain("<html>");
    }
  });

  test.each([
    ["bad_data", "malformed"],
    ["execution", "malformed"],
    ["not_found", "malformed"],
    ["something_new", "malformed"],
    ["timeout", "unreachable"],
    ["unavailable", "unreachable"],
    ["canceled", "unreachable"],
    ["internal", "unreachable"],
  ])("a 200 that says error with %s is %s", async (errorType, reason) => {
    const data = { resultType: "scalar", result: [1, "1"] };
    const verdict = await judged("promql", json({ status: "error", errorType, error: "e", data }));
    expect(verdict).toMatchObject({ verdict: "error", reason, observed: {} });
  });

  test.each([
    [denied("no", { code: "PLUGIN_NOT_GRANTED" }), "error", "denied"],
    [denied("no", { code: "HTTP_ADDRESS_DENIED" }), "error", "denied"],
    [failed("no", { code: "HTTP_REDIRECT_REFUSED" }), "error", "denied"],
    [failed("no", { code: "HTTP_TLS_UNTRUSTED" }), "error", "denied"],
    [failed("no", { code: "HTTP_RESPONSE_TOO_LARGE" }), "inconclusive", "limited"],
    [retryable("no", { code: "HTTP_UNREACHABLE" }), "error", "unreachable"],
    [retryable("no", { code: "HTTP_TIMEOUT" }), "error", "timeout"],
    [retryable("no", { code: "SOMETHING_NEW" }), "error", "unreachable"],
    [failed("no", { code: "SOMETHING_NEW" }), "error", "malformed"],
    [failed("no"), "error", "unreachable"],
    [new TypeError("fetch failed"), "error", "unreachable"],
  ] as const)("%s is %s", async (cause, verdict, reason) => {
    const call = answering(cause);
    const trial = { language: "promql", binding: { no_data: "pass" }, call } as const;
    expect(await verdictOf(trial)).toMatchObject({ verdict, reason, observed: {} });
  });

  test("a call that was cancelled ends as that", async () => {
    const call = answering(cancelled());
    await expect(verdictOf({ language: "promql", binding: {}, call })).rejects.toThrow("cancelled");
    const replayed = answering(failed("not in the record", { code: "REPLAY_UNRECORDED" }));
    const beyond = verdictOf({ language: "promql", binding: {}, call: replayed });
    await expect(beyond).rejects.toThrow("not in the record");
    const aborted = { ...answering(new TypeError("gone")), signal: AbortSignal.abort() };
    await expect(verdictOf({ language: "promql", binding: {}, call: aborted })).rejects.toThrow("gone");
  });

  test("an answer that was cut is limited, though what is there could be read", async () => {
    const cut = given(recorded("prometheus/vector.json"), 200, { [truncatedHeader]: "1" });
    expect(await judged("promql", cut, { no_data: "pass" })).toMatchObject(isLimited);
    // A status of its own outranks it.
    expect((await judged("promql", given("x", 503, { [truncatedHeader]: "1" }))).reason).toBe("unreachable");
  });

  test.each(["", "null", '"7"', "[]", "{}", "up 1\n", "<html>", '{"status":"success"}', "\ufeff{"])(
    "a 200 with %j is malformed",
    async (body) => {
      for (const language of ["promql", "logql", "traceql"] as const) {
        expect(await judged(language, given(body), { no_data: "pass" })).toMatchObject(isMalformed);
      }
    },
  );

  test("a bare number answers an instant PromQL query, and nothing that needs to know when it was taken", async () => {
    expect(await judged("promql", given("7"), { expect: { eq: 7 } })).toMatchObject({
      verdict: "pass",
      observed: { value: 7 },
      evidence: { result_type: "number" },
    });
    expect(await judged("promql", given("7"), { expect: { lte: 1 } })).toMatchObject({ verdict: "fail" });
    for (const binding of [{ max_age: "1m" }, { range: { window: "5m" } }]) {
      expect(await judged("promql", given("7"), binding)).toMatchObject(isMalformed);
    }
    for (const language of ["logql", "traceql"] as const) {
      expect(await judged(language, given("7"))).toMatchObject(isMalformed);
    }
  });

  test("a right answer under a wrong status, and a sample that is no number, are malformed", async () => {
    for (const status of ["", "ok", "SUCCESS", null, true]) {
      const document = { ...JSON.parse(recorded("prometheus/vector.json")), status };
      expect(await judged("promql", json(document))).toMatchObject(isMalformed);
    }
    for (const value of ["", "x", null, true, [1], {}]) {
      const samples = [{ timestampMs: "1795393556000", value }];
      const series = [{ labels: [{ key: "a", value: { stringValue: "b" } }], samples }];
      expect(await judged("traceql", json({ series }), { range, expect: { lte: 1 } })).toMatchObject(
        isMalformed,
      );
    }
  });

  test("the server's words are one line, of bounded length", async () => {
    const error = `first\u001b[31m\nsecond\u0000 ${"long ".repeat(1_000)}`;
    const { message = "" } = await judged(
      "promql",
      json({ status: "error", errorType: "bad_data", error }, 400),
    );
    expect(message).toContain("first [31m second long");
    expect(message.length).toBeLessThan(500);
    expect(message).not.toMatch(/\p{Cc}/u);
  });

  test("neither user, password nor parameters of the URL are told", async () => {
    const url = "http://user:hunter2@prometheus.example/api/v1/query?key=hunter3";
    for (const answer of [recording("prometheus/vector.json"), given("no", 500)]) {
      expect(JSON.stringify(await judged("promql", answer, { url }))).not.toContain("hunter");
    }
  });

  test("a binding that is wrong is malformed and asks nobody", async () => {
    const call = answering(recording("prometheus/vector.json"));
    const verdict = await verdictOf({ language: "promql", binding: { expect: { lte: "1" } }, call });
    expect(verdict).toMatchObject({ ...isMalformed, message: "expect.lte: must be a number" });
    expect(call.sent).toEqual([]);
  });

  test("too many series are limited", async () => {
    const result = Array.from({ length: 10_001 }, (_, at) => ({
      metric: { at: String(at) },
      value: [1, "1"],
    }));
    const many = json({ status: "success", data: { resultType: "vector", result } });
    expect(await judged("promql", many, { aggregate: "max" })).toMatchObject(isLimited);
  });
});
