/** Which resource is looked at when. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { KeyQueue, priorities } from "./queue.ts";

test("a key stands once however often it is added, and the earlier and the more urgent word counts", () => {
  const queue = new KeyQueue();
  queue.add("a", priorities.resync, 900);
  queue.add("a", priorities.change, 500);
  queue.add("a", priorities.resync, 700);
  queue.add("b", priorities.resync, 100);
  expect(queue.nextDueMs()).toBe(100);
  expect(queue.take(99)).toEqual([]);
  expect(queue.take(500)).toEqual(["a", "b"]);
  expect(queue.take(10_000)).toEqual([]);
  expect(queue.nextDueMs()).toBeNull();
});

test("what somebody spoke of comes before what is only looked at now and then, and then the longest due", () => {
  const queue = new KeyQueue();
  queue.add("old", priorities.resync, 1);
  queue.add("older", priorities.resync, 0);
  queue.add("new", priorities.change, 9);
  queue.add("newer", priorities.change, 10);
  expect(queue.take(10)).toEqual(["new", "newer", "older", "old"]);
});

test("what failed waits longer each time whoever asks, and from the beginning once it was well", () => {
  const queue = new KeyQueue();
  let nowMs = 0;
  const waits: number[] = [];
  for (let turn = 0; turn < 10; turn += 1) {
    queue.failed("a", nowMs);
    queue.add("a", priorities.change, nowMs);
    queue.add("b", priorities.change, nowMs);
    expect(queue.take(nowMs)).toEqual(["b"]);
    const dueMs = queue.nextDueMs() ?? 0;
    expect(queue.take(dueMs)).toEqual(["a"]);
    waits.push(dueMs - nowMs);
    nowMs = dueMs;
  }
  expect(queue.failuresOf("a")).toBe(10);
  const growing = waits.slice(0, 7);
  expect(growing).toEqual(growing.toSorted((one, other) => one - other));
  expect(waits.at(-1)).toBeGreaterThan(40_000);
  queue.succeeded("a");
  queue.add("a", priorities.change, nowMs);
  expect(queue.take(nowMs)).toEqual(["a"]);
  queue.failed("a", nowMs);
  expect((queue.nextDueMs() ?? 0) - nowMs).toBeLessThanOrEqual(500);
});

test("nothing that was added is lost, and nothing is taken before it is due", () => {
  const keys = fc.constantFrom("a", "b", "c", "d");
  fc.assert(
    fc.property(
      fc.array(fc.tuple(keys, fc.constantFrom(0, -100), fc.nat(1_000))),
      fc.nat(1_000),
      (added, nowMs) => {
        const queue = new KeyQueue();
        const due = new Map<string, number>();
        for (const [key, priority, dueMs] of added) {
          queue.add(key, priority, dueMs);
          due.set(key, Math.min(dueMs, due.get(key) ?? dueMs));
        }
        const now = [...due].filter(([, dueMs]) => dueMs <= nowMs).map(([key]) => key);
        expect([...queue.take(nowMs)].sort()).toEqual(now.sort());
        expect([...queue.take(1_000)].sort()).toEqual(
          [...due.keys()].filter((key) => !now.includes(key)).sort(),
        );
      },
    ),
  );
});
