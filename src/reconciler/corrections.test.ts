/** What is known of corrections from the rollouts that are kept. */
import { describe, expect, test } from "bun:test";
import { limits } from "../limits.ts";
import type { RolloutRow } from "../store/contract.ts";
import { correctionsIn } from "./corrections.ts";
import type { FieldDiff } from "./diff.ts";
import { correctionKey, rolloutRow } from "./kept.ts";
import { begin } from "./rollout/machine.ts";
import type { Unit } from "./rollout/model.ts";
import { strategyOf } from "./rollout/strategy.ts";

const nowMs = 10_000_000;
const drift = (path: string, from: number, to: number): FieldDiff => ({
  changes: [{ path, from, to }],
  omitted: 0,
  ignored: [],
});

function row(ageMs: number, unit: Partial<Unit>, correction?: FieldDiff): RolloutRow {
  const startedMs = nowMs - ageMs;
  const rollout = begin({
    rolloutId: `r${ageMs}`,
    runtimeRunId: "rt-1",
    planId: "plan",
    bundleSha256: "b",
    providerId: "p",
    strategy: strategyOf({}, { mode: "enforce", resources: 1 }),
    nowMs: startedMs,
    units: [
      {
        resourceId: "a",
        layer: 0,
        operation: "update",
        targetHash: "new",
        previousHash: "old",
        replicas: null,
      },
    ],
  });
  const units = rollout.units.map((one) => ({ ...one, ...unit }));
  const corrections = correction === undefined ? {} : { a: correctionKey(correction) };
  return rolloutRow({ rollout: { ...rollout, units, phase: "completed" }, corrections }, startedMs);
}

describe("a correction that was made", () => {
  const made = (rows: readonly RolloutRow[], diff: FieldDiff) => correctionsIn(rows, nowMs).made("a", diff);
  const same = drift("/replicas", 7, 2);

  test("counts within the window, for the same field and value, whatever it was changed to", () => {
    const rows = [row(1, { state: "settled" }, same), row(2, { state: "settled" }, drift("/replicas", 9, 2))];
    expect(made(rows, drift("/replicas", 1, 2))).toBe(2);
    expect(made(rows, drift("/replicas", 7, 3))).toBe(0);
    expect(made(rows, drift("/image", 7, 2))).toBe(0);
    expect(correctionsIn(rows, nowMs).made("b", same)).toBe(0);
  });

  test("counts no more when the window is over", () => {
    const edge = row(limits.correctionWindowMs, { state: "settled" }, same);
    expect(made([edge], same)).toBe(1);
    expect(made([row(limits.correctionWindowMs + 1, { state: "settled" }, same)], same)).toBe(0);
  });

  test("counts only where it came to stand", () => {
    expect(made([row(1, { state: "failed" }, same), row(2, { state: "verifying" }, same)], same)).toBe(0);
    expect(made([row(1, { state: "settled" })], same)).toBe(0);
  });
});

describe("a revision", () => {
  const hasStood = (rows: readonly RolloutRow[], hash: string) =>
    correctionsIn(rows, nowMs).hasStood("a", hash);

  test("has stood when it settled, and not by being asked for", () => {
    expect(hasStood([row(1, { state: "settled", touched: true })], "new")).toBe(true);
    for (const state of ["waiting", "changing", "verifying", "failed", "rolled_back"] as const)
      expect(hasStood([row(1, { state })], "new")).toBe(false);
  });

  test("that was gone back to has stood when it was brought back", () => {
    expect(hasStood([row(1, { state: "rolled_back", touched: true })], "old")).toBe(true);
    expect(hasStood([row(1, { state: "rollback_failed", touched: true })], "old")).toBe(false);
  });

  test("is judged by the last rollout that touched it, and is trusted where none is kept", () => {
    const asked = row(5, { state: "changing", targetHash: "old", previousHash: null });
    expect(hasStood([row(1, { state: "waiting" }), asked], "old")).toBe(false);
    const settled = row(5, { state: "settled", targetHash: "old", touched: true });
    expect(hasStood([row(1, { state: "waiting" }), settled], "old")).toBe(true);
    expect(hasStood([], "old")).toBe(true);
    expect(hasStood([row(1, { state: "failed", touched: true })], "elsewhere")).toBe(true);
  });

  test("whose correction failed has stood all the same", () => {
    expect(hasStood([row(1, { state: "failed", touched: true }, drift("/v", 1, 2))], "new")).toBe(true);
  });
});
