import { expect, test } from "bun:test";
import { limits } from "../limits.ts";
import type { MutableEnvironment } from "./notify.ts";
import { createWatchdog, type Progress, takeWatchdogMs } from "./watchdog.ts";

const timeoutMs = 60_000;
const running = (turns: number, atMs: number, proofMs = atMs): Progress => ({
  phase: "running",
  turns,
  lastTurnMonotonicMs: atMs,
  lastStoreProofMonotonicMs: proofMs,
});

/** What is answered while time goes on, from 0 to `untilMs`. */
function answers(untilMs: number, progressAt: (ms: number) => Progress): readonly [number, string][] {
  const watchdog = createWatchdog(timeoutMs, 0);
  const said: [number, string][] = [];
  for (let ms = watchdog.askEveryMs; ms <= untilMs; ms += watchdog.askEveryMs) {
    const answer = watchdog.ask(progressAt(ms), ms);
    if (answer.kind !== "early") said.push([ms, answer.kind === "starved" ? answer.why : answer.kind]);
  }
  return said;
}

test("a controller that gets on is fed at half of the time", () => {
  expect(answers(120_000, (ms) => running(ms, ms))).toEqual([
    [30_000, "ping"],
    [60_000, "ping"],
    [90_000, "ping"],
    [120_000, "ping"],
  ]);
});

test("one whose loop stands still is not fed, and is again once it moves", () => {
  const stuck = (ms: number) => (ms > 30_000 && ms < 80_000 ? running(30_000, 30_000, ms) : running(ms, ms));
  expect(answers(90_000, stuck)).toEqual([
    [30_000, "ping"],
    [60_000, "no_turn"],
    [67_500, "no_turn"],
    [75_000, "no_turn"],
    [82_500, "ping"],
  ]);
});

test("one that turns and cannot write is not fed once its last proof is old", () => {
  const said = answers(240_000, (ms) => running(ms, ms, Math.min(ms, 30_000)));
  const starved = said.filter(([, kind]) => kind === "no_store_proof").map(([ms]) => ms);
  expect(Math.min(...starved)).toBeGreaterThan(30_000 + Math.max(timeoutMs, limits.serviceStoreProofMs));
  expect(said.at(-1)?.[1]).toBe("no_store_proof");
});

test("a stop needs no turns: it is bounded by its own time", () => {
  expect(answers(60_000, () => ({ ...running(0, 0), phase: "draining" }))).toEqual([
    [30_000, "ping"],
    [60_000, "ping"],
  ]);
});

test("what the manager asked of another process is not ours, and nobody inherits it", () => {
  const env: MutableEnvironment = { WATCHDOG_USEC: "2500000", WATCHDOG_PID: "12", A: "1" };
  expect(takeWatchdogMs(env, 12)).toBe(2_500);
  expect(env).toEqual({ A: "1" });
  expect(takeWatchdogMs({ WATCHDOG_USEC: "2500000", WATCHDOG_PID: "13" }, 12)).toBeUndefined();
  expect(takeWatchdogMs({ WATCHDOG_USEC: "2500000" }, 12)).toBe(2_500);
  for (const text of ["", "0", "-1", "1e3", " 5"])
    expect(takeWatchdogMs({ WATCHDOG_USEC: text }, 12)).toBeUndefined();
});
