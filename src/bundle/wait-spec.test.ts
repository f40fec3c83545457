import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromPlain } from "../json/plain.ts";
import { limits } from "../limits.ts";
import { readWait } from "./wait-spec.ts";

function read(plain: unknown) {
  return readWait(fromPlain(plain));
}

const ms = fc.integer({ min: 1, max: limits.waitMsMax });

test("a wait for a signal, a duration or an instant is read as it is written", () => {
  expect(read({ signal: "go" })).toEqual({
    kind: "wait",
    for: { kind: "signal", name: "go", approval: false },
  });
  expect(read({ signal: "go", approval: true, timeout_ms: 5 })).toEqual({
    kind: "wait",
    for: { kind: "signal", name: "go", approval: true, timeoutMs: 5 },
  });
  expect(read({ until: "2030-01-31T12:00:00+01:00" })).toEqual({
    kind: "wait",
    for: { kind: "instant", atMs: Date.UTC(2030, 0, 31, 11) },
  });
  fc.assert(
    fc.property(ms, (durationMs) => {
      expect(read({ duration_ms: durationMs })).toEqual({
        kind: "wait",
        for: { kind: "duration", durationMs },
      });
    }),
  );
});

test("what is no wait is malformed and says why, never a wait without end", () => {
  const wrong: unknown[] = [
    undefined,
    null,
    "go",
    [],
    {},
    { signal: "" },
    { signal: "a b" },
    { signal: 1 },
    { signal: "go", duration_ms: 1 },
    { signal: "go", approval: "yes" },
    { signal: "go", timeout_ms: 0 },
    { signal: "go", timeout_ms: "5" },
    { signal: "go", timeout: 5 },
    { duration_ms: 0 },
    { duration_ms: -1 },
    { duration_ms: 1.5 },
    { duration_ms: limits.waitMsMax + 1 },
    { duration_ms: 1, approval: true },
    { until: "2030-01-31" },
    { until: "2030-01-31T12:00:00" },
    { until: "2030-13-31T12:00:00Z" },
    { until: 5 },
  ];
  for (const value of wrong) {
    const route = value === undefined ? readWait(undefined) : read(value);
    expect(route).toMatchObject({ kind: "malformed", wanted: "wait", why: expect.stringContaining("") });
  }
});

test("any JSON at all is a wait within its bounds or malformed", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const route = read(value);
      expect(["wait", "malformed"]).toContain(route.kind);
    }),
  );
});
