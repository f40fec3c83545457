/**
 * Kills the binary that users get at moments that nobody chose: alone or with its children, once or twice in a row, at
 * work and while it is gone on with. `AKC_CRASH=full` makes 400 stories of it; `AKC_CRASH_SEED` and `AKC_CRASH_STORY` have one
 * again (as nearly as processes allow: the moments are the same, the machine is not).
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { scenarios } from "./bundles.ts";
import { chanceOf } from "./chance.ts";
import { type Counter, startCounter } from "./counter.ts";
import { type Death, diesAfter, referenceOf, type Story, tellAll } from "./drive.ts";
import type { Undisturbed } from "./judge.ts";

const full = process.env["AKC_CRASH"] === "full";
const seed = Number(process.env["AKC_CRASH_SEED"] ?? (full ? Date.now() % 1_000_000 : 20_261_122));
const storyCount = full ? 400 : 48;
const only = process.env["AKC_CRASH_STORY"];

let counter: Counter;
const references = new Map<string, Undisturbed>();

beforeAll(async () => {
  counter = startCounter();
  for (const scenario of scenarios) references.set(scenario.name, await referenceOf(scenario, counter));
}, 120_000);

afterAll(() => counter[Symbol.asyncDispose]());

test(
  `no moment to die is a bad one (seed ${seed})`,
  async () => {
    const startedAt = performance.now();
    const stories = Array.from({ length: storyCount }, (_, index) => storyOf(index));
    const told = await tellAll(
      stories.filter((_, index) => only === undefined || index === Number(only)),
      counter,
      {
        atOnce: 3,
        reproduce: ({ name }) =>
          `${full ? "AKC_CRASH=full " : ""}AKC_CRASH_SEED=${seed} AKC_CRASH_STORY=${name.split(":")[0]} bun test test/crash/random.test.ts`,
      },
    );
    const seconds = Math.round((performance.now() - startedAt) / 1_000);
    console.log(
      `random kills: seed ${seed}, ${stories.length} runs, ${told.deaths} deaths, ${told.recoveries} recoveries, ${seconds} s`,
    );
    // Most moments lie within the run; a test whose kills all come too late tests nothing.
    if (only === undefined) expect(told.deaths).toBeGreaterThan(storyCount / 2);
  },
  full ? 3_600_000 : 300_000,
);

/** The same number always gives the same story. */
function storyOf(index: number): Story {
  const chance = chanceOf(seed + index * 7_919);
  const scenario = chance.pick(scenarios);
  const reference = references.get(scenario.name);
  if (reference === undefined) throw new Error(`nobody ran ${scenario.name}`);
  const moment = () => chance.between(1, Math.ceil(reference.durationMs * 1.05));
  const kill = () => {
    const ms = moment();
    const what = chance.next() < 0.5 ? "alone" : "with its children";
    return { death: diesAfter(ms, what), said: `${what} after ${ms} ms` };
  };
  const kills = Array.from({ length: chance.pick([1, 1, 2, 2, 3]) }, kill);
  const byStart = chance.next() < 0.3;
  const deaths: readonly Death[] = kills.map(({ death }) => death);
  return {
    name: `${index}: ${scenario.name}, ${kills.map(({ said }) => said).join(", then ")}${byStart ? ", by start" : ""}`,
    scenario,
    reference,
    deaths,
    byStart,
  };
}
