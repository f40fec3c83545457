/**
 * Two processes of akc want the same run. One of them has it at a time: the other is refused, nothing is written under a
 * token that has passed on, and what is recorded was done by one of them. `AKC_CRASH=full` makes 200 races of it.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { scenarios } from "../crash/bundles.ts";
import { chanceOf } from "../crash/chance.ts";
import { type Counter, startCounter } from "../crash/counter.ts";
import { referenceOf } from "../crash/drive.ts";
import { faultsOf, leftovers, type Undisturbed } from "../crash/judge.ts";
import { type Live, type Picture, type Ran, type Stage, setStage } from "../crash/stage.ts";

const full = process.env["AKC_CRASH"] === "full";
const seed = Number(process.env["AKC_CRASH_SEED"] ?? (full ? Date.now() % 1_000_000 : 7));
const only = process.env["AKC_CRASH_STORY"];
const raceScenarios = scenarios.filter(({ name }) => name === "train" || name === "wide");
const timeoutMs = full ? 1_800_000 : 240_000;

let counter: Counter;
const references = new Map<string, Undisturbed>();

beforeAll(async () => {
  counter = startCounter();
  for (const scenario of raceScenarios) references.set(scenario.name, await referenceOf(scenario, counter));
}, 120_000);

afterAll(() => counter[Symbol.asyncDispose]());

test(
  `start against start, one id: one of them runs it (seed ${seed})`,
  () =>
    races("start/start", full ? 70 : 8, ({ stage, gap }) =>
      both(
        () => stage.start(),
        () => stage.start(),
        gap,
      ),
    ),
  timeoutMs,
);

for (const { kind, name, count, other } of [
  {
    kind: "resume/resume",
    name: "resume against resume",
    count: full ? 60 : 6,
    other: (stage: Stage) => stage.resume(),
  },
  {
    kind: "resume/start",
    name: "resume against start",
    count: full ? 40 : 4,
    other: (stage: Stage) => stage.start(),
  },
]) {
  test(
    `${name}, after a death: one of them goes on (seed ${seed})`,
    () =>
      races(kind, count, async ({ stage, gap, chance }) => {
        const before = await dead(stage, chance.between(1, 9));
        const met = await both(
          () => stage.resume(),
          () => other(stage),
          gap,
        );
        return { before, ...met };
      }),
    timeoutMs,
  );
}

test(
  `a lease that is broken while its holder works: its writes are refused from then on (seed ${seed})`,
  () =>
    races("break", full ? 30 : 4, async ({ stage, gap }) => {
      const holder = stage.start();
      await untilEvents(stage, 3);
      await Bun.sleep(gap);
      const here = [stage.runtimeRunId, "--outputs-root", stage.root];
      const broken = await stage.akc(["lease", "break", ...here, "--token", "1", "-o", "json"]);
      expect({ code: broken.code, said: broken.stdout }).toMatchObject({ code: 0 });
      const before = await stage.livePicture();
      const [old, next] = await Promise.all([holder.ended, stage.resume().ended]);
      const tookOver = !isRefusal(next);
      // What comes after the break is the next holder's, from its first word on; evidence alone is finished without one.
      const after = await stage.picture();
      const first = after?.events[before?.events.length ?? 0]?.type;
      const workWasLeft = tookOver && before?.row.outcome === null;
      expect(first).toBe(workWasLeft ? "runtime.kernel.resumed" : undefined);
      return { before, winner: tookOver ? next : old, losers: [old, next] };
    }),
  timeoutMs,
);

interface Race {
  readonly stage: Stage;
  /** Milliseconds between the two, so that they meet at different places. */
  readonly gap: number;
  readonly chance: ReturnType<typeof chanceOf>;
}

interface Met {
  /** What was recorded before they met. */
  readonly before?: Picture | null;
  readonly winner: Ran;
  readonly losers: readonly Ran[];
}

async function races(kind: string, count: number, race: (race: Race) => Promise<Met>): Promise<void> {
  const failures: string[] = [];
  const open = Array.from({ length: count }, (_, index) => index).filter(
    (index) => only === undefined || only === `${kind} ${index}`,
  );
  const worker = async () => {
    for (let index = open.shift(); index !== undefined; index = open.shift()) {
      const faults = await oneRace(index, race);
      if (faults.length === 0) continue;
      const again = `AKC_CRASH_SEED=${seed} AKC_CRASH_STORY='${kind} ${index}' bun test test/races`;
      failures.push(
        `${kind} ${index}:\n  ${faults.join("\n  ")}\n  again: ${full ? "AKC_CRASH=full " : ""}${again}`,
      );
    }
  };
  await Promise.all([worker(), worker()]);
  if (failures.length > 0)
    throw new Error(`${failures.length} of ${count} races failed:\n${failures.join("\n")}`);
}

async function oneRace(index: number, race: (race: Race) => Promise<Met>): Promise<readonly string[]> {
  const chance = chanceOf(seed + index * 104_729);
  const scenario = chance.pick(raceScenarios);
  const reference = references.get(scenario.name);
  if (reference === undefined) throw new Error(`nobody ran ${scenario.name}`);
  const stage = await setStage({ scenario, counter });
  const faults: string[] = [];
  try {
    // Many at once, some a little apart, few when the first is nearly through.
    const gap = chance.pick([0, 0, 1, 5, 20, 60, 150, 350]);
    const { before, winner, losers } = await race({ stage, gap, chance });
    const after = await stage.picture();
    if (after === null) throw new Error("the run does not exist");
    faults.push(...faultsOf(before == null ? [] : [before], after, reference, winner));
    for (const loser of losers) {
      if (loser !== winner && !isRefusal(loser))
        faults.push(`it was not refused: ${loser.stdout}${loser.stderr}`);
    }
    if (faults.length > 0)
      faults.push(...[winner, ...losers].map((ran) => `${ran.code} ${ran.stdout}${ran.stderr}`));
    faults.push(...(await leftovers(stage)));
  } catch (cause) {
    faults.push(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  if (faults.length === 0) stage.strike();
  else {
    stage.killAll();
    faults.push(`kept in ${stage.base}`);
  }
  return faults;
}

async function both(one: () => Live, other: () => Live, gap: number): Promise<Met> {
  const first = one();
  if (gap > 0) await Bun.sleep(gap);
  const second = other();
  const [a, b] = await Promise.all([first.ended, second.ended]);
  // Who came when all was done was refused for that; then the other one is the winner, whoever was first.
  return isRefusal(b) ? { winner: a, losers: [b] } : { winner: b, losers: [a] };
}

/** Refused since another has it, has had it, or has finished it. Nothing else is a refusal. */
function isRefusal({ code, report }: Ran): boolean {
  const said = report["code"];
  if (said === "LEASE_HELD" || said === "LEASE_LOST") return code === 5;
  return code !== 0 && (said === "RUN_EXISTS" || said === "RUN_NOT_RESUMABLE");
}

/** Starts the run and lets it die after so many commits. */
async function dead(stage: Stage, commits: number): Promise<Picture | null> {
  await stage.start({ failpoint: `commit.committed:${commits}:kill` }).ended;
  return stage.picture();
}

async function untilEvents(stage: Stage, count: number): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    const picture = await stage.livePicture().catch(() => null);
    if (picture !== null && picture.events.length >= count) return;
    await Bun.sleep(5);
  }
  throw new Error("it never began");
}
