/**
 * The wall clock is set back an hour, and forward, under the built binary: it says so, loses no lease, repairs at once, ends rollouts and
 * bakes in their time, and forgets nothing of its budgets. The clock is libfaketime's, so the binary is the one that users get.
 */
import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Fact } from "../../../src/autopilot/model.ts";
import { binaries } from "../../crash/stage.ts";
import { changing } from "../../e2e/services.ts";
import { findSetClock, type SetClock } from "../../env/faketime.ts";
import { chainFaults, fileFaults, verdictsOf } from "./judge.ts";
import {
  type Controller,
  inPlace,
  isHolding,
  type Place,
  patienceMs,
  runningOf,
  shopScope,
  soon,
  standingServices,
  stop,
} from "./place.ts";

const clockAt = findSetClock();
const patient = 180_000;
const hourMs = 3_600_000;
const [db = "", web = ""] = runningOf(1);

interface Timed {
  readonly place: Place;
  readonly clock: SetClock;
  /** A controller that goes by this clock. */
  begin(): Controller;
}

/** Where the first version stands. */
async function withClock(work: (timed: Timed) => Promise<void>): Promise<void> {
  await inPlace(async (place) => {
    if (clockAt === undefined) throw new Error("there is no clock to set");
    const clock = clockAt(join(place.outputsRoot, "../clock"));
    const pids: number[] = [];
    const path = await place.shop.write("v1", standingServices(1));
    expect((await place.shop.start(path, "--runtime-run-id", "r1")).code).toBe(0);
    try {
      await work({
        place,
        clock,
        begin() {
          const controller = place.begin({ env: clock.env });
          pids.push(controller.pid);
          return controller;
        },
      });
    } finally {
      for (const pid of pids) clock.forget(pid);
    }
    expect([...(await chainFaults(place)), ...(await fileFaults(place))]).toEqual([]);
  });
}

function isNoted(controller: Controller, what: string): Promise<void> {
  return soon(`${what} is named`, () =>
    controller.lines().some(({ event, message }) => event === "note" && String(message).includes(what)),
  );
}

function keptTimes(times: number, place: Place): Promise<void> {
  return soon(`${times} attempts are kept`, async () => {
    const facts = (await place.entries()).map(({ fact }) => fact);
    return verdictsOf(facts).filter((verdict) => verdict === "kept").length >= times;
  });
}

const ofType = (facts: readonly Fact[], wanted: Fact["type"]) =>
  facts.filter(({ type }) => type === wanted).length;
const fenceOf = (place: Place) => place.store((store) => store.fence(shopScope));
const lostLease = (controller: Controller) => controller.lines().some(({ event }) => event === "lease_lost");

/** In a process of its own, by this clock. */
function doctor({ place, clock }: Timed): string {
  const argv = [binaries.plain, "living", "doctor", "--config", place.config, "-o", "json"];
  const ran = Bun.spawnSync(argv, { cwd: place.shop.world.side, env: { ...changing, ...clock.env } });
  clock.forget(ran.pid);
  return ran.stdout.toString();
}

test.concurrent.skipIf(clockAt === undefined)(
  "a clock that is set back an hour is named; leases, repairs and budgets go on as if it had not been",
  () =>
    withClock(async (timed) => {
      const { place, clock, begin } = timed;
      await place.configure("");
      const holder = begin();
      await soon("it holds", () => isHolding(holder));
      const standby = begin();
      await place.end(web);
      await keptTimes(1, place);
      const before = await fenceOf(place);

      clock.set(-hourMs);
      await Promise.all([isNoted(holder, "set back"), isNoted(standby, "set back")]);
      await place.end(web);
      await keptTimes(2, place);
      // Nobody has taken over, and nothing is older than what was there before, nor an hour younger.
      expect(await fenceOf(place)).toEqual(before);
      const times = (await place.entries()).map(({ atMs }) => atMs);
      expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeLessThan(hourMs / 2);
      const { report } = await place.akc("autopilot", "status", "--config", place.config);
      const used = expect.objectContaining({ budget: "mutations_per_day", used: 2 });
      expect(report).toMatchObject({ items: [{ budgets: expect.arrayContaining([used]) }] });
      expect(doctor(timed)).toContain("which is still to come");

      holder.kill("SIGKILL");
      await holder.ended;
      await soon("the other holds", () => isHolding(standby));
      await place.end(db);
      await keptTimes(3, place);
      await place.shop.expectRunning([db, web]);
      expect(lostLease(holder)).toBe(false);
      await stop(standby);
      expect((await standby.ended).code).toBe(0);
    }),
  patient,
);

test.concurrent.skipIf(clockAt === undefined)(
  "a clock that is set back in a rollout makes no wait longer; one that is set forward in its bake loses nothing",
  () =>
    withClock(async ({ place, clock, begin }) => {
      const health = { min_healthy_ms: 3_000, healthy_deadline_ms: patienceMs };
      const slowly = standingServices(2).with({ runtime_rollout: { strategy: "all_at_once", health } });
      await place.shop.write("v2", slowly);
      await place.configure("bundle: side/v2.json\n", "20m");
      const controller = begin();
      const [now = ""] = runningOf(2);
      await soon("it stands, and is watched", () => place.shop.running().includes(now));
      clock.set(-hourMs);
      await isNoted(controller, "set back");
      await place.untilFacts("it is deployed", (facts) => ofType(facts, "attempt_deployed") === 1);
      expect((await place.facts("attempt_ended")).length).toBe(0);

      clock.set(+hourMs);
      await isNoted(controller, "set forward");
      await keptTimes(1, place);
      // To where it really is: the history is ahead of it now, and goes on. The next bake is cut short as the first one was.
      clock.set(0);
      await place.end(now);
      await place.untilFacts("it is mended", (facts) => ofType(facts, "attempt_deployed") === 2);
      clock.set(+2 * hourMs);
      await keptTimes(2, place);
      await place.shop.expectRunning(runningOf(2));
      expect((await place.facts("attempt_started")).map(({ attempt }) => attempt.kind)).toEqual([
        "rollout",
        "repair",
      ]);
      expect(lostLease(controller)).toBe(false);
      await stop(controller);
      expect((await controller.ended).code).toBe(0);
    }),
  patient,
);
