/** In which order resources stand. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { AkcError } from "../errors.ts";
import { layersOf } from "./order.ts";

const ids = Array.from({ length: 12 }, (_, index) => `r${index}`);
const graphs = fc.tuple(
  ...ids.map((resourceId) =>
    fc.subarray(ids, { maxLength: 3 }).map((dependsOn) => ({ resourceId, dependsOn })),
  ),
);

test("a resource stands one layer above the highest that it needs; and where that cannot be, a real circle is named", () => {
  let circles = 0;
  let orders = 0;
  fc.assert(
    fc.property(graphs, fc.integer({ min: 0, max: 12 }), (graph, size) => {
      const resources = graph.slice(0, size);
      const needs = new Map(resources.map(({ resourceId, dependsOn }) => [resourceId, dependsOn]));
      try {
        const layers = layersOf(resources);
        orders += 1;
        for (const { resourceId, dependsOn } of resources) {
          const below = dependsOn.filter((id) => needs.has(id)).map((id) => layers.get(id) ?? Number.NaN);
          expect(layers.get(resourceId)).toBe(Math.max(-1, ...below) + 1);
        }
      } catch (error) {
        if (!(error instanceof AkcError)) throw error;
        circles += 1;
        expect(error.code).toBe("DEPENDENCY_CYCLE");
        const cycle = error.details["cycle"];
        if (!Array.isArray(cycle)) throw error;
        expect(cycle.length).toBeGreaterThan(1);
        expect(cycle.at(0)).toBe(cycle.at(-1));
        for (const [index, id] of cycle.slice(1).entries()) expect(needs.get(cycle[index])).toContain(id);
      }
    }),
    { numRuns: 300 },
  );
  expect(Math.min(circles, orders)).toBeGreaterThan(20);
});

test("what is named twice is needed once, and what is not there is not waited for", () => {
  const layers = layersOf([
    { resourceId: "web", dependsOn: ["db", "db", "elsewhere"] },
    { resourceId: "db", dependsOn: [] },
  ]);
  expect([...layers].sort()).toEqual([
    ["db", 0],
    ["web", 1],
  ]);
});
