import { expect, test } from "bun:test";
import fc from "fast-check";
import { drawn } from "./arbitrary.fixture.ts";
import { layoutGraph, pageSizes } from "./layout.ts";
import { spread } from "./spread.ts";

const { width, height, gapY } = pageSizes;

test("no two steps overlap, and all are within the drawing", () => {
  const sizes = fc.constantFrom(pageSizes, { ...pageSizes, rowsMax: 2 });
  fc.assert(
    fc.property(drawn, sizes, ({ steps, edges }, size) => {
      const layout = layoutGraph(steps, edges, size);
      for (const [at, place] of layout.places.entries()) {
        expect(place.x).toBeGreaterThanOrEqual(0);
        expect(place.y).toBeGreaterThanOrEqual(0);
        expect(place.x + width).toBeLessThanOrEqual(layout.width + 0.2);
        expect(place.y + height).toBeLessThanOrEqual(layout.height + 0.2);
        for (const other of layout.places.slice(at + 1)) {
          const apart =
            Math.abs(other.x - place.x) >= width || Math.abs(other.y - place.y) >= height + gapY - 0.2;
          expect(apart).toBe(true);
        }
      }
    }),
  );
});

test("every edge goes from the right side of one step to the left side of a later one, forwards all the way", () => {
  fc.assert(
    fc.property(drawn, ({ steps, edges }) => {
      const layout = layoutGraph(steps, edges);
      for (const [at, { from, to }] of edges.entries()) {
        const route = layout.routes[at] ?? [];
        const [start, end] = [layout.places[from], layout.places[to]];
        expect(route[0]).toEqual({
          x: (start?.x ?? 0) + width,
          y: expect.closeTo((start?.y ?? 0) + height / 2),
        });
        expect(route.at(-1)).toEqual({ x: end?.x ?? 0, y: expect.closeTo((end?.y ?? 0) + height / 2) });
        for (const [corner, point] of route.slice(1).entries())
          expect(point.x).toBeGreaterThanOrEqual(route[corner]?.x ?? 0);
      }
    }),
  );
});

test("the same graph always gives the same drawing", () => {
  fc.assert(
    fc.property(drawn, ({ steps, edges }) => {
      expect(layoutGraph(steps, edges)).toEqual(layoutGraph(steps, edges));
    }),
  );
});

test("steps that cross only by their order are put so that they do not", () => {
  const steps = [0, 0, 0, 1, 1, 1].map((layer) => ({ layer }));
  const edges = [
    { from: 0, to: 5 },
    { from: 1, to: 4 },
    { from: 2, to: 3 },
  ];
  const { places } = layoutGraph(steps, edges);
  for (const { from, to } of edges) expect(places[to]?.y).toBe(places[from]?.y ?? Number.NaN);
});

test("a layer of many steps takes several columns, and a plan of ten thousand is laid out", () => {
  const steps = Array.from({ length: 10_000 }, () => ({ layer: 0 }));
  const { layers, places } = layoutGraph(steps, []);
  expect(layers).toEqual([{ x: 0, columns: Math.ceil(10_000 / pageSizes.rowsMax), count: 10_000 }]);
  expect(new Set(places.map(({ x, y }) => `${x} ${y}`)).size).toBe(10_000);
});

test("what is spread keeps its order and its distance, and moves no further than it must", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -100, max: 100 }), { maxLength: 30 }), (wanted) => {
      const places = spread(wanted, 10);
      expect(places.length).toBe(wanted.length);
      for (const [at, place] of places.slice(1).entries())
        expect(place - (places[at] ?? 0)).toBeGreaterThanOrEqual(10 - 1e-9);
      const fits = wanted.every((place, at) => at === 0 || place - (wanted[at - 1] ?? 0) >= 10);
      if (fits) expect(places).toEqual(wanted.map((place) => expect.closeTo(place)));
      const mean = (numbers: readonly number[]) =>
        numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
      if (wanted.length > 0) expect(mean(places)).toBeCloseTo(mean(wanted));
    }),
  );
});
