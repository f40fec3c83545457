/** Restart policies, with ends and times made up. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ReplicaRecord } from "./record.ts";
import { afterExit, backoffMs, isCrashLooping, notStarted, unseenExit, waitLeftMs } from "./restart.ts";
import { readSettings } from "./settings.ts";

function record(
  restart: Readonly<Record<string, unknown>>,
  more: Partial<ReplicaRecord> = {},
): ReplicaRecord {
  const reading = readSettings({ command: ["sleep", "1"], restart });
  if (reading.kind !== "read") throw new Error(reading.message);
  return {
    format: 1,
    slot: 0,
    desired_hash: "h",
    idempotency_key: "k",
    settings: reading.settings,
    service_id: "s",
    phase: "running",
    process: { pid: 1, start_ticks: 1, boot_id: "b" },
    started_ms: 1_000_000,
    restarts: 0,
    total_restarts: 0,
    ...more,
  };
}

test("each restart in a row waits twice as long, up to the most", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 1, max: 100_000 }),
      fc.nat(60),
      (base, max, n) => {
        const restart = { backoff_ms: base, backoff_max_ms: Math.max(base, max) };
        const { settings } = record(restart);
        const wait = backoffMs(settings.restart, n);
        expect(wait).toBeLessThanOrEqual(restart.backoff_max_ms);
        expect(wait).toBe(Math.min(restart.backoff_max_ms, base * 2 ** Math.min(n, 40)));
        expect(backoffMs(settings.restart, n + 1)).toBeGreaterThanOrEqual(wait);
      },
    ),
  );
});

test("who ran long enough has not crashed at its start: the next wait is the first one again", () => {
  const crashed = record({ backoff_ms: 100, reset_after_ms: 5_000 }, { restarts: 6 });
  const soon = afterExit(crashed, { at_ms: 1_004_999, why: "exit", code: 1 });
  const late = afterExit(crashed, { at_ms: 1_005_000, why: "exit", code: 1 });
  expect([soon.restarts, (soon.next_start_ms ?? 0) - 1_004_999]).toEqual([7, 6_400]);
  expect([late.restarts, (late.next_start_ms ?? 0) - 1_005_000]).toEqual([1, 100]);
});

test("each policy leaves the ends alone that it is meant to leave alone", () => {
  const phase = (policy: string, code: number) =>
    afterExit(record({ policy }), { at_ms: 1_000_001, why: "exit", code }).phase;
  expect([phase("always", 0), phase("always", 1)]).toEqual(["waiting", "waiting"]);
  expect([phase("on_failure", 0), phase("on_failure", 1)]).toEqual(["completed", "waiting"]);
  expect([phase("never", 0), phase("never", 1)]).toEqual(["completed", "given_up"]);
});

test("an end that nobody saw is due at once after a long life, and waits after a short one", () => {
  const short = record({ backoff_ms: 1_000 });
  const nowMs = 1_000_500;
  expect(afterExit(short, unseenExit(short, false, nowMs)).next_start_ms).toBe(1_001_000);
  const long = record({ backoff_ms: 1_000 }, { started_ms: 0 });
  expect(afterExit(long, unseenExit(long, false, nowMs)).next_start_ms).toBe(1_000);
});

test("a restarted host is nobody's crash, whatever the policy", () => {
  for (const policy of ["always", "on_failure", "never"]) {
    const before = record({ policy }, { restarts: 5 });
    const after = afterExit(before, unseenExit(before, true, 2_000_000));
    expect([after.phase, after.restarts, after.next_start_ms]).toEqual(["waiting", 0, 2_000_000]);
  }
});

test("a crash loop is called one until a copy has stood for long", () => {
  const looping = record({ reset_after_ms: 5_000 }, { restarts: 3 });
  expect(isCrashLooping(looping, 1_004_999)).toBe(true);
  expect(isCrashLooping(looping, 1_005_000)).toBe(false);
  expect(isCrashLooping({ ...looping, restarts: 2 }, 1_000_001)).toBe(false);
});

test("nobody waits longer than the wait that was due, however far the clock was set back meanwhile", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 20 }),
      fc.integer({ min: 0, max: 86_400_000 }),
      (restarts, backMs) => {
        const crashed = record({ backoff_ms: 100, backoff_max_ms: 60_000 }, { restarts });
        const ended = afterExit(crashed, { at_ms: 1_000_001, why: "exit", code: 1 });
        const wholeMs = (ended.next_start_ms ?? 0) - 1_000_001;
        expect(waitLeftMs(ended, 1_000_001)).toBe(wholeMs);
        expect(waitLeftMs(ended, 1_000_001 + wholeMs)).toBe(0);
        expect(waitLeftMs(ended, 1_000_001 - backMs)).toBe(backMs === 0 ? wholeMs : 0);
      },
    ),
  );
  // An intent from which nothing came, and a host that was restarted, wait for nothing.
  const meant = notStarted(record({ backoff_ms: 100 }, { phase: "starting" }));
  expect([waitLeftMs(meant, 1_000_000), waitLeftMs(meant, 1)]).toEqual([0, 0]);
});
