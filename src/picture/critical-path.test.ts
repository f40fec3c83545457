import { expect, test } from "bun:test";
import fc from "fast-check";
import { drawn } from "./arbitrary.fixture.ts";
import { criticalLegs, criticalPath } from "./critical-path.ts";

test("the path is a chain of edges that ends with the step that ended last", () => {
  fc.assert(
    fc.property(drawn, (run) => {
      const path = criticalPath(run);
      const ends = run.steps.map(({ attempts }) => attempts.at(-1)?.endedAtMs ?? Number.NEGATIVE_INFINITY);
      const begun = run.steps.some(({ attempts }) => attempts.length > 0);
      expect(path.length > 0).toBe(begun);
      if (!begun) return;
      expect(ends[path.at(-1) ?? -1]).toBe(Math.max(...ends));
      for (const [at, to] of path.slice(1).entries()) {
        expect(run.edges.some((edge) => edge.from === path[at] && edge.to === to)).toBe(true);
      }
    }),
  );
});

test("no step of the path waited for another one longer than for the one before it on the path", () => {
  fc.assert(
    fc.property(drawn, (run) => {
      const path = criticalPath(run);
      const endOf = (number: number) => run.steps[number]?.attempts.at(-1)?.endedAtMs ?? 0;
      for (const [at, number] of path.entries()) {
        const needed = run.edges.filter(({ to }) => to === number).map(({ from }) => endOf(from));
        const before = path[at - 1];
        if (before === undefined) expect(needed).toEqual([]);
        else expect(endOf(before)).toBe(Math.max(...needed));
      }
    }),
  );
});

test("its legs fill the time from the run's beginning to its last end without a gap", () => {
  fc.assert(
    fc.property(drawn, (run) => {
      const legs = criticalLegs(criticalPath(run), run.steps, run.startedAtMs, run.asOfMs);
      let at = run.startedAtMs;
      for (const { readyAtMs, startedAtMs, endedAtMs } of legs) {
        expect(readyAtMs).toBe(at);
        expect(startedAtMs).toBeGreaterThanOrEqual(readyAtMs);
        expect(endedAtMs).toBeGreaterThanOrEqual(startedAtMs);
        at = endedAtMs;
      }
      const ends = run.steps.flatMap(({ attempts }) => attempts.at(-1)?.endedAtMs ?? []);
      if (ends.length > 0) expect(at).toBe(Math.max(...ends));
    }),
  );
});

test("a step that goes on ends where the picture ends", () => {
  const steps = [
    { attempts: [{ number: 1, startedAtMs: 10, endedAtMs: 20 }] },
    { attempts: [{ number: 1, startedAtMs: 25 }] },
  ];
  const path = criticalPath({ steps, edges: [{ from: 0, to: 1 }], asOfMs: 90 });
  expect(criticalLegs(path, steps, 5, 90)).toEqual([
    { step: 0, readyAtMs: 5, startedAtMs: 10, endedAtMs: 20 },
    { step: 1, readyAtMs: 20, startedAtMs: 25, endedAtMs: 90 },
  ]);
});

test("edges that lead in a circle lead nowhere for ever", () => {
  const attempts = [{ number: 1, startedAtMs: 1, endedAtMs: 2 }];
  const edges = [
    { from: 0, to: 1 },
    { from: 1, to: 0 },
  ];
  expect(criticalPath({ steps: [{ attempts }, { attempts }], edges, asOfMs: 9 }).length).toBe(2);
});
