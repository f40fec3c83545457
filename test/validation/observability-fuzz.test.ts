/** Whatever a backend answers, nothing is thrown, and nothing passes but a number that stands in the answer. */
import { describe, expect, test } from "bun:test";
import type { Json, JsonMap, Verdict } from "akc/sdk";
import fc from "fast-check";
import {
  answering,
  given,
  type Language,
  recorded,
  recordedMs,
  recordedNames,
  verdictOf,
} from "./observability-world.ts";

const verdicts = ["pass", "fail", "inconclusive", "error"];
const urls: Readonly<Record<Language, readonly string[]>> = {
  promql: ["http://x.example/api/v1/query"],
  logql: ["http://x.example/loki/api/v1/query"],
  traceql: [
    "http://x.example/api/metrics/query",
    "http://x.example/api/metrics/query_range",
    "http://x.example/api/search",
  ],
};
const languages: Readonly<Record<string, Language>> = { loki: "logql", tempo: "traceql" };

const trial = (language: Language) =>
  fc.record({
    language: fc.constant(language),
    binding: fc
      .record(
        {
          aggregate: fc.constantFrom("single", "last", "max", "min"),
          expect: fc.constantFrom({ gte: 1e-9 }, { lte: 1 }, { gte: 0 }, { eq: 0 }),
          range: fc.constant({ window: "2m", step: "30s" }),
          consecutive: fc.integer({ min: 1, max: 3 }),
          max_age: fc.constant("1h"),
        },
        { requiredKeys: ["aggregate"] },
      )
      .chain((binding) => fc.constantFrom(...urls[language]).map((url) => ({ ...binding, url }))),
  });

async function judged(
  body: string,
  { language, binding }: { language: Language; binding: JsonMap },
): Promise<Verdict> {
  const verdict = await verdictOf({
    language,
    binding,
    evaluatedAtMs: recordedMs,
    call: answering(given(body)),
  });
  expect(verdicts).toContain(verdict.verdict);
  if (verdict.verdict !== "pass") expect(verdict.reason).toBeString();
  const told = JSON.stringify({ ...verdict });
  expect(told.length).toBeLessThan(200_000);
  expect(JSON.parse(told)).toEqual({ ...verdict });
  return verdict;
}

describe("arbitrary answers", () => {
  const documents = fc.oneof(
    { weight: 3, arbitrary: fc.json({ maxDepth: 6 }) },
    { weight: 3, arbitrary: envelopes() },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  );
  test.each(["promql", "logql", "traceql"] as const)(
    "of %s come to a verdict, and pass by no number of nobody's",
    async (language) => {
      await fc.assert(
        fc.asyncProperty(documents, trial(language), async (body, tried) => {
          mindNumber(await judged(body, tried), body);
        }),
        { numRuns: 400 },
      );
    },
  );
});

describe("recorded answers in which one thing is dropped, doubled or of another type", () => {
  for (const name of recordedNames()) {
    test(name, async () => {
      const language = languages[name.split("/")[0] ?? ""] ?? "promql";
      const document: Json = JSON.parse(recorded(name));
      const places = placesIn(document);
      const change = fc.tuple(
        fc.constantFrom(...places),
        fc.constantFrom(...changes),
        fc.json({ maxDepth: 2 }).map((text): Json => JSON.parse(text)),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(change, { minLength: 1, maxLength: 3 }),
          trial(language),
          async (made, tried) => {
            const body = JSON.stringify(
              made.reduce((left, [place, how, other]) => changed(left, place, how, other), document),
            );
            mindNumber(await judged(body, tried), body);
          },
        ),
        { numRuns: 150 },
      );
    });
  }

  test("without any of its numbers none of them passes", async () => {
    for (const name of recordedNames()) {
      const language = languages[name.split("/")[0] ?? ""] ?? "promql";
      for (const put of [undefined, null, true, "", "x", [], {}]) {
        const body = JSON.stringify(JSON.parse(recorded(name)), (key, value) => {
          if (["value", "samples", "traces"].includes(key) && typeof value !== "string") return put;
          return key === "values" || key === "result" ? put : value;
        });
        for (const aggregate of ["single", "max"]) {
          for (const url of urls[language]) {
            // Above zero, as Tempo leaves a zero out.
            const binding = { url, aggregate, expect: { gt: 0 } };
            expect((await judged(body, { language, binding })).verdict).not.toBe("pass");
          }
        }
      }
    }
  });
});

/** What was judged must stand in the answer: as a number, a text of one, or as what was counted. */
function mindNumber({ verdict, observed }: Verdict, body: string): void {
  if (verdict !== "pass" && verdict !== "fail") return;
  const value =
    typeof observed === "object" && observed !== null && "value" in observed ? observed.value : undefined;
  expect(numbersIn(JSON.parse(body))).toContain(value ?? Number.NaN);
}

function numbersIn(document: Json): readonly Json[] {
  const found: Json[] = [];
  let lines = 0;
  const visit = (value: Json) => {
    if (typeof value === "number") found.push(value);
    if (typeof value === "string" && value.trim() !== "") {
      found.push(value.replace(/^\+?Inf(inity)?$/, "+Inf").replace(/^-Infinity$/, "-Inf"), Number(value));
    }
    if (Array.isArray(value)) {
      const [at, line] = value;
      if (typeof at === "string" && typeof line === "string") lines += 1;
      for (const item of value) visit(item);
    } else if (typeof value === "object" && value !== null) {
      if ("traceID" in value) found.push(1);
      // Zeros are left out by Tempo.
      if ("timestampMs" in value || "labels" in value || "promLabels" in value) found.push(0);
      for (const item of Object.values(value)) visit(item);
    }
  };
  visit(document);
  // Some of the lines may stand where nobody looks.
  return [...found, ...Array.from({ length: lines }, (_, at) => at + 1)];
}

type Place = readonly (string | number)[];

function placesIn(value: Json, at: Place = []): readonly Place[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, item]) => placesIn(item, [...at, key]))];
}

const changes = ["drop", "double", "retype", "swap"] as const;

function changed(value: Json, [key, ...rest]: Place, how: (typeof changes)[number], other: Json): Json {
  if (key === undefined) return how === "retype" ? other : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.flatMap((item: Json, at): Json[] => {
      if (String(at) !== String(key)) return [item];
      if (rest.length > 0) return [changed(item, rest, how, other)];
      if (how === "drop") return [];
      return how === "double" ? [item, item] : [how === "retype" ? other : String(item)];
    });
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]): [string, Json][] => {
      if (name !== key) return [[name, item]];
      if (rest.length > 0) return [[name, changed(item, rest, how, other)]];
      if (how === "drop") return [];
      if (how === "double")
        return [
          [name, item],
          [`${name}2`, item],
        ];
      return [[name, how === "retype" ? other : typeof item === "number" ? String(item) : [item]]];
    }),
  );
}

/** Nearly right, so that it gets past the first look. */
function envelopes(): fc.Arbitrary<string> {
  const number = fc.oneof(
    fc.constantFrom("1", "0", "NaN", "+Inf", "-Inf", "0x1", "1e999", "", " 1"),
    fc.jsonValue(),
  );
  const pair = fc.oneof(fc.tuple(fc.oneof(fc.integer(), fc.jsonValue()), number), fc.jsonValue());
  const one = fc.record(
    {
      metric: fc.oneof(fc.constant({}), fc.jsonValue()),
      stream: fc.constant({}),
      value: pair,
      values: fc.array(pair, { maxLength: 3 }),
    },
    { requiredKeys: [] },
  );
  const prometheus = fc.record({
    status: fc.constantFrom("success", "success", "error"),
    data: fc.record({
      resultType: fc.constantFrom("vector", "matrix", "scalar", "string", "streams", "x"),
      result: fc.oneof(fc.array(one, { maxLength: 3 }), pair),
    }),
  });
  const sample = fc.record(
    {
      timestampMs: fc.oneof(fc.constant("1795393556000"), fc.jsonValue()),
      value: fc.oneof(fc.double(), number),
    },
    { requiredKeys: [] },
  );
  const series = fc.record(
    {
      labels: fc.oneof(fc.constant([{ key: "a", value: { stringValue: "b" } }]), fc.jsonValue()),
      samples: fc.array(sample, { maxLength: 3 }),
      value: number,
    },
    { requiredKeys: [] },
  );
  const tempo = fc.record(
    {
      series: fc.array(series, { maxLength: 3 }),
      traces: fc.array(fc.record({ traceID: fc.jsonValue() }, { requiredKeys: [] }), { maxLength: 3 }),
      metrics: fc.constant({}),
    },
    { requiredKeys: [] },
  );
  return fc.oneof(prometheus, tempo).map((document) => JSON.stringify(document));
}
