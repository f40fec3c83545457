import { describe, expect, test } from "bun:test";
import type { JsonMap } from "akc/sdk";
import fc from "fast-check";
import { readBinding } from "./binding.ts";
import type { Dialect } from "./dialect.ts";
import { loki } from "./loki.ts";
import { prometheus } from "./prometheus.ts";
import type { QueryRequest } from "./request.ts";
import { tempo } from "./tempo.ts";

const atMs = 1_700_000_000_250;
const base = "https://backend.example/api/v1/query";

function request(dialect: Dialect, binding: JsonMap, query = "up"): QueryRequest {
  return dialect.request(readBinding({ url: base, query, ...binding }), { query, atMs });
}

const range = { window: "10m", step: "30s" };

test("an instant has a time, a range has its start, end and step and is asked of query_range", () => {
  expect(request(prometheus, {}).url).toBe(`${base}?query=up&time=1700000000.25`);
  expect(request(prometheus, { range }).url).toBe(
    `${base}_range?query=up&start=1699999400.25&end=1700000000.25&step=30`,
  );
  expect(request(loki, { limit: 50 }).url).toBe(`${base}?query=up&time=1700000000250000000&limit=50`);
  expect(request(loki, { range }).url).toBe(
    `${base}_range?query=up&start=1699999400250000000&end=1700000000250000000&step=30`,
  );
});

test("a range goes where the binding says when that is not `query`", () => {
  const url = "https://backend.example/select/0/prometheus/api/v1/query_range?nocache=1";
  expect(request(prometheus, { url, range: { window: "1m", step: "500ms" } }).url).toBe(
    `${url}&query=up&start=1699999940.25&end=1700000000.25&step=0.5`,
  );
});

test("Tempo is asked in whole seconds, by q as well, and a search by q and its limit", () => {
  const query = "{} | rate()";
  const written = "%7B%7D%20%7C%20rate()";
  const metrics = "http://tempo.example/api/metrics/query";
  expect(request(tempo, { url: metrics, range }, query).url).toBe(
    `${metrics}_range?query=${written}&q=${written}&start=1699999400&end=1700000001&step=30s`,
  );
  expect(request(tempo, { url: metrics, query_param: "q" }, query).url).toBe(
    `${metrics}?q=${written}&start=1699996400&end=1700000001`,
  );
  const search = "http://tempo.example/api/search";
  expect(request(tempo, { url: search, limit: 7, range: { window: "1m" } }, "{}").url).toBe(
    `${search}?query=%7B%7D&q=%7B%7D&start=1699999940&end=1700000001&limit=7`,
  );
  expect(request(tempo, { url: search }, "{}").url).toBe(`${search}?query=%7B%7D&q=%7B%7D`);
});

describe("the URL's own parameters", () => {
  test("stay as written and in order, doubles too; only one of the same name gives way", () => {
    const url = `${base}?match[]=a&dedup=true&match[]=b%20c&empty=&flag&query=old&x=%zz#there`;
    expect(request(prometheus, { url }).url).toBe(
      `${base}?match[]=a&dedup=true&match[]=b%20c&empty=&flag&x=%zz&query=up&time=1700000000.25`,
    );
  });

  test("that spell a name in another way are of that name", () => {
    expect(request(prometheus, { url: `${base}?qu%65ry=old&b=1` }).url).toBe(
      `${base}?b=1&query=up&time=1700000000.25`,
    );
  });

  test("are all there for whatever they are, and the query is what was meant", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 12 });
    const pairs = fc.array(fc.tuple(text, text), { maxLength: 6 });
    const query = fc.string({ unit: "binary", minLength: 1 }).filter((written) => written.trim() !== "");
    fc.assert(
      fc.property(pairs, query, fc.constantFrom(prometheus, loki, tempo), (own, asked, dialect) => {
        const kept = own.filter(([name]) => !["query", "q", "time", "start", "end"].includes(name));
        const url = `${base}?${new URLSearchParams(kept.map(([name, value]): [string, string] => [name, value]))}`;
        const sent = new URL(request(dialect, { url }, asked).url).searchParams;
        expect([...sent].slice(0, kept.length)).toEqual(kept.map(([name, value]) => [name, value]));
        expect(sent.getAll("query")).toEqual([asked.toWellFormed()]);
      }),
    );
  });
});

test("POST sends a form, and what it says is not in the URL as well", () => {
  const { url, method, headers, body } = request(
    prometheus,
    { url: `${base}?dedup=true&query=old`, method: "POST", headers: { "X-Scope-OrgID": "a|b" } },
    "a + b & c",
  );
  expect({ url, method, body }).toEqual({
    url: `${base}?dedup=true`,
    method: "POST",
    body: "query=a+%2B+b+%26+c&time=1700000000.25",
  });
  expect(headers).toEqual({
    "X-Scope-OrgID": "a|b",
    accept: "application/json",
    "content-type": "application/x-www-form-urlencoded",
  });
});

test("a header of the binding stands, however it is written", () => {
  const { headers } = request(prometheus, { headers: { Accept: "application/x" } });
  expect(headers).toEqual({ Accept: "application/x" });
});

test("the endpoint that is told has neither user nor password nor query", () => {
  const { endpoint } = request(prometheus, { url: "https://u:p@backend.example/api/v1/query?token=t" });
  expect(endpoint).toBe(base);
});

describe("a binding that is wrong nevertheless is refused by the name of its field", () => {
  test.each([
    [{ url: "ftp://x/" }, "url"],
    [{ query: " " }, "query"],
    [{ method: "PUT" }, "method"],
    [{ aggregate: "median" }, "aggregate"],
    [{ no_data: "zero" }, "no_data"],
    [{ expect: {} }, "expect"],
    [{ expect: { lte: "1" } }, "expect.lte"],
    [{ expect: [] }, "expect"],
    [{ range: { step: "1s" } }, "range.window"],
    [{ range: { window: "1w" } }, "window"],
    [{ range: { window: "0s" } }, "range.window"],
    [{ compare: { ratio: { lte: 1 } } }, "compare.baseline"],
    [{ compare: { baseline: { offset: "1h" } } }, "compare"],
    [{ compare: { baseline: { offset: "1h", query: "up" }, ratio: { lte: 1 } } }, "compare.baseline"],
    [{ min_samples: 0 }, "min_samples"],
    [{ consecutive: 1.5 }, "consecutive"],
    [{ max_age: -1 }, "max_age"],
    [{ headers: { a: 1 } }, "headers"],
  ] as const)("%j", (wrong, field) => {
    expect(() => readBinding({ url: base, query: "up", ...wrong })).toThrow(field);
  });
});
