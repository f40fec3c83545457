/**
 * Thousands of runs in which things go wrong, each out of a seed. A seed that fails is printed as the command that repeats
 * it; `SIM_RUNS` says how many are tried, `SIM_SEED` tries one and shows its history.
 */
import { expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import { simulate, type Verdict } from "./simulate.ts";

const only = process.env["SIM_SEED"];
const runs = only === undefined ? Number(process.env["SIM_RUNS"] ?? 3_000) : 1;
const failuresShownMax = 10;

/** What the runs had in them, so that a test that tries nothing does not pass. */
const seen = new Map<string, number>();

test("whatever goes wrong, nothing recorded is lost, done again or done out of order", async () => {
  const failed: string[] = [];
  for (let number = 0; number < runs && failed.length < failuresShownMax; number += 1) {
    const seed = only ?? String(number);
    const verdict = await simulate(seed);
    take(verdict);
    if (only !== undefined) show(verdict);
    if (verdict.broken.length === 0) continue;
    failed.push(`SIM_SEED=${seed} bun test test/simulator    # ${verdict.broken[0]}`);
  }
  if (failed.length > 0) console.error(failed.join("\n"));
  expect(failed).toEqual([]);
}, 86_400_000);

test.skipIf(only !== undefined || runs < 1_000)("the runs that are tried have everything in them", () => {
  const wanted = [
    ...["succeeded", "failed", "blocked", "exhausted", "stopped once"],
    ...["crash", "crash at commit", "pause", "takeover", "disk", "slow disk", "wall jump"],
    ...["interrupt", "stop request", "rerun", "given up after too many deaths", "five lives"],
    ...["an effect that happened twice", "a recovered end", "compared", "folded"],
    ...["completed", "retried", "dead_lettered", "blocked", "cancelled", "interrupted", "wait_started"].map(
      (name) => `runtime.action.${name}`,
    ),
    ...["resumed", "rerun", "failed", "stop_requested", "deadline_exceeded", "event_refused"].map(
      (name) => `runtime.kernel.${name}`,
    ),
    ...["runtime.coordination.step_blocked", "runtime.signal.received", "runtime.kernel.budget_exceeded"],
  ];
  expect(wanted.filter((name) => !seen.has(name))).toEqual([]);
  expect(seen.get("compared") ?? 0).toBeGreaterThan(runs * 0.8);
});

test("a seed is a whole history: twice the same seed is twice the same", async () => {
  for (const seed of ["same 1", "same 2", "same 3", "same 4", "same 5"]) {
    const [one, other] = [await simulate(seed), await simulate(seed)];
    expect(other.wild.witness.events).toEqual(one.wild.witness.events);
    expect(other.wild.happened).toBe(one.wild.happened);
    expect([...other.wild.outside.effects]).toEqual([...one.wild.outside.effects]);
  }
});

function take({ wild, faults, compared }: Verdict): void {
  const names = new Set<string>(faults.map(({ kind }) => kind));
  for (const { type, payload } of wild.witness.events) {
    names.add(type);
    if (type === "runtime.kernel.loop_finished" && payload.includes('"outcome":"stopped"'))
      names.add("stopped once");
  }
  names.add(wild.outcome ?? "no outcome");
  if (compared) names.add("compared");
  if (wild.folds > 0) names.add("folded");
  if (wild.lives >= 5) names.add("five lives");
  if (wild.outside.recovered > 0) names.add("a recovered end");
  if ([...wild.outside.effects.values()].some((times) => times > 1))
    names.add("an effect that happened twice");
  for (const { interruptions } of wild.witness.book.entries.values()) {
    if (interruptions > limits.interruptionsMax) names.add("given up after too many deaths");
  }
  for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1);
}

function show({ faults, calm, wild, broken }: Verdict): void {
  for (const { seq, atMs, type, payload } of wild.witness.events)
    console.log(`${seq} ${atMs} ${type} ${payload.slice(0, 240)}`);
  for (const fault of faults) console.log(JSON.stringify(fault));
  console.log(`undisturbed ${calm.outcome}, here ${wild.outcome} after ${wild.lives} processes`);
  for (const fault of broken) console.log(`BROKEN ${fault}`);
}
