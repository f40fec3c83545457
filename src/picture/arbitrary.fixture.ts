/** Pictures of runs that could have been, for properties: layered graphs with times that follow their edges. Makes data only. */
import fc from "fast-check";
import type { PicturedAttempt, PicturedEdge, PicturedStep } from "./model.ts";

export interface Drawn {
  readonly steps: readonly PicturedStep[];
  readonly edges: readonly PicturedEdge[];
  readonly startedAtMs: number;
  readonly asOfMs: number;
}

const startedAtMs = 1_000_000;

/** Every step begins after all that it needs have ended; some never begin. */
export const drawn: fc.Arbitrary<Drawn> = fc
  .record({
    widths: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 6 }),
    needs: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 40 }),
    works: fc.array(
      fc.record({
        waitMs: fc.nat(50),
        tries: fc.array(fc.record({ gapMs: fc.nat(30), workMs: fc.nat(80) }), { minLength: 1, maxLength: 3 }),
        begins: fc.boolean(),
      }),
      { minLength: 42, maxLength: 42 },
    ),
    afterMs: fc.nat(20),
  })
  .map(({ widths, needs, works, afterMs }) => {
    const layers = widths.flatMap((width, layer) => Array.from({ length: width }, () => layer));
    const pairs = new Map<string, PicturedEdge>();
    for (const [left, right] of needs) {
      const [from, to] = [left % layers.length, right % layers.length].sort((a, b) => a - b);
      if (from === undefined || to === undefined || layers[from] === layers[to]) continue;
      pairs.set(`${from}-${to}`, { from, to, kinds: ["depends_on"] });
    }
    const edges = [...pairs.values()];
    const ends: (number | undefined)[] = [];
    const steps = layers.map((layer, number): PicturedStep => {
      const before = edges.filter(({ to }) => to === number).map(({ from }) => ends[from]);
      const work = works[number];
      const begins =
        work !== undefined && before.every((end) => end !== undefined) && (work.begins || layer === 0);
      const attempts: PicturedAttempt[] = [];
      let at = Math.max(startedAtMs, ...before.map((end) => end ?? 0)) + (work?.waitMs ?? 0);
      for (const [tried, { gapMs, workMs }] of (begins ? work.tries : []).entries()) {
        if (tried > 0) at += gapMs;
        const last = tried === (work?.tries.length ?? 0) - 1;
        attempts.push({
          number: tried + 1,
          startedAtMs: at,
          endedAtMs: at + workMs,
          end: last ? "succeeded" : "failed",
        });
        at += workMs;
      }
      ends.push(attempts.at(-1)?.endedAtMs);
      const name = `s${number}`;
      return { actionId: name, name, label: name, layer, phase: begins ? "succeeded" : "waiting", attempts };
    });
    const last = Math.max(startedAtMs, ...ends.map((end) => end ?? 0));
    return { steps, edges, startedAtMs, asOfMs: last + afterMs };
  });
