/**
 * Several controllers of the built binary on one scope, killed, stopped and woken, and robbed of their lease: one writes at a time, each
 * cause is acted on once, and somebody goes on soon.
 */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { scopeKey } from "../../../src/autopilot/lease/name.ts";
import { chanceOf } from "../../crash/chance.ts";
import { deploying, standing } from "../../e2e/services.ts";
import { chainFaults, fileFaults, runFaults, verdictsOf } from "./judge.ts";
import {
  type Controller,
  inPlace,
  isHolding,
  type Place,
  runningOf,
  shopScope,
  soon,
  standingServices,
  stateOf,
  stop,
} from "./place.ts";

const full = process.env["AKC_CRASH"] === "full";
const backends = ["sqlite", "filesystem"] as const;
type Backend = (typeof backends)[number];
/** The shortest that there is. */
const ttlMs = 3_000;
const patient = 240_000;

const leaseYaml = (backend: Backend) => `lease: {backend: ${backend}, ttl: 3s, replicas: 3}\n`;

async function firstStands(place: Place): Promise<void> {
  const path = await place.shop.write("v1", standingServices(1));
  expect((await place.shop.start(path, "--runtime-run-id", "r1")).code).toBe(0);
}

async function endAll(all: readonly Controller[]): Promise<void> {
  for (const one of all) {
    one.kill("SIGCONT");
    await stop(one);
  }
  for (const one of all) {
    const { code, stderr } = await one.ended;
    // What was killed by the test, and what left in good order.
    if (code !== 137 && code !== 0) throw new Error(`exit ${code}: ${stderr}`);
  }
}

/** Changes of a run happen only while an attempt of the scope is open: nobody works there without having said so. */
async function workFaults(place: Place, run: string): Promise<readonly string[]> {
  const [first] = await place.entries();
  // What the person's own start did was before.
  const sinceMs = first?.atMs ?? 0;
  const spans: { readonly fromMs: number; toMs: number }[] = [];
  for (const { fact, atMs } of await place.entries()) {
    if (fact.type === "attempt_started") spans.push({ fromMs: atMs, toMs: Number.POSITIVE_INFINITY });
    const last = spans.at(-1);
    if (fact.type === "attempt_ended" && last !== undefined) last.toMs = atMs;
  }
  return place.shop.world
    .events(run)
    .filter(({ type, atMs }) => {
      const isWork = type === "runtime.reconcile.operation_started" && atMs >= sinceMs;
      return isWork && !spans.some(({ fromMs, toMs }) => fromMs <= atMs && atMs <= toMs);
    })
    .map(({ type, atMs }) => `${type} at ${atMs} outside of ${JSON.stringify(spans)}`);
}

describe.each(backends)("%s", (backend) => {
  test.concurrent(
    "of three that are killed, stopped and woken at random one works at a time, and every service that died is started once",
    () =>
      inPlace(async (place) => {
        const seed = Number(process.env["AKC_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
        const chance = chanceOf(seed);
        await firstStands(place);
        await place.configure(`bundle: side/v1.json\n${leaseYaml(backend)}`);
        const all: Controller[] = [];
        const start = () => {
          const one = place.begin({ flags: ["--controller-id", `c${all.length}`] });
          all.push(one);
          return one;
        };
        const live = [start(), start(), start()];
        let deaths = 0;
        const [, web = ""] = runningOf(1);
        const rounds = full ? 12 : 4;
        for (let round = 0; round < rounds; round += 1) {
          await place.end(web);
          deaths += 1;
          await Bun.sleep(chance.between(0, 1_200));
          const at = chance.between(0, live.length - 1);
          const one = live[at];
          if (one === undefined) throw new Error("nobody is there");
          if (round % 2 === 0) {
            one.kill("SIGSTOP");
            await Bun.sleep(chance.pick([chance.between(0, 300), ttlMs + chance.between(0, 600)]));
            one.kill("SIGCONT");
          } else {
            one.kill("SIGKILL");
            live[at] = start();
          }
          await soon(`${web} runs, seed ${seed}`, () => place.shop.running().includes(web));
          // A repair that is not over yet would find the next death done already.
          await soon(
            `nothing is open, seed ${seed}`,
            async () => (await place.store((store) => store.state(shopScope))).attempt === undefined,
          );
        }
        await endAll(all);
        // What was cut off at the very end is gone on with.
        expect((await place.once()).code).toBe(0);
        const facts = (await place.entries()).map(({ fact }) => fact);
        const faults = [
          ...(await chainFaults(place)),
          ...(await workFaults(place, "r1")),
          ...(await fileFaults(place)),
        ];
        expect({ seed, faults }).toEqual({ seed, faults: [] });
        expect({ seed, begun: place.begun("web").length }).toEqual({ seed, begun: deaths + 1 });
        expect({ seed, db: place.begun("db").length }).toEqual({ seed, db: 1 });
        expect(verdictsOf(facts).filter((verdict) => verdict === "kept").length).toBeGreaterThan(0);
      }),
    patient,
  );

  test.concurrent(
    "a lease that is broken in the middle of a rollout stops its effects at once; whoever gets it goes on with the run",
    () =>
      inPlace(async (place) => {
        await firstStands(place);
        const slow = deploying([standing("db", 2)]).started("slow", {
          route: "subprocess",
          subprocess: {
            argv: [
              "sh",
              "-c",
              'echo begun >>ledger; test -e "$0" || sleep 61234',
              join(place.shop.world.side, "go"),
            ],
          },
        });
        await place.shop.write("v2", slow);
        await place.configure(`bundle: side/v2.json\n${leaseYaml(backend)}`);
        const effects = () => place.shop.world.processes().filter((shown) => shown === "sleep 61234").length;
        const one = place.begin({ flags: ["--controller-id", "one"] });
        await soon("the rollout is under way", () => effects() > 0);
        breakLease(place, backend, Date.now() + 10 * patient);
        // A third of the time to live, until it looks.
        await soon("its effects are over", () => effects() === 0);
        await soon("it knows", () => !isHolding(one));
        const [run = ""] = place.runs().slice(-1);
        // The run keeps its own lease to the end: that it was cut short is the last that is said of it.
        await soon("its run is cut short", async () => (await place.shop.world.standing(run)) === "stopped");
        const [entries, events] = [(await place.entries()).length, place.shop.world.events(run).length];
        expect(await place.store(async (store) => (await store.state(shopScope)).attempt?.runtimeRunId)).toBe(
          run,
        );
        await Bun.write(join(place.shop.world.side, "go"), "");
        expect([(await place.entries()).length, place.shop.world.events(run).length]).toEqual([
          entries,
          events,
        ]);
        breakLease(place, backend, Date.now());
        const other = place.begin({ flags: ["--controller-id", "other"] });
        await place.untilFacts("it is kept", (facts) => verdictsOf(facts).length > 0);
        await endAll([one, other]);
        const facts = (await place.entries()).map(({ fact }) => fact);
        expect([...(await chainFaults(place)), ...runFaults(place, facts)]).toEqual([]);
        expect(verdictsOf(facts)).toEqual(["kept"]);
      }),
    patient,
  );
});

/** Somebody else has it, who is never heard of again, until then. */
function breakLease(place: Place, backend: Backend, untilMs: number): void {
  const [name, nowMs] = [scopeKey(shopScope), Date.now()];
  if (backend === "filesystem") {
    const path = join(place.shop.world.scope, ".akc/autopilot/leases", `${name}.json`);
    const robbed = {
      ...JSON.parse(text(path)),
      holder_controller_id: "robber",
      renewed_at_ms: nowMs,
      expires_at_ms: untilMs,
    };
    rmSync(path);
    Bun.spawnSync(["tee", path], { stdin: Buffer.from(JSON.stringify(robbed)), stdout: "ignore" });
    return;
  }
  using db = new Database(join(place.outputsRoot, ".akc/autopilot/state.sqlite3"));
  db.run("PRAGMA busy_timeout = 5000");
  db.query(
    "UPDATE lease SET holder = 'robber', pid = 1, boot_id = '', host = 'elsewhere', renewed_at_ms = ?, expires_at_ms = ? WHERE name = ?",
  ).run(nowMs, untilMs, name);
}

function text(path: string): string {
  return Bun.spawnSync(["cat", path]).stdout.toString();
}

describe("one that is stopped in the middle of its work and wakes when it is another's", () => {
  const often = ["effect.before_start:1", "reconcile.intent_recorded:1", "autopilot.before_append:2"];
  const seldom = ["kernel.intents_durable:1", "reconcile.change_made:1", "autopilot.before_append:3"];
  for (const pause of full ? [...often, ...seldom] : often) {
    test.concurrent(
      `at ${pause} does nothing more: neither facts nor effects`,
      () =>
        inPlace(async (place) => {
          await firstStands(place);
          await place.shop.write("v2", standingServices(2));
          await place.configure(`bundle: side/v2.json\n${leaseYaml("sqlite")}`);
          const asleep = place.begin({ failpoint: `${pause}:pause`, flags: ["--controller-id", "asleep"] });
          await soon("it is stopped", () => stateOf(asleep.pid) === "T");
          const since = Date.now();
          const other = place.begin({ flags: ["--controller-id", "other"] });
          await place.untilFacts("the other has kept it", (facts) => verdictsOf(facts).length > 0);
          const [taken] = (await place.entries()).filter(({ writer }) => writer.startsWith("other@"));
          // Its time to live, the look that comes next, and what a machine with much to do takes beside.
          // Nothing else has to do with how fast this machine is.
          if (full) expect((taken?.atMs ?? 0) - since).toBeLessThan(5 * ttlMs);
          const run = place.runs().at(-1) ?? "";
          const [entries, events] = [await place.entries(), place.shop.world.events(run)];
          asleep.kill("SIGCONT");
          await soon("it knows that it has lost", () => !isHolding(asleep));
          asleep.kill("SIGTERM");
          const { code, stderr } = await asleep.ended;
          expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
          expect((await place.entries()).slice(0, entries.length)).toEqual([...entries]);
          const late = (await place.entries()).slice(entries.length);
          expect(late.filter(({ writer }) => writer.startsWith("asleep@"))).toEqual([]);
          expect(place.shop.world.events(run)).toEqual([...events]);
          await endAll([other]);
          const facts = (await place.entries()).map(({ fact }) => fact);
          expect([
            ...(await chainFaults(place)),
            ...runFaults(place, facts),
            ...(await fileFaults(place)),
          ]).toEqual([]);
          expect(verdictsOf(facts)).toEqual(["kept"]);
          // The run of one that was stopped is taken from it at once: its own lease is not waited for.
          expect(facts.filter(({ type }) => type === "visit_failed")).toEqual([]);
          await place.shop.expectRunning(runningOf(2));
          expect([place.begun("db"), place.begun("web")]).toEqual([
            ["v1", "v2"],
            ["v1", "v2"],
          ]);
        }),
      patient,
    );
  }
});
