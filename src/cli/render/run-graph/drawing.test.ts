import { expect, test } from "bun:test";
import fc from "fast-check";
import { drawn } from "../../../picture/arbitrary.fixture.ts";
import { criticalPath } from "../../../picture/critical-path.ts";
import { styleOf } from "../style.ts";
import { width } from "../text.ts";
import { drawGraph } from "./drawing.ts";

const plain = styleOf(false);

test("no line of a drawing is as wide as the terminal, and where it fits every step is in it once", () => {
  fc.assert(
    fc.property(drawn, fc.integer({ min: 20, max: 300 }), (run, columns) => {
      const picture = { ...run, criticalPath: criticalPath(run) };
      const lines = drawGraph(picture, columns, plain);
      for (const line of lines ?? []) expect(width(line)).toBeLessThan(columns);
      const text = ` ${lines?.join(" \n ")} `;
      if (lines !== undefined && columns > 250)
        for (const { name } of run.steps) expect(text.split(` ${name} `).length).toBe(2);
    }),
  );
});

test("colours change no character of a drawing", () => {
  fc.assert(
    fc.property(drawn, (run) => {
      const picture = { ...run, criticalPath: criticalPath(run) };
      const painted = drawGraph(picture, 300, styleOf(true))?.map((line) => Bun.stripANSI(line));
      expect(painted ?? []).toEqual([...(drawGraph(picture, 300, plain) ?? [])]);
    }),
  );
});

test("steps that wait for each other are joined by lines", () => {
  const step = (name: string, layer: number) =>
    ({ actionId: name, name, label: name, layer, phase: "succeeded", attempts: [] }) as const;
  const steps = [step("a", 0), step("b", 1), step("c", 1), step("d", 2)];
  const edges = [
    [0, 1],
    [0, 2],
    [1, 3],
    [2, 3],
  ].map(([from = 0, to = 0]) => ({ from, to, kinds: ["depends_on"] }));
  const lines = drawGraph({ steps, edges, criticalPath: [], asOfMs: 0 }, 60, plain);
  expect(lines?.[0] ?? "").toMatch(/┬─ ✓ b succeeded ─┬|┌─ ✓ b succeeded ─┐/);
  expect(lines?.at(-1) ?? "").toMatch(/└─ ✓ c succeeded ─┘/);
});
