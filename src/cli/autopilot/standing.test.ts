import { expect, test } from "bun:test";
import { emptyState } from "../../autopilot/machine.ts";
import { asSeen, standingOf } from "./standing.ts";
import { isAtWork } from "./status-data.ts";

test("a hook that fails is seen, though what is deployed stands", () => {
  const deployed = { bundlePath: "/b.json", bundleSha256: "a".repeat(64), runtimeRunId: "r", atMs: 1 };
  expect(standingOf({ ...emptyState(), deployed })).toMatchObject({ phase: "deployed" });
  expect(standingOf({ ...emptyState(), deployed, consecutiveCompileFailures: 1 })).toEqual({
    phase: "failing",
    why: "the recompile hook failed",
  });
  expect(standingOf({ ...emptyState(), deployed, consecutiveCompileFailures: 3 }).why).toBe(
    "the recompile hook failed 3 times in a row",
  );
});

test("a controller whose last beat holds nothing has left", () => {
  const row = {
    holder: "a",
    host: "h",
    pid: 1,
    version: "1",
    startedAtMs: 0,
    beatAtMs: 1_000,
    scopesHeld: 2,
  };
  expect(isAtWork(row, 2_000)).toBe(true);
  expect(isAtWork({ ...row, scopesHeld: 0 }, 2_000)).toBe(false);
  expect(isAtWork(row, 100_000)).toBe(false);
});

test("what a controller cannot see, or sees drift, is not said to stand", () => {
  const stands = { phase: "deployed", why: "aaaa stands" } as const;
  expect(asSeen(stands, "standing", "all is well")).toBe(stands);
  expect(asSeen(stands, undefined)).toBe(stands);
  expect(asSeen(stands, "unseen", "the gate is closed").why).toBe("the gate is closed");
  expect(asSeen(stands, "drifted", "repair").why).toBe("what stands has drifted");
  const paused = { phase: "paused", why: "me: migration" } as const;
  expect(asSeen(paused, "unseen", "x")).toBe(paused);
});
