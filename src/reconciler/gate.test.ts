/** The documented gates of health (spec reconcile §1.7). */
import { describe, expect, test } from "bun:test";
import type { HealthCondition } from "../providers/contract.ts";
import { gateOf, passes, saysReady } from "./gate.ts";

const permissive = { kind: "permissive", unknownGraceMs: 0 } as const;
const strict = { kind: "strict", unknownGraceMs: 1_000 } as const;
const ready = (type: string, status: HealthCondition["status"]): readonly HealthCondition[] => [
  { type: "other", status: "true" },
  { type, status },
];

test.each([permissive, strict])("healthy passes and a bad health does not, whatever the gate: %j", (gate) => {
  expect(passes(gate, "healthy", [], 9_999)).toBe(true);
  for (const health of ["degraded", "failed"] as const) {
    expect(passes(gate, health, ready("ready", "true"), 0)).toBe(false);
  }
});

describe("unknown", () => {
  test("passes the permissive gate", () => expect(passes(permissive, "unknown", [], 9_999)).toBe(true));

  test("passes the strict one within the grace alone, or ready", () => {
    expect(passes(strict, "unknown", [], 999)).toBe(true);
    expect(passes(strict, "unknown", [], 1_000)).toBe(false);
    expect(passes({ ...strict, unknownGraceMs: 0 }, "unknown", [], 0)).toBe(false);
    expect(passes(strict, "unknown", ready("Ready", "true"), 9_999)).toBe(true);
    for (const status of ["false", "unknown"] as const)
      expect(passes(strict, "unknown", ready("ready", status), 9_999)).toBe(false);
  });
});

test("is ready what says so in any case, and nothing else does", () => {
  expect(saysReady(ready("READY", "true"))).toBe(true);
  expect(saysReady(ready("readyz", "true"))).toBe(false);
  expect(saysReady([])).toBe(false);
});

test("anything but the word strict is permissive, and a grace that is no whole number is none", () => {
  expect(gateOf({ reconcile_health_gate: "Strict", reconcile_health_unknown_grace_ms: 5 })).toEqual({
    kind: "strict",
    unknownGraceMs: 5,
  });
  for (const value of ["", "stricter", true, 1, null])
    expect(gateOf({ reconcile_health_gate: value }).kind).toBe("permissive");
  for (const value of [-1, 1.5, true, "5", null])
    expect(gateOf({ reconcile_health_unknown_grace_ms: value }).unknownGraceMs).toBe(0);
});
