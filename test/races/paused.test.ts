/**
 * The holder stands still for longer than its lease lasts, as on a machine that is suspended or out of memory, and another
 * process takes over. When the first one wakes up it must write nothing, start nothing more, and leave nothing behind.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { limits } from "../../src/limits.ts";
import type { Failpoint } from "../../src/system/failpoint.ts";
import { scenarios } from "../crash/bundles.ts";
import { type Counter, startCounter } from "../crash/counter.ts";
import { referenceOf } from "../crash/drive.ts";
import { faultsOf, leftovers, type Undisturbed } from "../crash/judge.ts";
import { type Live, type Ran, type Stage, setStage } from "../crash/stage.ts";
import { until } from "../e2e/world.ts";

const full = process.env["AKC_CRASH"] === "full";
const train = scenarios.find(({ name }) => name === "train") ?? scenarios[0];
if (train === undefined) throw new Error("there is no scenario");
const scenario = train;

/**
 * Where it stands still. Not inside of a transaction, nor with the lock of a file that runs share: nobody could take over
 * then, which is right. Not between the last look at the lease and the effect: no lease can help there, only the
 * idempotency key that the effect is given.
 */
const places: readonly (readonly [Failpoint, number])[] = [
  ["commit.committed", 1],
  ["commit.committed", 4],
  ["commit.before_begin", 3],
  ["kernel.intents_durable", 2],
  ["effect.ended", 2],
  ["kernel.before_finish", 1],
  ["kernel.finished", 1],
  ["file.before_rename", 6],
  ["file.in_place", 7],
  ["evidence.before_seal", 1],
  ["evidence.sealed", 1],
];

let counter: Counter;
let reference: Undisturbed;

beforeAll(async () => {
  counter = startCounter();
  reference = await referenceOf(scenario, counter);
}, 60_000);

afterAll(() => counter[Symbol.asyncDispose]());

interface Paused {
  readonly name: string;
  readonly stage: Stage;
  readonly holder: Live;
}

test(
  "a holder that wakes up after another took over writes nothing and is told so",
  async () => {
    // All of them stand still at once, so that the lease has to be waited for only once.
    const paused = await Promise.all(places.map(([place, nth]) => pausedAt(place, nth)));
    await Bun.sleep(limits.leaseTtlMs + 1_000);
    const faults: string[] = [];
    for (const one of paused) faults.push(...(await takenOver(one)));
    expect(faults).toEqual([]);
  },
  full ? 600_000 : 120_000,
);

async function pausedAt(place: Failpoint, nth: number): Promise<Paused> {
  const stage = await setStage({ scenario, counter });
  const holder = stage.start({ failpoint: `${place}:${nth}:pause` });
  await until(`${place} is reached`, () => stateOf(holder.pid) === "T");
  return { name: `${place}:${nth}`, stage, holder };
}

async function takenOver({ name, stage, holder }: Paused): Promise<readonly string[]> {
  const before = await stage.livePicture();
  const next = await stage.resume().ended;
  const between = await stage.livePicture();
  holder.kill("SIGCONT");
  const old = await holder.ended;
  const after = await stage.picture();
  if (before === null || between === null || after === null) return [`${name}: there is no run`];
  // Where all had been done, there was nothing to take over, and the holder ends as it would have.
  const nothingLeft = before.row.outcome !== null && before.row.evidenceSeq === before.row.lastSeq;
  const faults = [
    ...faultsOf([before, between], after, reference, nothingLeft ? old : next),
    ...(nothingLeft || isLost(old)
      ? []
      : [`the old holder was not told: ${old.code} ${old.stdout}${old.stderr}`]),
    ...(after.events.length === between.events.length ? [] : ["the old holder wrote events"]),
    ...(after.row.evidenceSeq === between.row.evidenceSeq ? [] : ["the old holder sealed evidence"]),
    // An attempt of the old holder's that began after it woke up would be work under a token that has passed on.
    ...(after.begun.length === between.begun.length ? [] : ["the old holder started a child"]),
    ...(after.asked.length === between.asked.length ? [] : ["the old holder asked a server"]),
    ...(await leftovers(stage)),
  ].map((fault) => `${name}: ${fault}`);
  if (faults.length === 0) stage.strike();
  else {
    stage.killAll();
    faults.push(
      `${name}: kept in ${stage.base}; the next one said ${next.code} ${next.stdout}${next.stderr}`,
    );
  }
  return faults;
}

function isLost({ code, report }: Ran): boolean {
  return code === 5 && report["code"] === "LEASE_LOST";
}

/** One letter of proc(5): T is stopped. */
function stateOf(pid: number): string {
  const stat = Bun.spawnSync(["cat", `/proc/${pid}/stat`]).stdout.toString();
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}
