/**
 * Dies at every place of judging a run by outside evidence, and again while another goes on. Then every answer that was recorded is still
 * there and was asked for once, every file stands, and the run was judged once.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv } from "../e2e/akc.ts";
import type { BundleBuilder } from "../e2e/bundle.ts";
import { filesBelow, until, type World } from "../e2e/world.ts";
import { answerInTurn, bundle, deathOf, expectWhole, observedType, onStage, run } from "./judged-stage.ts";
import { binaries } from "./stage.ts";

setDefaultTimeout(60_000);

const places = [
  "kernel.finished:1",
  "validation.answered:1",
  "validation.recorded:1",
  "validation.answered:3",
  "validation.recorded:3",
  "validation.all_recorded:1",
  "validation.attested:1",
  "evidence.before_seal:1",
] as const;

for (const [index, place] of places.entries()) {
  const byStart = index % 2 === 0;
  test(`killed at ${place}, gone on with by ${byStart ? "start" : "resume"}: judged once, and everything asked once`, () =>
    onStage(async (stage) => {
      answerInTurn(stage);
      await stage.dies(`${place}:kill`, stage.start);
      const death = deathOf(stage);
      const ran = await stage.akc(byStart ? stage.start : stage.resume);
      expect({ code: ran.code, ...ran.report }).toMatchObject({
        ...{ code: 0, outcome: "succeeded", exit_code: 0 },
        validity: { verdict: "pass", passed: true, failures: [] },
      });
      await expectWhole(stage, death);
    }));
}

test("a run that was failed for what was said says so too when it is only sealed later", () =>
  onStage(async (stage) => {
    stage.source.value.set("b", 7);
    await stage.dies("validation.attested:1:kill", stage.start);
    const death = deathOf(stage);
    const ran = await stage.akc(stage.resume);
    expect({ code: ran.code, ...ran.report }).toMatchObject({
      ...{ code: 1, outcome: "failed", status: "failed", last_error_code: "VALIDITY_FAILED" },
      last_error: "operational criteria not met: few-b (fail)",
      validity: { verdict: "fail", passed: false, failures: [expect.stringContaining("7")] },
    });
    await expectWhole(stage, death);
  }));

test("killed again and again at every place, it is still judged once", () =>
  onStage(async (stage) => {
    answerInTurn(stage);
    await stage.dies("kernel.finished:1:kill", stage.start);
    for (const place of places) {
      const [name = ""] = place.split(":");
      // Whoever goes on has less to ask.
      if (name !== "kernel.finished") await stage.dies(`${name}:1:kill`, stage.resume);
    }
    const death = deathOf(stage);
    const ran = await stage.akc(stage.resume);
    expect({ code: ran.code, ...ran.report }).toMatchObject({ code: 0, validity: { verdict: "pass" } });
    await expectWhole(stage, death);
  }));

test("killed while it waits for an answer, it keeps those that it has and asks for the others again", () =>
  onStage(async (stage) => {
    const { world, source, start } = stage;
    const silent = Promise.withResolvers<void>();
    source.onAsked = (id) => (id === "b" ? silent.promise : undefined);
    const live = stage.live(start);
    const recorded = () => world.events(run).filter(({ type }) => type === observedType).length;
    await until("it waits for b alone", () => source.times("b") === 1 && recorded() === 2);
    live.kill("SIGKILL");
    await live.ended;
    const death = deathOf(stage);
    expect([...death.recorded.keys()].toSorted()).toEqual(["a", "c"]);
    source.onAsked = () => undefined;
    silent.resolve();
    expect(await stage.akc(stage.resume)).toMatchObject({ code: 0 });
    await expectWhole(stage, death);
    expect(source.times("b")).toBe(2);
  }));

describe("asked again on purpose", () => {
  const again = (world: World) => [
    ...["verify", "--tenant-id", "acme", "--repo-id", "shop", "--runtime-run-id", run],
    ...["--execute-validators", "--outputs-root", world.root],
  ];
  for (const place of ["validation.recorded:2", "validation.all_recorded:1", "validation.attested:1"]) {
    test(`killed at ${place}, it is judged by what was said then, once`, () =>
      onStage(async (stage) => {
        const { world } = stage;
        expect(await stage.akc(stage.start)).toMatchObject({ code: 0 });
        stage.source.value.set("c", 9);
        await stage.dies(`${place}:kill`, again(world).slice(0, -2));
        const death = deathOf(stage);
        const ran = await stage.akc(stage.resume);
        expect(ran.report).toMatchObject({ validity: { verdict: "fail" } });
        await expectWhole(stage, death, 2);
      }));
  }
});

/** `AKC_CRASH=full`: at each of them. */
const full = process.env["AKC_CRASH"] === "full";

test("killed in the middle of writing a file, it leaves nothing half done once somebody goes on", async () => {
  const total = await filesWritten();
  const every = Array.from({ length: total }, (_, index) => index + 1);
  for (const nth of full ? every : every.filter((n) => n % 8 === 1 || n === total)) {
    await onStage(async (stage) => {
      await stage.dies(`file.before_rename:${nth}:kill`, stage.start);
      const death = deathOf(stage);
      expect(filesBelow(stage.world.scope).filter((name) => name.includes(".tmp."))).not.toEqual([]);
      expect(await stage.akc(stage.resume)).toMatchObject({ code: 0 });
      await expectWhole(stage, death);
      expect({ nth, left: filesBelow(stage.world.scope).filter((name) => name.includes(".tmp.")) }).toEqual({
        nth,
        left: [],
      });
    });
  }
}, 240_000);

/** How many files the run writes whole when nothing happens. */
async function filesWritten(): Promise<number> {
  return (await reached(bundle)).filter((place) => place === "file.before_rename").length;
}

/** Every place that the run comes by when nothing happens, in order. */
async function reached(plan: BundleBuilder): Promise<readonly string[]> {
  let places: readonly string[] = [];
  await onStage(async (stage) => {
    const { world, start } = stage;
    answerInTurn(stage);
    const log = join(world.side, "log");
    const child = Bun.spawn([binaries.failpoints, ...start, "--outputs-root", world.root], {
      env: { ...plainEnv, AKC_FAILPOINT_LOG: log },
      stdio: ["ignore", "ignore", "ignore"],
    });
    await child.exited;
    places = readFileSync(log, "utf8").split("\n").filter(Boolean);
  }, plan);
  return places;
}

test("killed once it has failed for other evidence that is missing, it keeps what was said", async () => {
  const expecting = bundle.with({
    runtime_policy_envelope: {
      runtime_evidence_expectations: ["reconcile_outcome"],
      allow_runtime_evidence_expectation_widening: true,
    },
  });
  const places = await reached(expecting);
  const answered = places.indexOf("validation.all_recorded");
  // The next one makes durable what is missing.
  const nth = places.slice(0, places.indexOf("commit.committed", answered) + 1);
  const commits = nth.filter((place) => place === "commit.committed").length;
  await onStage(async (stage) => {
    answerInTurn(stage);
    await stage.dies(`commit.committed:${commits}:kill`, stage.start);
    const death = deathOf(stage);
    expect(death.events.at(-1)?.type).toBe("runtime.evidence.expectations_unmet");
    expect(await stage.akc(stage.resume)).toMatchObject({ code: 1, report: { outcome: "failed" } });
    await expectWhole(stage, death);
  }, expecting);
});
