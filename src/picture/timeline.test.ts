import { expect, test } from "bun:test";
import fc from "fast-check";
import { drawn } from "./arbitrary.fixture.ts";
import { axisTicks, timelineOf } from "./timeline.ts";

test("the stretches of a step follow each other without gap or overlap, within the run", () => {
  fc.assert(
    fc.property(drawn, ({ steps, edges, startedAtMs, asOfMs }) => {
      const timeline = timelineOf({ run: { startedAtMs }, steps, edges, asOfMs });
      expect(timeline.rows.map(({ step }) => step).toSorted((a, b) => a - b)).toEqual(
        [...steps.keys()].filter((number) => (steps[number]?.attempts.length ?? 0) > 0),
      );
      for (const { step, stretches } of timeline.rows) {
        for (const [at, { fromMs, toMs }] of stretches.entries()) {
          expect(toMs).toBeGreaterThanOrEqual(fromMs);
          if (at > 0) expect(fromMs).toBe(stretches[at - 1]?.toMs ?? Number.NaN);
        }
        expect(stretches[0]?.fromMs).toBeGreaterThanOrEqual(timeline.fromMs);
        expect(stretches.at(-1)?.toMs).toBeLessThanOrEqual(timeline.toMs);
        const works = stretches.filter(({ kind }) => kind === "work");
        const attempts = steps[step]?.attempts ?? [];
        expect(works.map(({ fromMs, toMs }) => [fromMs, toMs])).toEqual(
          attempts.map(({ startedAtMs: from, endedAtMs: to }) => [from, to ?? asOfMs]),
        );
      }
    }),
  );
});

test("a wait for a signal is told apart from work, and what goes on ends now", () => {
  const step = { actionId: "a", name: "a", label: "a", layer: 0 } as const;
  const waits = {
    ...step,
    phase: "suspended",
    attempts: [{ number: 1, startedAtMs: 10, waitedFromMs: 15 }],
  } as const;
  const tries = {
    ...step,
    phase: "retrying",
    attempts: [{ number: 1, startedAtMs: 10, endedAtMs: 20, end: "failed" }],
  } as const;
  const { rows } = timelineOf({ run: { startedAtMs: 10 }, steps: [waits, tries], edges: [], asOfMs: 40 });
  expect(rows[0]?.stretches).toEqual([
    { kind: "work", fromMs: 10, toMs: 15 },
    { kind: "wait", fromMs: 15, toMs: 40 },
  ]);
  expect(rows[1]?.stretches).toEqual([
    { kind: "work", fromMs: 10, toMs: 20, end: "failed" },
    { kind: "retry", fromMs: 20, toMs: 40 },
  ]);
});

test("ticks are round, begin at nothing and never leave the axis", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 400 * 86_400_000 }), (lengthMs) => {
      const ticks = axisTicks(lengthMs, 6);
      expect(ticks[0]).toBe(0);
      expect(ticks.length).toBeLessThanOrEqual(13);
      expect(ticks.at(-1)).toBeLessThanOrEqual(lengthMs);
    }),
  );
});
