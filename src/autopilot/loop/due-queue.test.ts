/** Which scope is due when, and who has a place. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { DueQueue } from "./due-queue.ts";
import { Places } from "./places.ts";

test("the one that is due longest comes first, each once, however often it was set, hastened or removed", () => {
  const key = fc.integer({ min: 0, max: 12 }).map(String);
  const step = fc.oneof(
    fc.tuple(fc.constantFrom("set", "hasten"), key, fc.nat(100)),
    fc.tuple(fc.constantFrom("delete"), key, fc.constant(0)),
    fc.tuple(fc.constantFrom("take"), fc.constant(""), fc.nat(100)),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const queue = new DueQueue();
      const model = new Map<string, number>();
      for (const [what, name, atMs] of steps) {
        const before = model.get(name);
        switch (what) {
          case "set":
            queue.set(name, atMs);
            model.set(name, atMs);
            break;
          case "hasten":
            queue.hasten(name, atMs);
            model.set(name, Math.min(atMs, before ?? atMs));
            break;
          case "delete":
            queue.delete(name);
            model.delete(name);
            break;
          default: {
            const taken = queue.take(atMs);
            const dueMs = taken === undefined ? undefined : model.get(taken);
            const first = model.size === 0 ? undefined : Math.min(...model.values());
            expect(dueMs).toBe(first !== undefined && first <= atMs ? first : undefined);
            if (taken !== undefined) model.delete(taken);
          }
        }
        expect(queue.nextDueMs()).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        for (const [name, dueMs] of model) expect(queue.dueMs(name)).toBe(dueMs);
      }
    }),
    { numRuns: 100 },
  );
});

test("places are given back once, and whoever came for a long step is called in the order of coming", () => {
  let freed = 0;
  const places = new Places(
    () => 1,
    () => {
      freed += 1;
    },
  );
  const leave = places.takeVisit();
  expect(places.hasVisitPlace()).toBe(false);
  leave();
  leave();
  expect([freed, places.hasVisitPlace()]).toEqual([1, true]);
  places.takeVisit();
  expect(places.hasVisitPlace()).toBe(false);
  const end = places.takeStep("a");
  expect([places.takeStep("b"), places.takeStep("c"), places.called()]).toEqual([undefined, undefined, []]);
  end?.();
  expect(places.called()).toEqual(["b"]);
});
