/** Steps that wait for a person, another program or a clock: across restarts, with deadlines, and with slips of the pen. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BundleBuilder, bundle, type Json, type StepRoute, sh } from "./bundle.ts";
import { expectError, expectOutcome, inWorld, jsonObject, type Live, until, type World } from "./world.ts";

const wait = (spec: Json): StepRoute => ({ route: "wait", wait: spec });
const approval = bundle()
  .step("build", sh("echo x >> count-build"))
  .step("approve", wait({ signal: "go-live", approval: true }), "build")
  .step("deploy", sh("echo x >> count-deploy"), "approve");

/** Starts `r1` and waits until it stands `waiting`. */
async function waiting(world: World, which: BundleBuilder): Promise<Live> {
  const live = await world.begin(which, "--runtime-run-id", "r1");
  await untilWaiting(world);
  return live;
}

function untilWaiting(world: World): Promise<void> {
  return until("the run waits", async () => {
    return existsSync(world.runFolder("r1")) && (await world.standing("r1")) === "waiting";
  });
}

const send = (world: World, ...flags: readonly string[]) => world.ask("runtime", "signal", "r1", ...flags);
const status = async (world: World) => (await world.ask("runtime", "status", "r1")).report;

async function kill(live: Live): Promise<void> {
  live.kill("SIGKILL");
  await live.ended;
}

function lines(world: World, name: string): number {
  const path = join(world.workdir("r1"), name);
  return existsSync(path) ? readFileSync(path, "utf8").length / 2 : 0;
}

describe("a step that waits for an approval", () => {
  test("is told about, outlives its process, and goes on when somebody approves", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world, approval);
      const { report: listed } = await world.ask("runtime", "list");
      expect(listed["items"]).toMatchObject([{ standing: "waiting" }]);
      expect(await status(world)).toMatchObject({
        counts: { suspended: 1, succeeded: 1 },
        waits: [{ step_id: "approve", for: "signal", signal: "go-live", approval: true, due_at_ms: null }],
        open_signals: [],
      });
      await kill(live);
      const sent = await send(world, "--name", "go-live", "--approve", "--reason", "looked at it");
      expect(sent.report).toMatchObject({ kind: "SignalResult", new: true, waiting: ["approve"] });
      expect(sent.stderr).toContain("approve waits for it now\nwarning: no process runs this run any more");
      expect(await status(world)).toMatchObject({
        standing: "abandoned",
        open_signals: [{ name: "go-live", sender: sent.report["sender"] }],
      });
      const ran = await world.ask("runtime", "resume", "r1");
      expectOutcome(ran, "succeeded", 0, null);
      expect({ build: lines(world, "count-build"), deploy: lines(world, "count-deploy") }).toEqual({
        build: 1,
        deploy: 1,
      });
      const [received] = world.events("r1").filter(({ type }) => type === "runtime.signal.received");
      expect(received?.payload).toMatchObject({ name: "go-live", sender: sent.report["sender"] });
      expect(await status(world)).toMatchObject({ waits: [], open_signals: [] });
    });
  });

  test("ends denied when somebody refuses, and nothing that depends on it runs", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world, approval);
      await send(world, "--name", "go-live", "--refuse", "--reason", "not on a Friday");
      const ran = await live.ended;
      expectOutcome({ ...ran, report: jsonObject(ran.stdout) }, "blocked", 2, "APPROVAL_REFUSED");
      expect(lines(world, "count-deploy")).toBe(0);
      expect(ran.stderr).toContain("not on a Friday");
    });
  });

  test("is not answered by a slip of the pen", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world, approval);
      const payload = join(world.side, "payload.json");
      writeFileSync(payload, "{");
      const wrong: readonly (readonly [string, readonly string[]])[] = [
        ["USAGE", ["--name", "go-live"]],
        ["USAGE", ["--approve"]],
        ["USAGE", ["--name", "no/name", "--approve"]],
        ["USAGE", ["--name", "go-live", "--approve", "--refuse"]],
        ["USAGE", ["--name", "go-live", "--approve", "--payload", payload]],
        ["USAGE", ["--name", "go-live", "--reason", "why"]],
        ["USAGE", ["--name", "go-live", "--approve", "--id", ""]],
        ["JSON_SYNTAX", ["--name", "go-live", "--payload", payload]],
        ["FILE_NOT_FOUND", ["--name", "go-live", "--payload", `${payload}.not`]],
      ];
      for (const [code, flags] of wrong) {
        const said = await send(world, ...flags);
        expect({ flags, code: said.report["code"], exit: said.code }).toEqual({ flags, code, exit: 2 });
      }
      writeFileSync(payload, JSON.stringify("x".repeat(2 * 1024 * 1024)));
      expect((await send(world, "--name", "other", "--payload", payload)).report["code"]).toBe(
        "JSON_TOO_LARGE",
      );
      expectError(await world.ask("runtime", "signal", "nowhere", "--name", "go-live"), "RUN_NOT_FOUND", 2);
      expect(await status(world)).toMatchObject({ standing: "waiting", open_signals: [] });
      await send(world, "--name", "go-live", "--approve");
      expect((await live.ended).code).toBe(0);
      const late = expectError(await send(world, "--name", "go-live", "--approve"), "RUN_EXISTS", 5);
      expect(late["error"]).toContain("ended");
    });
  });
});

describe("a signal", () => {
  test("may come before a step waits for it, is kept once whatever is sent twice, and hands over its payload", async () => {
    await inWorld(async (world) => {
      const early = bundle()
        .step("hold", sh("touch up; while ! test -e go; do sleep 0.01; done"))
        .step("gate", wait({ signal: "scale" }), "hold")
        .step("use", sh("cat > handed || true; env | grep -i akc > seen; true"), "gate");
      const live = await world.begin(early, "--runtime-run-id", "r1");
      await until("it holds", () => existsSync(join(world.workdir("r1"), "up")));
      const payload = join(world.side, "payload.json");
      writeFileSync(payload, '{ "replicas": 3 }');
      const flags = ["--name", "scale", "--id", "build-7", "--payload", payload];
      const first = await send(world, ...flags);
      expect(first.report).toMatchObject({ new: true, id: "build-7", waiting: [] });
      expect(first.stderr).toContain("it is kept until one does");
      expect((await send(world, ...flags)).report).toMatchObject({ new: false });
      writeFileSync(payload, '{"replicas":4}');
      expectError(await send(world, ...flags), "SIGNAL_CONFLICT", 5);
      expect(await status(world)).toMatchObject({ open_signals: [{ id: "build-7", name: "scale" }] });
      writeFileSync(join(world.workdir("r1"), "go"), "");
      expect((await live.ended).code).toBe(0);
      const completed = world
        .events("r1")
        .find(
          ({ type, payload }) => type.endsWith(".completed") && JSON.stringify(payload).includes(":gate:"),
        );
      expect(JSON.stringify(completed?.payload)).toContain('"signal_id":"build-7"');
    });
  });

  test("goes to one step, the one that waited first", async () => {
    await inWorld(async (world) => {
      const two = bundle()
        .step("one", wait({ signal: "next" }))
        .step("two", wait({ signal: "next" }), "one");
      const live = await waiting(world, two);
      await send(world, "--name", "next");
      await until("the second waits", async () => {
        const { counts, standing } = await status(world);
        return standing === "waiting" && (counts as Json)["succeeded"] === 1;
      });
      await send(world, "--name", "next");
      expect((await live.ended).code).toBe(0);
    });
  });
});

describe("a step that waits for a clock", () => {
  test("waits on across a restart, and no longer than it was to", async () => {
    await inWorld(async (world) => {
      const timed = bundle()
        .step("pause", wait({ duration_ms: 1_500 }))
        .step("after", sh("echo x >> count-after"), "pause");
      const live = await waiting(world, timed);
      await kill(live);
      const [{ due_at_ms: dueAtMs } = { due_at_ms: 0 }] = (await status(world))["waits"] as readonly {
        readonly due_at_ms: number;
      }[];
      expectOutcome(await world.ask("runtime", "resume", "r1"), "succeeded", 0, null);
      const done = world.events("r1").find(({ type }) => type === "runtime.action.completed");
      expect(done?.atMs ?? 0).toBeGreaterThanOrEqual(dueAtMs);
      const waits = world.events("r1").filter(({ type }) => type === "runtime.action.wait_started");
      expect(waits.length).toBe(1);
      expect(lines(world, "count-after")).toBe(1);
    });
  });

  test("is due at once when its time came while no process was there", async () => {
    await inWorld(async (world) => {
      const timed = bundle()
        .step("pause", wait({ duration_ms: 600 }))
        .step("after", sh("true"), "pause");
      await kill(await waiting(world, timed));
      await Bun.sleep(700);
      expectOutcome(await world.ask("runtime", "resume", "r1"), "succeeded", 0, null);
    });
  });

  test("and for a signal that does not come fails with its own code", async () => {
    await inWorld(async (world) => {
      const late = bundle().step("gate", wait({ signal: "never", timeout_ms: 3_000 }));
      expectOutcome(await world.start(late, "--runtime-run-id", "r1"), "failed", 1, "WAIT_TIMEOUT");
      // The hint works: sent now and run again, it succeeds.
      const again = world.live([
        "runtime",
        "resume",
        "r1",
        "--from",
        "gate",
        "--outputs-root",
        world.root,
        "-o",
        "json",
      ]);
      // As soon as the run takes it: it counts by when it was sent, also before anything waits for it.
      await until("the signal is taken", async () => (await send(world, "--name", "never")).code === 0);
      expect((await again.ended).code).toBe(0);
    });
  });

  test("stops when it is told to, and waits again when it goes on", async () => {
    await inWorld(async (world) => {
      const live = await waiting(world, approval);
      await world.ask("runtime", "stop", "r1", "--wait", "20s");
      expect((await live.ended).code).toBe(1);
      expect(await world.standing("r1")).toBe("stopped");
      const refused = expectError(await send(world, "--name", "go-live", "--approve"), "RUN_EXISTS", 5);
      expect(refused["hint"]).toContain(`runtime resume r1 --outputs-root`);
      const again = world.live(["runtime", "resume", "r1", "--outputs-root", world.root, "-o", "json"]);
      await untilWaiting(world);
      await send(world, "--name", "go-live", "--approve");
      expect((await again.ended).code).toBe(0);
      expect(lines(world, "count-deploy")).toBe(1);
    });
  });
});
