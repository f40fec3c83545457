/** How two revisions of a resource change places, for every number of copies. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { nextSplit, partOf, roomOf, type Split, sameSplit } from "./copies.ts";

const rooms = fc
  .record({
    wanted: fc.integer({ min: 1, max: 40 }),
    surge: fc.integer({ min: 0, max: 10 }),
    unavailable: fc.integer({ min: 0, max: 10 }),
  })
  .filter(({ surge, unavailable }) => surge + unavailable > 0);

test("from any share to any larger one, with enough copies ready and not too many at every moment, in bounded steps", () => {
  fc.assert(
    fc.property(rooms, fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 3 }), (room, shares) => {
      const { wanted, surge, unavailable } = room;
      const goals = [...shares.map((share) => Math.min(share, wanted)).sort((a, b) => a - b), wanted];
      let at: Split = { updated: 0, previous: wanted };
      for (const updated of goals) {
        const goal = { updated, previous: wanted - updated };
        for (let turn = 0; !sameSplit(at, goal); turn += 1) {
          expect(turn).toBeLessThan(2 * wanted + 2);
          const asked = nextSplit(at, goal, room);
          // Those just started are not ready yet, those of before are.
          expect(at.updated + asked.previous).toBeGreaterThanOrEqual(wanted - unavailable);
          expect(asked.updated + asked.previous).toBeLessThanOrEqual(wanted + surge);
          expect(sameSplit(asked, at)).toBe(false);
          at = asked;
        }
      }
    }),
  );
});

test("the way back from any moment keeps as many ready as the way there", () => {
  fc.assert(
    fc.property(rooms, fc.nat(10), (room, turns) => {
      const { wanted, surge, unavailable } = room;
      const all = { updated: wanted, previous: 0 };
      let at: Split = { updated: 0, previous: wanted };
      for (let turn = 0; turn < turns; turn += 1) at = nextSplit(at, all, room);
      let back: Split = { updated: at.previous, previous: at.updated };
      for (let turn = 0; !sameSplit(back, all); turn += 1) {
        expect(turn).toBeLessThan(2 * wanted + 2);
        const asked = nextSplit(back, all, room);
        expect(asked.updated + asked.previous).toBeLessThanOrEqual(wanted + surge);
        expect(back.updated + asked.previous).toBeGreaterThanOrEqual(
          Math.min(back.updated + back.previous, wanted - unavailable),
        );
        back = asked;
      }
    }),
  );
});

test("surge is rounded up, what may be missing down, and something can always be changed", () => {
  const room = (surge: number, missing: number) =>
    roomOf(
      {
        ...base,
        maxSurge: surge === 0 ? { count: 0 } : { share: surge },
        maxUnavailable: { share: missing },
      },
      3,
    );
  expect(room(0.25, 0.25)).toEqual({ wanted: 3, surge: 1, unavailable: 0 });
  expect(room(0, 0.25)).toEqual({ wanted: 3, surge: 0, unavailable: 1 });
  expect(room(1, 0.67)).toEqual({ wanted: 3, surge: 3, unavailable: 2 });
});

test("a part is at least one and at most all, and is not made larger by the arithmetic of doubles", () => {
  expect(partOf({ share: 0.07 }, 100)).toBe(7);
  expect(partOf({ share: 0.01 }, 3)).toBe(1);
  expect(partOf({ count: 9 }, 3)).toBe(3);
  expect(partOf({ share: 0.5 }, 0)).toBe(0);
});

const base: Parameters<typeof roomOf>[0] = {
  kind: "rolling",
  of: "resources",
  steps: [],
  maxSurge: { count: 1 },
  maxUnavailable: { count: 0 },
  parallel: 1,
  approval: false,
  health: {
    gate: "permissive",
    unknownGraceMs: 0,
    minHealthyMs: 0,
    healthyDeadlineMs: 1,
    progressDeadlineMs: 1,
  },
  abortOn: [],
  inconclusiveOn: [],
  rollbackOnFailure: true,
  pauseDeadlineMs: 1,
};
