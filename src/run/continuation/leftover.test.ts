import { describe, expect, test } from "bun:test";
import type { RunRow } from "../../store/contract.ts";
import { newRunRow } from "../parts.ts";
import { keptJson, keptOptions } from "./kept-options.ts";
import { leftoverOf } from "./leftover.ts";

const context = {
  scope: { tenantId: "acme", repoId: "shop" },
  runId: "run-1",
  runtimeRunId: "r1",
  mode: "enforce",
  adapterId: "native",
} as const;
const fresh: RunRow = {
  ...newRunRow(context, { bundlePath: "/b.json", bundleSha256: "b" }, "t", 0),
  factsSha256: "f",
  lastSeq: 9,
};
const sealed = { evidenceSeq: 9 };
const all = { from: [], onlyUnfinished: false };
const unfinished = { from: [], onlyUnfinished: true };
const last = "runtime.kernel.loop_finished";

describe("what is left to do", () => {
  test("in a run without an outcome is its work, whoever asks", () => {
    for (const wanted of [all, unfinished]) {
      expect(leftoverOf({ row: fresh, lastEventType: null }, wanted)).toEqual({
        kind: "work",
        why: "abandoned",
      });
    }
  });

  test("in one that was stopped or ran out is its work, but only for somebody who means this run", () => {
    for (const outcome of ["stopped", "exhausted"] as const) {
      const row = { ...fresh, ...sealed, outcome };
      expect(leftoverOf({ row, lastEventType: last }, all)).toEqual({ kind: "work", why: outcome });
      expect(leftoverOf({ row, lastEventType: last }, unfinished)).toEqual({ kind: "nothing" });
      const open = { ...row, evidenceSeq: 8 };
      expect(leftoverOf({ row: open, lastEventType: last }, unfinished)).toEqual({ kind: "evidence" });
    }
  });

  test("in one that failed depends on whether its actions or akc failed", () => {
    const row = { ...fresh, ...sealed, outcome: "failed" } as const;
    expect(leftoverOf({ row, lastEventType: last }, all)).toEqual({ kind: "nothing" });
    const broken = { row, lastEventType: "runtime.kernel.failed" };
    expect(leftoverOf(broken, all)).toEqual({ kind: "work", why: "broken" });
    expect(leftoverOf(broken, unfinished)).toEqual({ kind: "nothing" });
  });

  test("in one whose evidence is not sealed is that; runs of before evidence was sealed are done", () => {
    const row = { ...fresh, outcome: "succeeded" } as const;
    expect(leftoverOf({ row, lastEventType: last }, all)).toEqual({ kind: "evidence" });
    expect(leftoverOf({ row: { ...row, ...sealed }, lastEventType: last }, all)).toEqual({ kind: "nothing" });
    const old = { ...row, factsSha256: null };
    expect(leftoverOf({ row: old, lastEventType: last }, all)).toEqual({ kind: "nothing" });
  });

  test("is always something where a part is to be run again", () => {
    for (const outcome of [null, "succeeded", "failed", "blocked", "stopped", "exhausted"] as const) {
      const begun = { row: { ...fresh, ...sealed, outcome }, lastEventType: last };
      expect(leftoverOf(begun, { from: ["a"], onlyUnfinished: false })).toEqual({
        kind: "work",
        why: "rerun",
      });
    }
  });
});

describe("options of a start", () => {
  test("come back as they were kept", () => {
    const options = {
      policyPath: "/etc/p.yaml",
      requireEffects: true,
      strictIntentAuthority: true,
      maxInFlight: 7,
      coordinationOverrides: { parallelDispatchEnabled: true, maxInFlightSteps: 3, maxInFlightPerRole: 2 },
      deadlineMs: 60_000,
    };
    for (const kept of [options, { ...options, coordinationOverrides: { maxInFlightSteps: 3 } }]) {
      const extra = JSON.stringify({ start_options: keptJson(kept), other: 1 });
      expect(keptOptions({ ...fresh, extra })).toEqual(kept);
    }
  });

  test("of a run of before they were kept are the defaults", () => {
    const defaults = { requireEffects: false, strictIntentAuthority: false, coordinationOverrides: {} };
    expect(keptOptions(fresh)).toEqual(defaults);
    expect(keptOptions({ ...fresh, extra: JSON.stringify({ start_options: keptJson({}) }) })).toEqual(
      defaults,
    );
  });

  test("that nobody can read are damage and no defaults", () => {
    for (const extra of [
      "",
      "[",
      '{"start_options":{"max_in_flight":"many"}}',
      '{"start_options":{"deadline_ms":0}}',
    ]) {
      expect(() => keptOptions({ ...fresh, extra })).toThrow("cannot be read");
    }
    expect(() => keptJson({ policyPath: "p.yaml" })).toThrow();
  });
});
