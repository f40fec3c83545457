/** Files that go from step to step by content: through retries, deaths and tampering, and out of no folder but the step's own. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BundleBuilder, type Json, type StepRoute, sh } from "./bundle.ts";
import { handing, leaving, step, taking } from "./handed.ts";
import {
  expectError,
  expectOutcome,
  inWorld,
  type RecordedEvent,
  until,
  untilThere,
  type World,
} from "./world.ts";

/** Larger than what the database holds itself. */
const large = "head -c 40000 /dev/zero | tr '\\0' x > release.tar";

const folderOf = (world: World, id: string) => join(world.runFolder("r1"), "steps", id);

function resultOf(events: readonly RecordedEvent[], id: string): Json {
  const named = (payload: Json) => JSON.stringify(payload["action"] ?? "").includes(`coordination:${id}:`);
  const last = events.filter(({ payload }) => named(payload) && payload["result"] !== undefined).at(-1);
  return Object.fromEntries(Object.entries(Object(last?.payload["result"])));
}

const start = (world: World, which: BundleBuilder, ...flags: readonly string[]) =>
  world.start(which, "--runtime-run-id", "r1", ...flags);

describe("a file that a step leaves", () => {
  test("stands in the folder of the step that takes it, read-only, and is on record by its content", async () => {
    await inWorld(async (world) => {
      const train = handing(
        step(
          "build",
          leaving(`${large}; mkdir out; echo notes > out/notes.txt`, "release.tar", "out/notes.txt"),
        ),
        step(
          "check",
          taking(
            "test $(wc -c < in/x.tar) = 40000 && cat out/notes.txt && ls -A",
            ["build", "release.tar", "in/x.tar"],
            ["build", "out/notes.txt"],
          ),
          "build",
        ),
      );
      expectOutcome(await start(world, train), "succeeded", 0, null);
      expect(statSync(join(folderOf(world, "check"), "in/x.tar")).mode & 0o777).toBe(0o444);
      const left = Object(resultOf(world.events("r1"), "build")["outputs"])["files"];
      expect(left).toEqual({
        "release.tar": { sha256: digest("x".repeat(40_000)), size_bytes: 40_000 },
        "out/notes.txt": { sha256: digest("notes\n"), size_bytes: 6 },
      });
      const taken = Object(resultOf(world.events("r1"), "check")["outputs"]);
      expect(taken["inputs"]["in/x.tar"]).toEqual({
        step: "build",
        path: "release.tar",
        ...left["release.tar"],
      });
      // Nothing but what it was given, and the folder for its temporary files.
      expect(String(taken["stdout"]).replace(/\.tmp-\S+\n/, "")).toBe("notes\nin\nout\n");
    });
  });

  test("belongs to the run: it is verified, replayed, given away with it, and goes when the run goes", async () => {
    await inWorld(async (world) => {
      const train = handing(
        step("build", leaving(large, "release.tar")),
        step("check", taking("true", ["build", "release.tar"]), "build"),
      );
      expectOutcome(await start(world, train), "succeeded", 0, null);
      const artifacts = () =>
        readdirSync(join(world.scope, ".akc/runtime/artifacts"), { recursive: true }).map(String);
      const file = `${digest("x".repeat(40_000)).slice(0, 2)}/${digest("x".repeat(40_000))}`;
      expect(artifacts()).toContain(file);
      expect((await world.ask("runtime", "verify", "r1")).code).toBe(0);
      expect((await world.ask("runtime", "replay", "r1", "--mode", "runtime_replay")).code).toBe(0);
      const archive = join(world.side, "r1.akcrun");
      expect(await world.ask("runtime", "export", "r1", "--to", archive)).toMatchObject({ code: 0 });
      expect(await world.akc(["runtime", "verify", "--archive", archive])).toMatchObject({ code: 0 });
      writeFileSync(join(world.scope, ".akc/runtime/artifacts", file), "y".repeat(40_000));
      const verified = await world.ask("runtime", "verify", "r1");
      expect(verified.code).not.toBe(0);
      expect(verified.stdout).toContain(digest("x".repeat(40_000)));
      expect((await world.ask("runtime", "prune", "--keep", "0")).code).toBe(0);
      expect(artifacts()).not.toContain(file);
    });
  });

  test("is given again to every try, whatever the one before made of it", async () => {
    await inWorld(async (world) => {
      const script =
        'test "$(cat a)" = one && test "$(ls -A | grep -v tmp)" = a || exit 9; chmod u+w a; echo spoilt > a; touch half; test $AKC_ATTEMPT = 2';
      const train = handing(
        step("build", leaving("echo one > a", "a")),
        step("check", taking(script, ["build", "a"]), "build"),
      );
      const ran = await start(world, train);
      expectOutcome(ran, "succeeded", 0, null);
      expect(ran.report["counts"]).toMatchObject({ retried: 1, succeeded: 2 });
    });
  });

  test("of a try that failed is not taken for one of the next", async () => {
    await inWorld(async (world) => {
      const train = handing(
        step("build", leaving("test $AKC_ATTEMPT = 2 || { echo half > a; exit 1; }", "a")),
      );
      expectOutcome(await start(world, train), "failed", 1, "STEP_OUTPUT_MISSING");
      expect(await world.stepErrors("r1")).toEqual({ build: "STEP_OUTPUT_MISSING" });
    });
  });

  test("outlives the process: killed before the next step, resumed by another", async () => {
    await inWorld(async (world) => {
      const once = "test $AKC_ATTEMPT = 1 && { touch up; sleep 1000; }; cat a";
      const train = handing(
        step("build", leaving("echo one > a", "a")),
        step("check", taking(once, ["build", "a"]), "build"),
      );
      const live = await world.begin(train, "--runtime-run-id", "r1");
      await untilThere(join(folderOf(world, "check"), "up"));
      live.kill("SIGKILL");
      await live.ended;
      writeFileSync(join(folderOf(world, "check"), "left"), "by the dead one");
      const ran = await world.ask("runtime", "resume", "r1");
      expectOutcome(ran, "succeeded", 0, null);
      expect(resultOf(world.events("r1"), "check")["outputs"]).toMatchObject({ stdout: "one\n" });
      expect(readdirSync(folderOf(world, "check"))).toEqual(["a"]);
    });
  });

  test("is handed on to a step that is run again, and anew when the step that leaves it is", async () => {
    await inWorld(async (world) => {
      const train = handing(
        step("build", leaving('printf %s "$AKC_IDEMPOTENCY_KEY" > a', "a")),
        step("check", taking("cat a", ["build", "a"]), "build"),
      );
      const seen = () => Object(resultOf(world.events("r1"), "check")["outputs"])["stdout"];
      expectOutcome(await start(world, train), "succeeded", 0, null);
      const first = seen();
      expectOutcome(await world.ask("runtime", "resume", "r1", "--from", "check"), "succeeded", 0, null);
      expect(seen()).toBe(first);
      expectOutcome(await world.ask("runtime", "resume", "r1", "--from", "build"), "succeeded", 0, null);
      expect(seen()).toMatch(/^[0-9a-f]{64}$/);
      expect(seen()).not.toBe(first);
    });
  });

  test("that was changed in the store is not handed on", async () => {
    await inWorld(async (world) => {
      const train = handing(
        step("build", leaving(large, "release.tar")),
        step("gate", { route: "wait", wait: { signal: "go" } }),
        { ...step("check", taking("true", ["build", "release.tar"]), "build"), after: ["gate"] },
      );
      const live = await world.begin(train, "--runtime-run-id", "r1");
      await until("build is done", () => {
        return world.processes().length > 0 && settled(world, "build");
      });
      const sha256 = digest("x".repeat(40_000));
      writeFileSync(
        join(world.scope, ".akc/runtime/artifacts", sha256.slice(0, 2), sha256),
        "y".repeat(40_000),
      );
      await world.ask("runtime", "signal", "r1", "--name", "go");
      const ended = await live.ended;
      expect(ended.code).toBe(1);
      expect(await world.stepErrors("r1")).toEqual({ check: "STEP_INPUT_DAMAGED" });
      expect(ended.stderr).toContain("[STEP_INPUT_DAMAGED]");
    });
  });
});

function settled(world: World, id: string): boolean {
  try {
    return resultOf(world.events("r1"), id)["status"] === "succeeded";
  } catch {
    return false;
  }
}

test("what is no regular file of the folder, is not there, or is too large, fails the step", async () => {
  await inWorld(async (world) => {
    const wrong: Readonly<Record<string, readonly [script: string, path: string]>> = {
      absent: ["true", "a"],
      behind: ["ln -s /etc b", "b/hostname"],
      deep: ["touch a", "a/b"],
      folder: ["mkdir a", "a"],
      huge: ["truncate -s 300M a", "a"],
      link: ["ln -s /etc/passwd a", "a"],
      own: ["touch b; ln -s b a", "a"],
      pipe: ["mkfifo a", "a"],
    };
    const steps = Object.entries(wrong).map(([id, [script, path]]) => step(id, leaving(script, path)));
    const which = handing(...steps).with({
      coordination_execution_contract: {
        parallel_dispatch_enabled: true,
        max_in_flight_steps: 8,
        max_in_flight_per_role: 8,
      },
      runtime_execution: { allow_subprocess: true, subprocess_allowlist: ["sh"] },
    });
    const ran = await start(world, which);
    expect(ran.report["counts"]).toMatchObject({ failed: 8, retried: 0 });
    expect(await world.stepErrors("r1")).toEqual({
      absent: "STEP_OUTPUT_MISSING",
      behind: "STEP_OUTPUT_UNSAFE",
      deep: "STEP_OUTPUT_MISSING",
      folder: "STEP_OUTPUT_UNSAFE",
      huge: "STEP_OUTPUT_TOO_LARGE",
      link: "STEP_OUTPUT_UNSAFE",
      own: "STEP_OUTPUT_UNSAFE",
      pipe: "STEP_OUTPUT_UNSAFE",
    });
    expect(readFileSync(join(world.runFolder("r1"), "events.json"), "utf8")).not.toContain("root:");
  });
});

test("paths that lead out, and files that nobody leaves, are issues with their places before anything runs", async () => {
  await inWorld(async (world) => {
    const hostile = [
      "../x",
      "/etc/passwd",
      "a/../../b",
      "a\0b",
      ".akc/x",
      "a//b",
      "./a",
      "a\\b",
      "",
      "C:/x",
      "a/",
    ];
    const left = handing(step("build", leaving("true", ...hostile, "ok", "ok", "ok/below")));
    const said = expectError(await start(world, left), "BUNDLE_INVALID", 2);
    const base = "/referenced_ir_nodes/0/properties/runtime_execution/files/outputs/";
    const paths = [...new Set((said["issues"] as readonly Json[]).map(({ path }) => path))];
    expect(paths.sort()).toEqual([...hostile.keys(), 12, 13].map((index) => `${base}${index}`).sort());

    const inputs: StepRoute = taking(
      "true",
      ["build", "b"],
      ["other", "a"],
      ["nobody", "a"],
      ["build", "a", "../x"],
    );
    const taken = (route: StepRoute) =>
      handing(
        step("build", leaving("true", "a")),
        step("other", leaving("true", "a")),
        step("check", route, "build"),
      );
    expect((await start(world, taken(inputs))).stdout).toContain("/files/inputs/3/as");
    const soundPaths = taking("true", ["build", "b", "b1"], ["other", "a", "b2"], ["nobody", "a", "b3"]);
    const second = expectError(await start(world, taken(soundPaths)), "BUNDLE_INVALID", 2);
    const at = "/referenced_ir_nodes/2/properties/runtime_execution/files/inputs";
    expect(second["issues"]).toEqual([
      { path: `${at}/0/path`, message: 'is no file that step "build" leaves: it leaves a' },
      {
        path: `${at}/1/step`,
        message: 'step "check" is handed nothing by "other": there is no handoff edge from it',
      },
      { path: `${at}/2/step`, message: 'there is no step "nobody"' },
    ]);
    const http = { route: "http", http: { url: "http://127.0.0.1:1/" }, files: { outputs: ["a"] } };
    expectError(await start(world, handing(step("build", http))), "BUNDLE_INVALID", 2);
  });
});

test("a simulated run moves no file, and bundle inspect shows what would be moved", async () => {
  await inWorld(async (world) => {
    const train = handing(
      step("build", leaving("exit 1", "a")),
      step("check", taking("true", ["build", "a", "b"]), "build"),
      step("free", sh("true")),
    );
    expectOutcome(await start(world, train, "--mode", "simulate"), "succeeded", 0, null);
    expect(resultOf(world.events("r1"), "build")["file_refs"]).toBeUndefined();
    const path = await world.place(train);
    const shown = JSON.parse((await world.akc(["bundle", "inspect", path, "-o", "json"])).stdout);
    const handed = shown.steps.map(({ step_id, inputs, outputs, workdir }: Json) => ({
      step_id,
      inputs,
      outputs,
      folder: String(workdir).replace(/.*\{runtime_run_id\}\//, ""),
    }));
    expect(handed.sort((a: Json, b: Json) => (String(a["step_id"]) < String(b["step_id"]) ? -1 : 1))).toEqual(
      [
        { step_id: "build", inputs: [], outputs: ["a"], folder: "steps/build" },
        {
          step_id: "check",
          inputs: [{ step: "build", path: "a", as: "b" }],
          outputs: [],
          folder: "steps/check",
        },
        { step_id: "free", inputs: [], outputs: [], folder: "roles/builder/scratch" },
      ],
    );
    const text = (await world.akc(["bundle", "inspect", path])).stdout;
    expect(text).toMatch(/check +file +build\/a as b/);
    expect(text).toMatch(/build +leaves +a/);
  });
});

function digest(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}
