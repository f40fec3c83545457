/**
 * Dies once at every named place, in every bundle that reaches it, is gone on with, and must end as if nothing had
 * happened. `AKC_CRASH=full` (in `bun run test:crash`) dies at the first, a middle and the last time, and by `exit` too.
 */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { initial } from "../../src/store/sqlite/migrations/0001-initial.ts";
import { databasePath } from "../../src/store/sqlite/open.ts";
import { type Failpoint, failpointPlaces } from "../../src/system/failpoint.ts";
import { filesBelow } from "../e2e/world.ts";
import { long, type Scenario, scenarios } from "./bundles.ts";
import { type Counter, startCounter } from "./counter.ts";
import { diesAt, referenceOf, type Story, tellAll } from "./drive.ts";
import { leftovers, type Undisturbed } from "./judge.ts";
import { type Stage, setStage } from "./stage.ts";

const full = process.env["AKC_CRASH"] === "full";
const atOnce = full ? 4 : 3;
const everyPlace = Object.keys(failpointPlaces).filter(isPlace);
const ofRenewal: readonly Failpoint[] = ["lease.before_renewal", "lease.renewed"];
const ofPruning: readonly Failpoint[] = ["prune.set_aside", "prune.inside", "prune.deleted"];
/** What is deployed outlives akc: `reconcile.test.ts` dies at these. */
const ofReconciling = everyPlace.filter((place) => place.startsWith("reconcile."));
/** Reached only where a run is judged by outside evidence: `validation.test.ts` dies at these. */
const ofValidation = everyPlace.filter((place) => place.startsWith("validation."));
/** Reached only where an autopilot watches: `test/autopilot/memory-crash.test.ts` dies at these. */
const ofAutopilot = everyPlace.filter((place) => place.startsWith("autopilot."));
const ofMigration: readonly Failpoint[] = [
  "store.before_migration",
  "store.between_migrations",
  "store.migrated",
];

interface Known {
  readonly scenario: Scenario;
  readonly reference: Undisturbed;
  /** How often each place is reached when nothing happens. */
  readonly reached: ReadonlyMap<Failpoint, number>;
}

let counter: Counter;
const known = new Map<string, Known>();
const diedAt = new Set<string>();
const folder = mkdtempSync(join(tmpdir(), "akc-crash-logs-"));
const sum = { deaths: 0, recoveries: 0, startedAt: performance.now() };

beforeAll(async () => {
  counter = startCounter();
  await Promise.all([...scenarios, long].map(learn));
}, 120_000);

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await counter[Symbol.asyncDispose]();
  const seconds = Math.round((performance.now() - sum.startedAt) / 1_000);
  console.log(`matrix: ${sum.deaths} deaths, ${sum.recoveries} recoveries, ${seconds} s`);
});

const timeoutMs = full ? 1_800_000 : 240_000;

for (const [at, { name }] of scenarios.entries()) {
  test(
    `${name}: whatever place akc dies at, the run ends as if it had not`,
    async () => {
      const { scenario, reference, reached } = knownOf(name);
      const stories = everyPlace.flatMap((place, index) => {
        // Every bundle dies at every place in the full matrix; here the others share what the first one does whole.
        if (!full && at > 0 && (index + at) % 2 === 0) return [];
        const times = reached.get(place) ?? 0;
        return (full ? all(times) : one(times, index)).flatMap((nth, at) =>
          acts(index + at).map((act) =>
            dying({ scenario, reference }, [`${place}:${nth}:${act}`], index + at),
          ),
        );
      });
      await run(stories);
    },
    timeoutMs,
  );
}

test(
  "whoever takes a run over may die at every place as well",
  async () => {
    const stories = (full ? scenarios : scenarios.slice(0, 1)).flatMap(({ name }) => {
      const { scenario, reference, reached } = knownOf(name);
      const first = `commit.committed:${Math.ceil((reached.get("commit.committed") ?? 2) / 2)}:kill`;
      return everyPlace
        .filter(
          (place) =>
            !/grant|prune|validation|autopilot/.test(place) &&
            ![...ofMigration, ...ofRenewal].includes(place),
        )
        .map((place, index) => dying({ scenario, reference }, [first, `${place}:1:kill`], index));
    });
    await run(stories);
  },
  timeoutMs,
);

test(
  "an akc that dies while it renews its lease leaves a run that can be gone on with",
  async () => {
    const { scenario, reference } = knownOf(long.name);
    await run(ofRenewal.map((place, index) => dying({ scenario, reference }, [`${place}:1:kill`], index)));
  },
  timeoutMs,
);

test(
  "a database of an earlier akc is changed whole or not at all",
  async () => {
    const { scenario, reference } = knownOf("train");
    await run(
      ofMigration.map((place, index) => ({
        ...dying({ scenario, reference }, [`${place}:1:kill`], index),
        name: `an earlier database, ${place}`,
        prepare: earlierDatabase,
      })),
    );
  },
  timeoutMs,
);

test(
  "a run that is being removed is there whole or not at all, once somebody looked after it",
  async () => {
    for (const place of ofPruning) for (const keep of ["0", "9"]) await removedAt(place, keep);
  },
  timeoutMs,
);

test("some story has died at every place there is", () => {
  // One story alone cannot have died at all of them.
  if (process.env["AKC_CRASH_ONLY"] !== undefined) return;
  const ofOthers = (place: Failpoint) => [...ofReconciling, ...ofValidation, ...ofAutopilot].includes(place);
  expect(everyPlace.filter((place) => !diedAt.has(place) && !ofOthers(place))).toEqual([]);
});

/** Dies while it removes the run; the next one keeps `keep` runs. */
async function removedAt(place: Failpoint, keep: string): Promise<void> {
  const { scenario } = knownOf("train");
  const stage = await setStage({ scenario, counter });
  const prune = (count: string) => ["runtime", "prune", "--keep", count, "--outputs-root", stage.root];
  expect((await stage.start().ended).code).toBe(0);
  const died = await stage.akc(prune("0"), { failpoint: `${place}:1:kill` });
  expect({ place, code: died.code }).toEqual({ place, code: 137 });
  diedAt.add(place);
  expect(await stage.akc(prune(keep))).toMatchObject({ code: 0 });
  const picture = await stage.picture();
  if (picture === null) {
    // All of it: not its folder either, where it stood or set aside.
    expect(filesBelow(stage.root).filter((name) => name.includes(stage.runtimeRunId))).toEqual([]);
  } else expect({ place, faults: await leftovers(stage) }).toEqual({ place, faults: [] });
  const expected = keep === "0" || place === "prune.deleted" ? "gone" : "whole";
  expect({ place, keep, run: picture === null ? "gone" : "whole" }).toEqual({ place, keep, run: expected });
  stage.strike();
  sum.deaths += 1;
  sum.recoveries += 1;
}

async function learn(scenario: Scenario): Promise<void> {
  const log = join(folder, scenario.name);
  const reference = await referenceOf(scenario, counter, log);
  const reached = new Map<Failpoint, number>();
  for (const name of readFileSync(log, "utf8").split("\n")) {
    if (isPlace(name)) reached.set(name, (reached.get(name) ?? 0) + 1);
  }
  known.set(scenario.name, { scenario, reference, reached });
}

function knownOf(name: string): Known {
  const found = known.get(name);
  if (found === undefined) throw new Error(`nobody ran ${name}`);
  return found;
}

function isPlace(name: string): name is Failpoint {
  return Object.hasOwn(failpointPlaces, name);
}

function dying(
  about: Pick<Known, "scenario" | "reference">,
  failpoints: readonly string[],
  index: number,
): Story {
  return {
    ...about,
    name: `${about.scenario.name}, ${failpoints.join(", then ")}${index % 2 === 1 ? ", by start" : ""}`,
    deaths: failpoints.map(diesAt),
    byStart: index % 2 === 1,
    onDeath: (nth) => diedAt.add(failpoints[nth]?.split(":")[0] ?? ""),
  };
}

async function run(stories: readonly Story[]): Promise<void> {
  const only = process.env["AKC_CRASH_ONLY"];
  const told = await tellAll(
    stories.filter(({ name }) => only === undefined || name === only),
    counter,
    {
      atOnce,
      reproduce: ({ name }) =>
        `${full ? "AKC_CRASH=full " : ""}AKC_CRASH_ONLY='${name}' bun test test/crash/matrix.test.ts`,
    },
  );
  sum.deaths += told.deaths;
  sum.recoveries += told.recoveries;
}

/** The first, the last, and one between. */
function all(times: number): readonly number[] {
  return [...new Set([1, Math.ceil(times / 2), times])].filter((nth) => nth > 0 && nth <= times);
}

/** One of them; which one differs from place to place. */
function one(times: number, index: number): readonly number[] {
  const some = all(times);
  return some.slice(index % Math.max(1, some.length)).slice(0, 1);
}

function acts(index: number): readonly string[] {
  if (full) return ["kill", "exit"];
  return [index % 5 === 4 ? "exit" : "kill"];
}

/** A scope as the first version of akc left it. */
function earlierDatabase({ scope }: Stage): void {
  const path = databasePath(scope);
  mkdirSync(dirname(path), { recursive: true });
  using db = new Database(path, { create: true });
  db.run("PRAGMA page_size = 8192");
  db.run("PRAGMA journal_mode = WAL");
  db.run(initial.sql);
  db.run("PRAGMA application_id = 0x616b6373");
  db.run("PRAGMA user_version = 1");
}
