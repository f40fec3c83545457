/**
 * What ends the judging of a run before it is through: a signal, a deadline, a registry that is gone, somebody who takes the run away. It
 * ends soon, keeps what was said, writes nothing that it may not write, and never takes a run for good that nobody judged.
 */
import { expect, setDefaultTimeout, test } from "bun:test";
import { lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { sh } from "../e2e/bundle.ts";
import { rowsOf, verify } from "../e2e/judged.ts";
import {
  filesBelow,
  jsonObject,
  type Live,
  type RecordedEvent,
  type Started,
  until,
  untilThere,
} from "../e2e/world.ts";
import {
  attestedType,
  bundle,
  deathOf,
  expectWhole,
  ids,
  observedType,
  onStage,
  run,
  type Stage,
} from "./judged-stage.ts";

setDefaultTimeout(60_000);

const ofType = (events: readonly RecordedEvent[], type: string) =>
  events.filter((event) => event.type === type);

/** Starts it, and waits until only `b` has not answered. */
async function waitingForB(stage: Stage, ...flags: readonly string[]) {
  const { world, source, start } = stage;
  const silent = Promise.withResolvers<void>();
  source.onAsked = (id) => (id === "b" ? silent.promise : undefined);
  const live = stage.live([...start, ...flags]);
  await until("it waits for b alone", () => {
    return source.times("b") === 1 && ofType(world.events(run), observedType).length === ids.length - 1;
  });
  return {
    live,
    answer() {
      source.onAsked = () => undefined;
      silent.resolve();
    },
  };
}

async function endsWithin(ms: number, live: Live): Promise<Started> {
  const late = Bun.sleep(ms).then(() => "late" as const);
  const ran = await Promise.race([live.ended, late]);
  if (ran === "late") throw new Error(`it did not end within ${ms} ms`);
  return { ...ran, report: JSON.parse(ran.stdout) };
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`${signal} while somebody is asked: it ends at once, is not judged, and resume asks for the rest alone`, () =>
    onStage(async (stage) => {
      const { world, source } = stage;
      const { live, answer } = await waitingForB(stage);
      live.kill(signal);
      const ran = await endsWithin(4_000, live);
      expect({ code: ran.code, ...ran.report }).toMatchObject({ code, outcome: "succeeded", exit_code: 4 });
      expect(ran.report["validity"]).toBeUndefined();
      expect(ran.stderr).toMatch(
        /the run was stopped before it was judged\nhint: `\S*akc runtime resume r1 /,
      );
      expect(ofType(world.events(run), attestedType)).toEqual([]);
      const status = await world.ask("runtime", "status", run);
      expect(status.report).toMatchObject({ outcome: "succeeded", evidence_sealed: false });
      const stale = await world.ask("runtime", "list", "--stale");
      expect(stale.report["items"]).toMatchObject([{ runtime_run_id: run, stale: "unsealed" }]);
      expect((await world.ask("runtime", "verify", run)).report).toMatchObject({ verdict: "verified" });
      // What was said until then stands in the evidence that was written.
      expect(rowsOf(world, ran, "a")).toMatchObject([{ verdict: "pass" }]);
      expect(rowsOf(world, ran, "b")).toEqual([]);

      answer();
      const death = deathOf(stage);
      const resumed = await stage.akc(stage.resume);
      expect(resumed).toMatchObject({ code: 0, report: { validity: { verdict: "pass" } } });
      expect(ids.map((id) => source.times(id))).toEqual([1, 2, 1]);
      await expectWhole(stage, death);
    }));
}

test("a second signal ends it at once; nothing is lost by that", () =>
  onStage(async (stage) => {
    const { live, answer } = await waitingForB(stage);
    live.kill("SIGTERM");
    live.kill("SIGTERM");
    await Promise.race([live.ended, Bun.sleep(4_000).then(() => Promise.reject(new Error("it goes on")))]);
    answer();
    const death = deathOf(stage);
    expect(await stage.akc(stage.resume)).toMatchObject({ code: 0 });
    await expectWhole(stage, death);
  }));

test("the deadline of the run holds for judging it: what was not said in time is an error, and the run has failed", () =>
  onStage(async (stage) => {
    const { world } = stage;
    const { live, answer } = await waitingForB(stage, "--deadline", "2s");
    const ran = await endsWithin(6_000, live);
    expect({ code: ran.code, ...ran.report }).toMatchObject({
      ...{ code: 1, outcome: "failed", last_error_code: "VALIDITY_FAILED" },
      last_error: "operational criteria not met: few-b (error)",
      validity: { verdict: "error", passed: false },
    });
    expect(ofType(world.events(run), observedType).at(-1)?.payload).toMatchObject({
      ...{ binding_id: "b", verdict: "error", reason: "timeout" },
      artifact: { message: "the time for all bindings together was over" },
    });
    answer();
    await expectWhole(stage, deathOf(stage));
  }));

const untilTold = bundle.started("wait", sh("touch begun; while [ ! -e go ]; do sleep 0.02; done"));

for (const [name, breakIt] of [
  ["became invalid", (path: string) => writeFileSync(path, "{ not: [valid")],
  ["went away", (path: string) => rmSync(path)],
] as const) {
  test(`a registry that ${name} between start and end costs no evidence: every binding is an error that says so`, () =>
    onStage(async (stage) => {
      const { world, start, registry, source } = stage;
      const good = readFileSync(registry);
      const work = join(world.runFolder(run), "work");
      const live = stage.live(start);
      await untilThere(join(work, "begun"));
      breakIt(registry);
      writeFileSync(join(work, "go"), "");
      const ran = await endsWithin(10_000, live);
      expect({ code: ran.code, ...ran.report }).toMatchObject({
        ...{ code: 1, outcome: "failed", last_error_code: "VALIDITY_FAILED" },
        validity: { verdict: "error" },
      });
      for (const { payload } of ofType(world.events(run), observedType)) {
        expect(payload).toMatchObject({ verdict: "error", reason: "missing" });
        expect(JSON.stringify(payload["artifact"])).toMatch(
          /cannot be read: .*\[BINDINGS_(INVALID|NOT_FOUND)\]/,
        );
      }
      expect(ids.map((id) => source.times(id))).toEqual([0, 0, 0]);
      expect((await world.ask("runtime", "verify", run, "--rebuild")).report).toMatchObject({
        verdict: "verified",
        evidence: "sealed",
      });

      writeFileSync(registry, good);
      const again = await verify(world, "--execute-validators", "--validator-bindings", registry);
      expect(again.report).toMatchObject({ verdict: "pass", passed: true });
    }, untilTold));
}

/** Every file of the scope but the database's own, as it lies there. */
function files({ world }: Stage): Readonly<Record<string, string>> {
  const names = filesBelow(world.scope).filter((name) => !/state\.sqlite3(-wal|-shm)?$/.test(name));
  return Object.fromEntries(
    names.map((name) => {
      const path = join(world.scope, name);
      return [name, `${lstatSync(path).mtimeMs} ${sha256Hex(readFileSync(path))}`];
    }),
  );
}

for (const answers of [true, false]) {
  test(`whoever lost the run while it asked writes nothing any more, ${answers ? "though it is answered" : "also without an answer"}`, () =>
    onStage(async (stage) => {
      const { world, source } = stage;
      const { live, answer } = await waitingForB(stage);
      live.kill("SIGSTOP");
      const held = await world.ask("lease", "show", run);
      const token = String(jsonObject(JSON.stringify(held.report["holder"]))["token"]);
      expect((await world.ask("lease", "break", run, "--token", token)).code).toBe(0);
      const silent = source.onAsked;
      source.onAsked = () => undefined;
      expect(await stage.akc(stage.resume)).toMatchObject({
        code: 0,
        report: { validity: { verdict: "pass" } },
      });
      const [events, before] = [world.events(run), files(stage)];

      source.onAsked = silent;
      if (answers) answer();
      live.kill("SIGCONT");
      const ran = await endsWithin(15_000, live);
      expect({ code: ran.code, ...ran.report }).toMatchObject({ exit_code: 5, code: "LEASE_LOST" });
      expect(world.events(run)).toEqual(events);
      expect(files(stage)).toEqual(before);
      answer();
      await expectWhole(stage, deathOf(stage));
    }));
}
