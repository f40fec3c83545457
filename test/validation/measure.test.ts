/** What one number of time series comes to, and that not knowing is neither a pass nor a failure. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { aggregates, type Expectation, type Measure, measure, type Series } from "../../src/sdk/measure.ts";

const nowMs = 1_000_000;

/** One series; the samples end now and are a second apart. */
function series(...values: readonly number[]): Series {
  return {
    labels: { job: "checkout" },
    samples: values.map((value, at) => ({ atMs: nowMs - (values.length - 1 - at) * 1_000, value })),
  };
}

function measured(input: Partial<Measure> & Pick<Measure, "series">) {
  return measure({ aggregate: "single", nowMs, ...input });
}

const noData = { verdict: "inconclusive", reason: "no-data" };

describe("aggregates", () => {
  const two = [series(1, 5, 3), series(10, 2)];
  test.each([
    ["max", 10],
    ["min", 1],
    ["avg", 4.2],
    ["sum", 5],
  ] as const)("%s", (aggregate, value) => {
    expect(measured({ series: two, aggregate })).toMatchObject({ verdict: "pass", value });
  });

  test("single and last are the newest sample of the only series", () => {
    for (const aggregate of ["single", "last"] as const) {
      expect(measured({ series: [series(1, 5, 3)], aggregate })).toMatchObject({ verdict: "pass", value: 3 });
      expect(measured({ series: two, aggregate })).toMatchObject({
        verdict: "inconclusive",
        reason: "ambiguous",
        value: null,
      });
    }
  });

  test("two numbers of one series at one time are ambiguous, the same number twice is not", () => {
    const twice = (one: number, other: number): Series => ({
      labels: {},
      samples: [
        { atMs: nowMs, value: one },
        { atMs: nowMs, value: other },
      ],
    });
    for (const aggregate of aggregates) {
      expect(measured({ series: [twice(1, 2)], aggregate }).reason).toBe("ambiguous");
      expect(measured({ series: [twice(2, 2)], aggregate })).toMatchObject({ verdict: "pass", value: 2 });
    }
  });

  test("a series without a number is a series all the same", () => {
    for (const empty of [series(Number.NaN), series()]) {
      expect(measured({ series: [series(1), empty] }).reason).toBe("ambiguous");
      expect(measured({ series: [series(1), empty], aggregate: "sum" }).value).toBe(1);
    }
  });

  test("rounding does not depend on the order", () => {
    const values = [0.1, 0.2, 0.3, 1e16, -1e16, 1];
    for (const aggregate of ["sum", "avg"] as const) {
      const given = values.map((value) => series(value));
      const there = measured({ series: given, aggregate }).value;
      expect(measured({ series: given.toReversed(), aggregate }).value).toBe(there);
      expect(measured({ series: [...given.slice(3), ...given.slice(0, 3)], aggregate }).value).toBe(there);
    }
  });

  test("a mean stays a number where the sum is beyond doubles", () => {
    expect(measured({ series: [series(1.5e308, 1.5e308)], aggregate: "avg" }).value).toBe(1.5e308);
  });
});

describe("not knowing is neither a pass nor a failure", () => {
  test("no series, no samples, only NaN: no data", () => {
    for (const given of [[], [series()], [series(Number.NaN, Number.NaN)], [series(Number.NaN), series()]]) {
      for (const bound of [{ lte: 0 }, { gte: 0 }, undefined]) {
        const expectation = bound === undefined ? {} : { expect: bound };
        expect(measured({ series: given, ...expectation })).toMatchObject({ ...noData, value: null });
        expect(measured({ series: given, ...expectation, noData: "fail" })).toMatchObject({
          verdict: "fail",
          reason: "no-data",
        });
        expect(measured({ series: given, ...expectation, noData: "pass" }).verdict).toBe("pass");
      }
    }
  });

  test("too old is stale, up to the millisecond", () => {
    const old: Series = { labels: {}, samples: [{ atMs: nowMs - 500, value: 1 }] };
    expect(measured({ series: [old], maxAgeMs: 500 }).verdict).toBe("pass");
    expect(measured({ series: [old], maxAgeMs: 499 })).toMatchObject({
      verdict: "inconclusive",
      reason: "stale",
    });
    expect(measured({ series: [old], maxAgeMs: 499, nowMs: Number.NaN }).reason).toBe("stale");
  });

  test("too few samples are limited, NaN not counted", () => {
    const given = [series(1, Number.NaN, 1)];
    expect(measured({ series: given, minSamples: 2 }).verdict).toBe("pass");
    expect(measured({ series: given, minSamples: 3 })).toMatchObject({
      verdict: "inconclusive",
      reason: "limited",
    });
  });

  test("both infinities have no sum", () => {
    const given = [series(Number.POSITIVE_INFINITY), series(Number.NEGATIVE_INFINITY)];
    for (const aggregate of ["sum", "avg"] as const) {
      for (const noDataPolicy of ["pass", "fail"] as const) {
        expect(measured({ series: given, aggregate, noData: noDataPolicy })).toMatchObject({
          verdict: "inconclusive",
          reason: "ambiguous",
        });
      }
    }
  });

  test("a bound that is no number is an error", () => {
    const given = { series: [series(1)], aggregate: "single" as const };
    expect(measured({ ...given, expect: { lte: Number.NaN } })).toMatchObject({
      verdict: "error",
      reason: "malformed",
    });
    expect(
      measured({ ...given, baseline: [series(1)], compare: { ratio: { gt: Number.NaN } } }).message,
    ).toContain("ratio.gt");
  });
});

describe("expectations", () => {
  test.each([
    [{ gte: 2 }, true],
    [{ gt: 2 }, false],
    [{ lte: 2 }, true],
    [{ lt: 2 }, false],
    [{ eq: 2 + 1e-10 }, true],
    [{ eq: 2 + 1e-8 }, false],
    [{ gte: 1, lte: 3 }, true],
    [{ gte: 1, lt: 2 }, false],
  ] as const)("2 under %j", (expectation, passes) => {
    expect(measured({ series: [series(2)], expect: expectation }).verdict).toBe(passes ? "pass" : "fail");
  });

  test("infinities compare, and are written so that JSON holds them", () => {
    const infinite = measured({ series: [series(Number.POSITIVE_INFINITY)], expect: { lte: 5 } });
    expect(infinite).toMatchObject({ verdict: "fail", reason: "threshold", value: Number.POSITIVE_INFINITY });
    const below = { series: [series(Number.NEGATIVE_INFINITY)], expect: { eq: Number.NEGATIVE_INFINITY } };
    expect(measured(below)).toMatchObject({ verdict: "pass", evidence: { expected: { eq: "-Inf" } } });
    expect(JSON.parse(JSON.stringify(infinite.evidence))).toEqual(infinite.evidence);
  });

  test("the message names the number, the bound and what it was made of", () => {
    expect(
      measured({ series: [series(9, 7), series(3)], aggregate: "max", expect: { lte: 8 } }).message,
    ).toBe("9 (max of 3 samples in 2 series) is not at most 8");
    expect(measured({ series: [series(7)], expect: { lte: 8 } }).message).toBe("7 is at most 8");
  });
});

describe("in a row", () => {
  test("the newest samples must all hold, and older ones need not", () => {
    const given = { series: [series(9, 9, 1, 1)], expect: { lte: 5 } };
    expect(measured({ ...given, consecutive: 2 }).verdict).toBe("pass");
    expect(measured({ ...given, consecutive: 3 })).toMatchObject({ verdict: "fail", reason: "threshold" });
    expect(measured({ ...given, consecutive: 5 })).toMatchObject({
      verdict: "inconclusive",
      reason: "limited",
    });
  });

  test("of several series it is the aggregate at each time", () => {
    const given = {
      series: [series(1, 1, 1), series(9, 1, 1)],
      expect: { lte: 2 },
      aggregate: "sum" as const,
    };
    expect(measured({ ...given, consecutive: 2 }).verdict).toBe("pass");
    expect(measured({ ...given, consecutive: 3 }).verdict).toBe("fail");
  });

  test("a time at which both infinities meet is not known", () => {
    const { POSITIVE_INFINITY: over, NEGATIVE_INFINITY: under } = Number;
    const given = [series(over, 1), series(under, 1)];
    expect(measured({ series: given, aggregate: "sum", expect: { lte: 5 }, consecutive: 2 })).toMatchObject({
      verdict: "inconclusive",
      reason: "ambiguous",
    });
  });
});

describe("beside a baseline", () => {
  const compare = { ratio: { lte: 1.5 }, absolute: { lte: 10 } };
  test("ratio and difference must both hold", () => {
    const against = (now: number, before: number) =>
      measured({ series: [series(now)], baseline: [series(before)], compare });
    expect(against(30, 20)).toMatchObject({
      verdict: "pass",
      value: 30,
      evidence: { baseline_value: 20, ratio: 1.5, difference: 10 },
    });
    expect(against(32, 20).verdict).toBe("fail");
    expect(against(130, 119).verdict).toBe("fail");
  });

  test("nothing has a ratio to zero or to nothing", () => {
    const ratio = (baseline: readonly Series[] | undefined, bound: Expectation) =>
      measured({
        series: [series(1)],
        compare: { ratio: bound },
        noData: "pass",
        ...(baseline === undefined ? {} : { baseline }),
      });
    for (const baseline of [[series(0)], [series(-0)], [series(Number.NaN)], [series()], [], undefined]) {
      for (const bound of [{ gte: 0 }, { lte: 1e300 }]) expect(ratio(baseline, bound)).toMatchObject(noData);
    }
    const infinite = Number.POSITIVE_INFINITY;
    expect(
      measured({ series: [series(infinite)], baseline: [series(1)], compare: { ratio: { gte: 1 } } }),
    ).toMatchObject({ verdict: "inconclusive", reason: "ambiguous" });
  });

  test("the baseline too must be one series of enough samples", () => {
    const given = { series: [series(1, 1)], compare: { absolute: { lte: 1 } }, minSamples: 2 };
    expect(measured({ ...given, baseline: [series(1), series(2)] }).reason).toBe("ambiguous");
    expect(measured({ ...given, baseline: [series(1)] }).reason).toBe("limited");
    expect(measured({ ...given, baseline: [series(1, 2)] }).verdict).toBe("pass");
  });

  test("what is violated fails, whatever the baseline does not tell", () => {
    const given = { series: [series(9)], compare: { ratio: { lte: 2 } } };
    expect(measured({ ...given, baseline: [], expect: { lte: 5 } }).verdict).toBe("fail");
    expect(measured({ ...given, baseline: [], expect: { lte: 10 } }).verdict).toBe("inconclusive");
  });
});

const anyValue = fc.oneof(
  fc.double(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
);
const anySeries = fc.record({
  labels: fc.constant({}),
  samples: fc.array(fc.record({ atMs: fc.integer({ min: nowMs - 9, max: nowMs }), value: anyValue }), {
    maxLength: 6,
  }),
});
const anySeriesList = fc.array(anySeries, { maxLength: 4 });
const anyExpectation = fc.record(
  {
    gte: fc.integer(),
    gt: fc.double(),
    lte: fc.integer({ min: -3, max: 3 }),
    lt: fc.double(),
    eq: fc.integer(),
  },
  { requiredKeys: [] },
);
const anyMeasure: fc.Arbitrary<Measure> = fc
  .record({
    series: anySeriesList,
    aggregate: fc.constantFrom(...aggregates),
    baseline: fc.option(anySeriesList, { nil: undefined }),
    expect: fc.option(anyExpectation, { nil: undefined }),
    ratio: fc.option(anyExpectation, { nil: undefined }),
    absolute: fc.option(anyExpectation, { nil: undefined }),
    compared: fc.boolean(),
    minSamples: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    maxAgeMs: fc.option(fc.integer({ min: 0, max: 9 }), { nil: undefined }),
    consecutive: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
  })
  .map(({ ratio, absolute, compared, ...rest }) => ({
    ...withoutUndefined(rest),
    series: rest.series,
    aggregate: rest.aggregate,
    nowMs,
    ...(compared ? { compare: withoutUndefined({ ratio, absolute }) } : {}),
  }));

type Defined<Given> = { [Key in keyof Given]?: Exclude<Given[Key], undefined> };
function withoutUndefined<Given extends object>(given: Given): Defined<Given>;
function withoutUndefined(given: object): object {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

describe("of any input", () => {
  test("without a number there is no pass and no failure, unless that was said", () => {
    const empty = fc.array(
      anySeries.map((one) => ({
        ...one,
        samples: one.samples.map(({ atMs }) => ({ atMs, value: Number.NaN })),
      })),
    );
    fc.assert(
      fc.property(anyMeasure, empty, (input, nothing) => {
        const { verdict } = measure({ ...input, series: nothing });
        expect(["inconclusive", "error"]).toContain(verdict);
        expect(["fail", "error"]).toContain(measure({ ...input, series: nothing, noData: "fail" }).verdict);
      }),
    );
  });

  test("more NaN never makes a pass of what was none", () => {
    const places = fc.array(fc.tuple(fc.nat(), fc.integer({ min: nowMs - 9, max: nowMs })));
    fc.assert(
      fc.property(anyMeasure, places, fc.nat(2), (input, added, emptySeries) => {
        const grown = [
          ...input.series.map((one, at) => ({
            ...one,
            samples: [
              ...added
                .filter(([which]) => which % input.series.length === at)
                .map(([, atMs]) => ({ atMs, value: Number.NaN })),
              ...one.samples,
            ],
          })),
          ...Array.from({ length: emptySeries }, () => series(Number.NaN)),
        ];
        const before = measure(input).verdict;
        const after = measure({ ...input, series: grown }).verdict;
        if (before !== "pass") expect(after).not.toBe("pass");
        if (before !== "fail") expect(after).not.toBe("fail");
      }),
    );
  });

  test("the order of series and of samples is of no consequence", () => {
    const inSomeOrder = <Item>(items: readonly Item[], seed: number): readonly Item[] =>
      fc.sample(fc.shuffledSubarray([...items], { minLength: items.length }), { numRuns: 1, seed })[0] ?? [];
    const shuffled = (list: readonly Series[], seed: number) =>
      inSomeOrder(list, seed).map((one) => ({ ...one, samples: inSomeOrder(one.samples, seed) }));
    fc.assert(
      fc.property(anyMeasure, fc.integer(), (input, seed) => {
        const again = {
          ...input,
          series: shuffled(input.series, seed),
          ...(input.baseline === undefined ? {} : { baseline: shuffled(input.baseline, seed + 1) }),
        };
        expect(measure(again)).toEqual(measure(input));
      }),
    );
  });

  test("an expectation and its negation never give the same verdict on what was seen", () => {
    const bound = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }));
    fc.assert(
      fc.property(anySeriesList, fc.constantFrom(...aggregates), bound, (given, aggregate, at) => {
        const verdictUnder = (expectation: Expectation) =>
          measure({ series: given, aggregate, expect: expectation, nowMs }).verdict;
        for (const [one, other] of [
          [{ gte: at }, { lt: at }],
          [{ lte: at }, { gt: at }],
        ] as const) {
          const verdicts = [verdictUnder(one), verdictUnder(other)].sort();
          expect([
            ["fail", "pass"],
            ["inconclusive", "inconclusive"],
          ]).toContainEqual(verdicts);
        }
      }),
    );
  });

  test("the evidence is JSON as it stands, and nothing is thrown", () => {
    fc.assert(
      fc.property(anyMeasure, (input) => {
        const { evidence, message } = measure(input);
        expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence);
        expect(message).not.toBe("");
      }),
    );
  });
});
