import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { Precedence } from "./precedence.ts";

type Needed = ReadonlyMap<string, readonly { readonly from: string }[]>;

test("what comes before is what a walk over all needs finds, whatever was asked before, circles included", () => {
  const step = fc.integer({ min: 0, max: 9 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, step), { maxLength: 25 }),
      fc.array(fc.tuple(step, step), { minLength: 1, maxLength: 30 }),
      (edges, asked) => {
        const needed: Needed = new Map(
          Array.from({ length: 10 }, (_, id) => [
            String(id),
            edges.filter(([to]) => to === id).map(([, from]) => ({ from: String(from) })),
          ]),
        );
        const precedence = new Precedence(needed);
        for (const [first, id] of asked) {
          const [one, other] = [String(first), String(id)];
          expect(precedence.comesBefore(one, other)).toBe(ancestors(needed, other).has(one));
        }
      },
    ),
  );
});

test("a long chain of which every step takes something of the first is walked once", () => {
  let looks = 0;
  const chain = new Map(
    Array.from(
      { length: 2_000 },
      (_, id) => [String(id), id === 0 ? [] : [{ from: String(id - 1) }]] as const,
    ),
  );
  const counted = new Proxy(chain, {
    get(map, key) {
      if (key !== "get") return Reflect.get(map, key);
      return (id: string) => {
        looks += 1;
        return map.get(id);
      };
    },
  });
  const precedence = new Precedence(counted);
  for (let id = 1; id < 2_000; id += 1) expect(precedence.comesBefore("0", String(id))).toBe(true);
  expect(precedence.comesBefore("1999", "0")).toBe(false);
  expect(looks).toBeLessThan(4_000);
});

function ancestors(needed: Needed, id: string): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [id];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const { from } of needed.get(next) ?? []) {
      if (found.has(from)) continue;
      found.add(from);
      open.push(from);
    }
  }
  return found;
}
