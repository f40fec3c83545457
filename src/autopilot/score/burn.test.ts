import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { attempt, entriesOf, outcome, scope } from "../../../test/autopilot/made-entries.ts";
import { prettyJson } from "../../json/canonical.ts";
import type { SloDefinition } from "../config/model.ts";
import { type Burn, burnOf, tiersOf } from "./burn.ts";
import { burnJson } from "./burn-json.ts";
import { measuredOf } from "./samples.ts";

const minute = 60_000;
const day = 86_400_000;
const nowMs = 400 * day;
const standing: SloDefinition = {
  id: "standing",
  indicator: "standing",
  objective: 0.99,
  periodMs: 30 * day,
  minSamples: 100,
};

/** One look a minute in buckets of five minutes, of which `badOf` says how many were bad. */
function looks(lengthMs: number, badOf: (agoMs: number) => number) {
  const tallies = [];
  for (let agoMs = 5 * minute; agoMs <= lengthMs; agoMs += 5 * minute) {
    const drifted = badOf(agoMs);
    tallies.push({ scope, fromMs: nowMs - agoMs, standing: 5 - drifted, drifted, unseen: 0 });
  }
  return tallies.reverse();
}

test("the tiers are those of the workbook at 30 days, and the same shares of any other period", () => {
  expect(
    tiersOf(30 * day).map(({ shortMs, longMs, factor }) => [shortMs / minute, longMs / minute, factor]),
  ).toEqual([
    [5, 60, 14.4],
    [30, 360, 6],
    [120, 1_440, 3],
    [360, 4_320, 1],
  ]);
  for (const { longMs, shortMs, factor } of tiersOf(90 * day)) {
    // 2 %, 5 %, 10 % and 10 % of the budget within the long window.
    expect([0.02, 0.05, 0.1]).toContain(Math.round(((longMs * factor) / (90 * day)) * 1_000) / 1_000);
    expect(longMs / shortMs).toBeGreaterThanOrEqual(4);
  }
  // Nothing finer than a bucket.
  expect(tiersOf(day).every(({ shortMs }) => shortMs >= 5 * minute)).toBe(true);
});

test("a fast fire burns at the fast tier at once, and no more when it is out", () => {
  const fire = burnOf(
    standing,
    measuredOf(
      [],
      looks(2 * day, (ago) => (ago <= 60 * minute ? 5 : 0)),
    ),
    nowMs,
  );
  expect(fire.tiers.map(({ verdict }) => verdict)[0]).toBe("inconclusive");
  const hour = { ...standing, minSamples: 30 };
  const burning = burnOf(
    hour,
    measuredOf(
      [],
      looks(2 * day, (ago) => (ago <= 60 * minute ? 5 : 0)),
    ),
    nowMs,
  );
  expect(burning.tiers[0]).toMatchObject({ name: "5m/1h", verdict: "burning", severity: "page" });
  const out = burnOf(
    hour,
    measuredOf(
      [],
      looks(2 * day, (ago) => (ago <= 60 * minute && ago > 15 * minute ? 5 : 0)),
    ),
    nowMs,
  );
  expect(out.tiers[0]?.verdict).toBe("ok");
  expect(out.tiers[0]?.long.rate ?? 0).toBeGreaterThan(14.4);
});

test("a slow leak shows at the slowest tier alone, with the day on which nothing is left", () => {
  // 2 % bad looks where 1 % is granted: twice as fast as the budget allows, for three days of thirty.
  const leak = burnOf(
    standing,
    measuredOf(
      [],
      looks(3 * day, (ago) => (ago % (50 * minute) === 0 ? 1 : 0)),
    ),
    nowMs,
  );
  expect(leak.tiers.map(({ verdict }) => verdict)).toEqual(["inconclusive", "ok", "ok", "burning"]);
  expect(leak.verdict).toBe("exhausted");
  const healed = burnOf(
    standing,
    measuredOf(
      [],
      looks(30 * day, (ago) => (ago <= 3 * day && ago % (50 * minute) === 0 ? 1 : 0)),
    ),
    nowMs,
  );
  expect(healed.verdict).toBe("burning");
  expect(healed.budgetLeft).toBeCloseTo(0.8, 2);
  expect(healed.exhaustedInMs ?? 0).toBeGreaterThan(10 * day);
});

test("too little is neither good nor bad, and nothing that could not be seen counts", () => {
  const unseen = looks(30 * day, () => 5).map((tally) => ({ ...tally, drifted: 0, unseen: 5 }));
  for (const tallies of [[], looks(30 * minute, () => 5), unseen]) {
    const burn = burnOf(standing, measuredOf([], tallies), nowMs);
    expect(burn.verdict).toBe("inconclusive");
    expect(burn.budgetLeft).toBeNull();
    expect(burn.exhaustedInMs).toBeNull();
    expect(burn.tiers.every(({ verdict }) => verdict === "inconclusive")).toBe(true);
  }
});

test("one bad rollout of few does not page; stopped ones and repairs do not count", () => {
  const rollouts: SloDefinition = {
    ...standing,
    id: "r",
    indicator: "rollouts",
    objective: 0.9,
    minSamples: 5,
  };
  const entries = entriesOf([
    ...attempt({ id: "a", startMs: nowMs - 9 * day, endMs: nowMs - 9 * day, verdict: "kept" }),
    ...attempt({ id: "b", startMs: nowMs - day, endMs: nowMs - day, verdict: "stopped" }),
    ...attempt({ id: "c", startMs: nowMs - day, endMs: nowMs - day, kind: "repair", verdict: "failed" }),
    ...attempt({
      id: "d",
      startMs: nowMs - 1,
      endMs: nowMs,
      verdict: "failed",
      run: outcome({ healthy: false }),
    }),
  ]);
  const burn = burnOf(rollouts, measuredOf(entries, []), nowMs);
  expect(burn.seen).toMatchObject({ good: 1, bad: 1 });
  expect(burn.verdict).toBe("inconclusive");
  expect(burnOf({ ...rollouts, minSamples: 2 }, measuredOf(entries, []), nowMs).verdict).toBe("exhausted");
});

test("whatever was seen, an answer is whole: a share of the budget with a verdict that fits it, and no number without a form", () => {
  const bucket = fc.record({
    agoMs: fc.integer({ min: 0, max: 40 * day }),
    good: fc.nat(500),
    bad: fc.nat(5),
  });
  fc.assert(
    fc.property(
      fc.array(bucket, { maxLength: 60 }),
      fc.constantFrom(0, 0.5, 0.9, 0.999, 1),
      fc.integer({ min: 1, max: 60 }),
      fc.nat(50),
      (buckets, objective, days, minSamples) => {
        const slo = { ...standing, objective, periodMs: days * day, minSamples };
        const tallies = buckets.map(({ agoMs, good, bad }) => ({
          scope,
          fromMs: Math.floor((nowMs - agoMs) / (5 * minute)) * 5 * minute,
          standing: good,
          drifted: bad,
          unseen: 0,
        }));
        const burn: Burn = burnOf(slo, measuredOf([], tallies), nowMs);
        const within = tallies.filter(({ fromMs }) => fromMs >= nowMs - slo.periodMs);
        const bad = within.reduce((sum, one) => sum + one.drifted, 0);
        const all = within.reduce((sum, one) => sum + one.standing, bad);
        expect(burn.seen).toMatchObject({ bad, good: all - bad });
        if (all < Math.max(1, minSamples)) expect(burn.verdict).toBe("inconclusive");
        else if (bad > (1 - objective) * all * (1 + 1e-6)) expect(burn.verdict).toBe("exhausted");
        else if (bad < (1 - objective) * all * (1 - 1e-6)) expect(["ok", "burning"]).toContain(burn.verdict);
        if (burn.exhaustedInMs !== null) expect(burn.exhaustedInMs).toBeGreaterThanOrEqual(0);
        prettyJson(burnJson(burn));
      },
    ),
    { numRuns: 300 },
  );
});

test("however many recompiles there were, they are held in buckets of time, and counted as if each was", () => {
  const ended = fc.record({ agoMs: fc.integer({ min: 0, max: 3 * day }), failed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(ended, { maxLength: 200 }), fc.integer({ min: 1, max: 60 }), (all, hours) => {
      const entries = entriesOf(
        all
          .toSorted((one, other) => other.agoMs - one.agoMs)
          .map(({ agoMs, failed }, at) => [
            nowMs - agoMs,
            {
              type: "recompile_ended",
              attemptId: `r${at}`,
              result: failed ? "failed" : "unchanged",
              durationMs: 1,
            },
          ]),
      );
      const { recompiles } = measuredOf(entries, []);
      expect(new Set(recompiles.map(({ fromMs }) => fromMs)).size).toBe(recompiles.length);
      expect(recompiles.every(({ fromMs }) => fromMs % (5 * minute) === 0)).toBe(true);
      const slo: SloDefinition = { ...standing, indicator: "recompiles", periodMs: hours * 60 * minute };
      // `nowMs` and the period are whole buckets.
      const within = all.filter(({ agoMs }) => agoMs <= slo.periodMs);
      const bad = within.filter(({ failed }) => failed).length;
      expect(burnOf(slo, measuredOf(entries, []), nowMs).seen).toMatchObject({
        good: within.length - bad,
        bad,
      });
    }),
  );
});
