/** What an attempt does itself asks for nothing; what its run says afterwards does. */
import { expect, test } from "bun:test";
import type { AttemptMark } from "../contract.ts";
import { attemptSpans, isOfAttempt } from "./own-attempts.ts";

const began = (attemptId: string, atMs: number): AttemptMark => ({ attemptId, atMs, runtimeRunId: "run-a" });
const ended = (attemptId: string, atMs: number): AttemptMark => ({ attemptId, atMs, runtimeRunId: null });
const started = began("a1", 100);
const over = ended("a1", 200);

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
  const spans = attemptSpans([started, over, began("a2", 300), ended("a2", 400)]);
  expect([250, 350, 450].map((ms) => isOfAttempt(spans, "run-a", ms))).toEqual([false, true, false]);
});
