/**
 * Controllers of the built binary that die at every place, in the middle of a rollout, a repair, a rollback and a recompile; others go on.
 * Whatever died: the attempt ends with the right verdict, its run was begun once, and nothing was applied twice or counted twice.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Life, live, lives, tell } from "./lives.ts";
import { inPlace } from "./place.ts";

const full = process.env["AKC_CRASH"] === "full";

/** One life each over many deaths: every controller dies a step further than the one before it. */
const chains: readonly (readonly [Life, readonly string[]])[] = [
  [
    lives.rollout,
    [
      "autopilot.lease_acquired:1",
      "autopilot.fence_raised:1",
      "autopilot.before_append:2",
      "autopilot.inside_append:1",
      // The attempt is written down, its run never began.
      "autopilot.appended:1",
      "lease.inside_grant:1",
      "lease.granted:1",
      "takeover.inside:1",
      "commit.committed:1",
      "kernel.intents_durable:1",
      "effect.before_start:1",
      "reconcile.intent_recorded:1",
      "reconcile.change_made:1",
      "reconcile.change_recorded:1",
      "kernel.finished:1",
      "evidence.before_seal:1",
      "lease.released:1",
      "autopilot.inside_append:1",
      "autopilot.appended:1",
      "autopilot.before_append:1",
    ],
  ],
  [
    lives.repair,
    [
      "autopilot.appended:3",
      "takeover.after:1",
      "commit.begun:1",
      "reconcile.intent_recorded:1",
      "reconcile.change_made:1",
      "evidence.before_seal:1",
      "autopilot.inside_append:1",
      "autopilot.before_append:2",
    ],
  ],
  [
    lives.rollback,
    [
      "autopilot.appended:3",
      "reconcile.intent_recorded:1",
      "reconcile.change_made:1",
      "reconcile.change_recorded:1",
      // All is brought back; the run's evidence is not whole.
      "evidence.before_seal:1",
      "lease.released:1",
      "autopilot.before_append:1",
    ],
  ],
  [
    lives.recompile,
    [
      // The hook was to be asked; then it had answered.
      "autopilot.appended:1",
      "autopilot.before_append:3",
      "autopilot.inside_append:3",
      "autopilot.appended:3",
      "autopilot.appended:1",
    ],
  ],
];

describe("one after the other", () => {
  for (const [life, deaths] of chains) {
    test.concurrent(`${life.name} is lived to its end over ${deaths.length} deaths`, async () => {
      expect(await tell(life, deaths)).toBe(deaths.length);
    }, 180_000);
  }
});

describe.if(full)("at every place that is reached, one death each", () => {
  for (const life of Object.values(lives)) {
    test(life.name, async () => {
      const failures: string[] = [];
      const places = await placesIn(life);
      let died = 0;
      for (const failpoint of places) {
        const told = tell(life, [failpoint], true).then((deaths) => {
          died += deaths;
        });
        await told.catch((cause) => failures.push(`${failpoint}: ${cause}`));
      }
      expect(failures).toEqual([]);
      // The last time of a place may be one more or less in another life.
      expect(died).toBeGreaterThan(places.length * 0.9);
    }, 1_800_000);
  }
});

/** Of each place that a life reaches: the first time, one in the middle, the last one. */
async function placesIn(life: Life): Promise<readonly string[]> {
  const times = new Map<string, number>();
  await inPlace(async (place) => {
    await life.prepare(place);
    const log = join(place.outputsRoot, "../log");
    await live(place, life, { log });
    for (const name of readFileSync(log, "utf8").split("\n").filter(Boolean))
      times.set(name, (times.get(name) ?? 0) + 1);
  });
  return [...times].flatMap(([name, n]) =>
    [...new Set([1, Math.ceil(n / 2), n])].map((nth) => `${name}:${nth}`),
  );
}
