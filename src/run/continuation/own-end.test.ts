import { expect, test } from "bun:test";
import type { StoredEvent } from "../../store/contract.ts";
import { lastOwnEvent } from "./own-end.ts";

const readerOf = (types: readonly string[]) => {
  const stored = types.map(
    (type, index): StoredEvent => ({
      seq: index + 1,
      type,
      atMs: 0,
      payload: "{}",
      prevSha256: "",
      sha256: "",
    }),
  );
  return {
    events: async (after: number, limit: number) => stored.slice(after, after + limit),
    eventAt: async (seq: number) => stored[seq - 1] ?? null,
  };
};

test("the last word of a run is its own, however often somebody reconciled on its behalf since", async () => {
  const own = ["runtime.kernel.started", "runtime.kernel.failed"];
  for (const times of [0, 1, 2_000]) {
    const told = Array.from({ length: times }, (_, index) =>
      index % 2 === 0 ? "runtime.reconcile.started" : "runtime.rollout.changed",
    );
    const found = await lastOwnEvent(readerOf([...own, ...told]), own.length + times);
    expect(found).toMatchObject({ seq: 2, type: "runtime.kernel.failed" });
  }
  expect(await lastOwnEvent(readerOf([]), 0)).toBeNull();
});
