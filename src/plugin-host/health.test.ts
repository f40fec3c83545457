import { expect, test } from "bun:test";
import fc from "fast-check";
import { limits } from "../limits.ts";
import { advance, gate, type Health, healthy } from "./health.ts";

function after(faults: number, atMs = 0): Health {
  let health = healthy;
  for (let count = 0; count < faults; count += 1) health = advance(health, { kind: "fault", atMs });
  return health;
}

test("each fault makes the wait longer, up to the circuit, which closes by itself for one try", () => {
  const waits = [1, 2, 3, 4].map((faults) => gate(after(faults), 0));
  expect(waits.map(({ kind }) => kind)).toEqual(["wait", "wait", "wait", "wait"]);
  expect(waits.map(({ waitMs }) => waitMs)).toEqual([100, 200, 400, 800]);
  const broken = after(limits.pluginFaultsInRowMax);
  expect(gate(broken, 0)).toEqual({ kind: "broken", waitMs: limits.pluginCircuitOpenMs });
  expect(gate(broken, limits.pluginCircuitOpenMs).kind).toBe("open");
  const again = advance(broken, { kind: "fault", atMs: limits.pluginCircuitOpenMs });
  expect(gate(again, limits.pluginCircuitOpenMs).kind).toBe("broken");
});

test("one answer makes all well again, whatever was before", () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(), (faults, atMs) => {
      expect(gate(advance(after(faults, atMs), { kind: "answered" }), 0).kind).toBe("open");
    }),
  );
});

test("no wait is longer than the circuit's or the longest back-off", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2_000 }), (faults) => {
      const { waitMs } = gate(after(faults), 0);
      expect(waitMs).toBeGreaterThan(0);
      expect(waitMs).toBeLessThanOrEqual(Math.max(limits.pluginCircuitOpenMs, limits.pluginBackoffMsMax));
    }),
  );
});
