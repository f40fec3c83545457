import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Lease, RunWriter } from "../store/contract.ts";
import { createMemoryRun } from "../store/memory.ts";
import type { Clock } from "../system/clock.ts";
import { keepingLease } from "./lease-keeper.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe("a lease that is kept", () => {
  test("is renewed before it expires, as long as the work goes on, and no longer", async () => {
    const world = kept(() => undefined);
    await world.pass(60_000);
    expect(world.renewals()).toBe(12);
    expect(world.lost.aborted).toBe(false);
    await world.end();
    await world.pass(60_000);
    expect(world.renewals()).toBe(12);
  });

  test("is not lost while it has not expired, whatever keeps the store from renewing it", async () => {
    for (const code of ["STORE_BUSY", "DISK_FULL", "STORE_IO"] as const) {
      const world = kept((nowMs) => {
        // From the first renewal on, until just before the end of the lease.
        if (nowMs < limits.leaseTtlMs - limits.leaseRetryMs) throw new AkcError(code);
      });
      await world.pass(60_000);
      expect(world.lost.aborted).toBe(false);
      await world.end();
    }
  });

  test("is lost when it has expired and could not be renewed", async () => {
    const world = kept(() => {
      throw new AkcError("STORE_BUSY");
    });
    await world.pass(limits.leaseTtlMs - 1);
    expect(world.lost.aborted).toBe(false);
    await world.pass(limits.leaseRetryMs);
    expect(world.lost.reason).toMatchObject({ code: "STORE_BUSY" });
    const renewals = world.renewals();
    await world.pass(60_000);
    expect(world.renewals()).toBe(renewals);
    await world.end();
  });

  test("is lost at once when another has it", async () => {
    const world = kept(() => {
      throw new AkcError("LEASE_LOST");
    });
    await world.pass(limits.leaseRenewMs);
    expect(world.lost.reason).toMatchObject({ code: "LEASE_LOST" });
    await world.end();
  });
});

/** Work under a lease whose renewals go as `renew` says; time passes only in steps. */
function kept(renew: (nowMs: number) => void) {
  let nowMs = 0;
  let count = 0;
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} };
  const memory = createMemoryRun("r");
  let lease: Lease = { ...memory.lease, expiresAtMs: limits.leaseTtlMs };
  const writer: RunWriter = {
    ...memory,
    get lease() {
      return lease;
    },
    async renew(atMs) {
      count += 1;
      renew(atMs);
      lease = { ...lease, expiresAtMs: atMs + limits.leaseTtlMs };
    },
  };
  const over = Promise.withResolvers<void>();
  let lost = new AbortController().signal;
  const working = keepingLease(writer, clock, (signal) => {
    lost = signal;
    return over.promise;
  });
  return {
    get lost() {
      return lost;
    },
    renewals: () => count,
    async pass(ms: number) {
      for (const end = nowMs + ms; nowMs < end; ) {
        const stepMs = Math.min(100, end - nowMs);
        nowMs += stepMs;
        jest.advanceTimersByTime(stepMs);
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
      }
    },
    async end() {
      over.resolve();
      await working;
    },
  };
}
