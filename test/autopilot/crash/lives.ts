/**
 * The lives of an autopilot that are cut off: what is there before, what it is to do, and what must stand in the end, wherever a
 * controller died on the way.
 */

import { expect } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AttemptVerdict, Fact } from "../../../src/autopilot/model.ts";
import { chainFaults, fileFaults, runFaults, verdictsOf } from "./judge.ts";
import {
  endingOnWord,
  inPlace,
  type Place,
  runningOf,
  serviceIds,
  soon,
  standingServices,
  stop,
} from "./place.ts";

export interface Life {
  readonly name: string;
  /** What is there before the first controller. */
  prepare(place: Place): Promise<void>;
  isOver(facts: readonly Fact[]): boolean;
  /** Called again and again while a controller lives. */
  during?(place: Place, facts: readonly Fact[]): void;
  readonly verdicts: readonly AttemptVerdict[];
  /** Version that stands in the end. */
  readonly stands: number;
  /** What each service wrote when it began. */
  readonly begun: Readonly<Record<(typeof serviceIds)[number], readonly string[]>>;
}

const hasEnded = (facts: readonly Fact[]) => verdictsOf(facts).length > 0;

async function firstStands(place: Place): Promise<void> {
  const path = await place.shop.write("v1", standingServices(1));
  expect((await place.shop.start(path, "--runtime-run-id", "r1")).code).toBe(0);
}

export const rollout: Life = {
  name: "a rollout",
  async prepare(place) {
    await firstStands(place);
    await place.shop.write("v2", standingServices(2));
    await place.configure("bundle: side/v2.json\n");
  },
  isOver: hasEnded,
  verdicts: ["kept"],
  stands: 2,
  begun: { db: ["v1", "v2"], web: ["v1", "v2"] },
};

export const repair: Life = {
  name: "a repair",
  async prepare(place) {
    await firstStands(place);
    await place.configure("bundle: side/v1.json\n");
    await place.end(runningOf(1)[1] ?? "");
  },
  isOver: hasEnded,
  verdicts: ["kept"],
  stands: 1,
  begun: { db: ["v1"], web: ["v1", "v1"] },
};

const endWord = (place: Place) => join(place.shop.world.side, "end");

export const rollback: Life = {
  name: "a rollback",
  async prepare(place) {
    await firstStands(place);
    await place.shop.write("v2", endingOnWord(2, endWord(place)));
    await place.configure("bundle: side/v2.json\n", "60s");
  },
  during(place, facts) {
    if (facts.some(({ type }) => type === "attempt_deployed") && !existsSync(endWord(place)))
      writeFileSync(endWord(place), "");
  },
  isOver: hasEnded,
  verdicts: ["rolled_back"],
  stands: 1,
  begun: { db: ["v1", "v2", "v1"], web: ["v1", "v2", "v1"] },
};

export const recompile: Life = {
  name: "a recompile",
  async prepare(place) {
    await firstStands(place);
    const bundle = standingServices(2).document();
    const offered = await place.shop.world.write(
      ".akc/runtime/v2.runtime_bundle.json",
      JSON.stringify(bundle),
    );
    const answer = await place.shop.world.write("answer.json", JSON.stringify({ bundle: offered }));
    await place.configure(`recompile: {command: [/bin/cat, ${answer}]}\n`);
    const here = ["--tenant-id", "acme", "--repo-id", "shop"];
    expect((await place.once()).code).toBe(0);
    expect((await place.akc("autopilot", "trigger", ...here, "--reason", "patched")).code).toBe(0);
  },
  isOver: hasEnded,
  verdicts: ["kept"],
  stands: 2,
  begun: { db: ["v1", "v2"], web: ["v1", "v2"] },
};

export const lives = { rollout, repair, rollback, recompile } as const;

/** What came of a controller that was left alone, or that died of what it was told to. */
export async function live(
  place: Place,
  life: Life,
  how: { readonly failpoint?: string; readonly log?: string } = {},
): Promise<"over" | "killed"> {
  const controller = place.begin(how);
  let ended: number | undefined;
  void controller.ended.then(({ code }) => {
    ended = code;
  });
  await soon(`${life.name} is over: ${how.failpoint ?? "left alone"}`, async () => {
    if (ended !== undefined) return true;
    await Bun.sleep(40);
    const facts = (await place.entries().catch(() => [])).map(({ fact }) => fact);
    life.during?.(place, facts);
    return life.isOver(facts);
  }).catch(async (cause) => {
    controller.kill("SIGKILL");
    throw new Error(`${cause}\n${(await controller.ended).stderr}`);
  });
  if (ended === undefined) await stop(controller);
  const { code, stderr } = await controller.ended;
  if (code === 137) return "killed";
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  return "over";
}

/**
 * Lives it over these deaths, each of another controller, and judges what came of it. Returns how often one died.
 * @param mayBeMissed where how often a place is reached follows from what was done in one write and what in two
 */
export async function tell(life: Life, deaths: readonly string[], mayBeMissed = false): Promise<number> {
  let died = 0;
  await inPlace(async (place) => {
    await life.prepare(place);
    for (const death of deaths) {
      const came = await live(place, life, { failpoint: `${death}:kill` });
      if (came === "killed") died += 1;
      else if (!mayBeMissed) throw new Error(`nobody died of ${death}, after ${died}: ${await told(place)}`);
    }
    // Somebody has to see that all is done, and write the files that a death kept from being written.
    await live(place, life);
    expect({ life: life.name, deaths, faults: await faultsOf(place, life) }).toEqual({
      life: life.name,
      deaths,
      faults: [],
    });
    await place.shop.expectRunning(runningOf(life.stands));
    expect(Object.fromEntries(serviceIds.map((id) => [id, place.begun(id)]))).toEqual({ ...life.begun });
  });
  return died;
}

async function faultsOf(place: Place, life: Life): Promise<readonly string[]> {
  const facts = (await place.entries()).map(({ fact }) => fact);
  const verdicts = verdictsOf(facts);
  const last = place.runs().at(-1) ?? "";
  const verified = await place.shop.akc("runtime", "verify", last);
  return [
    ...(await chainFaults(place)),
    ...runFaults(place, facts),
    ...(verdicts.join() === life.verdicts.join()
      ? []
      : [`ended ${verdicts.join()}: ${JSON.stringify(facts)}`]),
    ...(await fileFaults(place)),
    ...(verified.report["verdict"] === "verified" ? [] : [`not verified: ${verified.stdout}`]),
  ];
}

async function told(place: Place): Promise<string> {
  return (await place.entries()).map(({ seq, fact }) => `${seq} ${fact.type}`).join(", ");
}
