/** Steps from any copies to any wish, carried out on a table instead of on processes. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { type Copy, type Step, stepsFor, type Wish } from "./steps.ts";

const states = ["running", "sick", "due", "waiting", "ended"] as const;

const someCopies = fc
  .uniqueArray(fc.nat(8), { maxLength: 6 })
  .chain((slots) =>
    fc.tuple(
      ...slots.map((slot) =>
        fc.record({ slot: fc.constant(slot), current: fc.boolean(), state: fc.constantFrom(...states) }),
      ),
    ),
  );

const someWish: fc.Arbitrary<Wish> = fc.record({
  updated: fc.nat(5),
  previous: fc.nat(3),
  beside: fc.boolean(),
  revive: fc.boolean(),
});

interface Table {
  readonly copies: Map<number, Copy>;
  readonly most: number;
}

/** @throws where a slot is used twice, or one is ended that is not there */
function carriedOut(copies: readonly Copy[], steps: readonly Step[]): Table {
  const table = new Map(copies.map((copy) => [copy.slot, copy]));
  let most = table.size;
  const start = (slot: number) => {
    if (table.has(slot)) throw new Error(`slot ${slot} is taken`);
    table.set(slot, { slot, current: true, state: "running" });
    most = Math.max(most, table.size);
  };
  const stop = (slot: number) => {
    if (!table.delete(slot)) throw new Error(`nothing in slot ${slot}`);
  };
  for (const step of steps) {
    if (step.kind === "start") start(step.slot);
    else if (step.kind === "stop") stop(step.slot);
    else if (step.kind === "restart") {
      stop(step.slot);
      start(step.slot);
    } else if (step.kind === "replace") {
      start(step.slot);
      stop(step.from);
    }
  }
  return { copies: table, most };
}

test("whatever stands, afterwards there are the copies asked for, and of the others no more than asked for", () => {
  fc.assert(
    fc.property(someCopies, someWish, (copies, wish) => {
      const after = [...carriedOut(copies, stepsFor(copies, wish)).copies.values()];
      const olds = copies.filter(({ current }) => !current).length;
      expect(after.filter(({ current }) => current).length).toBe(wish.updated);
      expect(after.filter(({ current }) => !current).length).toBe(Math.min(wish.previous, olds));
    }),
  );
});

test("what may not run beside another never does: there are never more copies than before and after", () => {
  fc.assert(
    fc.property(someCopies, someWish, (copies, wish) => {
      const { most, copies: after } = carriedOut(copies, stepsFor(copies, { ...wish, beside: false }));
      expect(most).toBeLessThanOrEqual(Math.max(copies.length, after.size));
    }),
  );
});

test("asked for what stands, nothing is started and nothing is ended", () => {
  fc.assert(
    fc.property(someCopies, someWish, (copies, wish) => {
      const first = stepsFor(copies, wish);
      const standing = [...carriedOut(copies, first).copies.values()].map(
        (copy): Copy => ({ ...copy, state: "running" }),
      );
      const again = stepsFor(standing, {
        ...wish,
        previous: standing.filter((copy) => !copy.current).length,
      });
      expect(again.every(({ kind }) => kind === "keep")).toBe(true);
    }),
  );
});

test("a copy that waits for its next start is left waiting, unless somebody asked anew", () => {
  const waiting: Copy[] = [{ slot: 0, current: true, state: "waiting" }];
  const wish = { updated: 1, previous: 0, beside: false };
  expect(stepsFor(waiting, { ...wish, revive: false })).toEqual([{ kind: "keep", slot: 0 }]);
  expect(stepsFor(waiting, { ...wish, revive: true })).toEqual([{ kind: "restart", slot: 0 }]);
});
