/** What an attempt does itself asks for nothing; what its run says afterwards does. */
import { expect, test } from "bun:test";
import type { Attempt, Entry, Fact } from "../model.ts";
import { attemptSpans, isOfAttempt } from "./own-attempts.ts";

const attempt: Attempt = {
  attemptId: "a1",
  kind: "rollout",
  bundlePath: "/b",
  bundleSha256: "0".repeat(64),
  runtimeRunId: "run-a",
  triggerIds: [],
};
const at = (atMs: number, fact: Fact): Pick<Entry, "atMs" | "fact"> => ({ atMs, fact });
const started = at(100, { type: "attempt_started", attempt, answers: [] });
const over = at(200, { type: "attempt_ended", attemptId: "a1", verdict: "failed" });

test("from its start to its end the events of its run are its own, and none of another run", () => {
  const spans = attemptSpans([started, over]);
  expect([99, 100, 150, 200, 201].map((ms) => isOfAttempt(spans, "run-a", ms))).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
  expect(isOfAttempt(spans, "run-b", 150)).toBe(false);
});

test("while it is open there is no end", () => {
  expect(isOfAttempt(attemptSpans([started]), "run-a", 1e12)).toBe(true);
});

test("a repair later in the same run has a span of its own", () => {
  const repair = { ...attempt, attemptId: "a2", kind: "repair" as const };
  const spans = attemptSpans([
    started,
    over,
    at(300, { type: "attempt_started", attempt: repair, answers: [] }),
    at(400, { type: "attempt_ended", attemptId: "a2", verdict: "kept" }),
  ]);
  expect([250, 350, 450].map((ms) => isOfAttempt(spans, "run-a", ms))).toEqual([false, true, false]);
});
