/** The three commands as a user meets them: replay, verify and checkpoint of a real run. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle, noop, sh } from "../e2e/bundle.ts";
import { inWorld, type World } from "../e2e/world.ts";

const plan = bundle().step("build", sh("echo built")).step("ship", noop, "build");

async function started(world: World, flaky = plan): Promise<string> {
  const { report } = await world.start(flaky);
  return String(report["runtime_run_id"]);
}

test("a replay shows the documented object as text, PRETTY, with a row for every event of an action", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const args = ["runtime", "replay", "--runtime-run-id", id, "--outputs-root", world.root, "--mode"];
    const replayed = await world.akc([...args, "runtime_replay"]);
    expect(replayed.code).toBe(0);
    const shown: { transitions: { event_type: string; transition: unknown }[]; [key: string]: unknown } =
      JSON.parse(replayed.stdout);
    expect(replayed.stdout).toBe(`${JSON.stringify(shown, null, 2)}\n`);
    expect(Object.keys(shown)).toEqual(Object.keys(shown).toSorted());
    expect(shown).toMatchObject({
      runtime_run_id: id,
      mode: "runtime_replay",
      transition_count: 4,
      reconcile_decision_count: 0,
      terminal_health_status: "healthy",
      reconcile_decisions: [],
      verdict: "verified",
      verified_events: 7,
    });
    expect(shown.transitions.map(({ event_type, transition }) => [event_type, transition !== null])).toEqual([
      ["runtime.action.policy_allowed", false],
      ["runtime.action.completed", true],
      ["runtime.action.policy_allowed", false],
      ["runtime.action.completed", true],
    ]);
    const reconcile = JSON.parse((await world.akc([...args, "reconcile_replay"])).stdout);
    expect(reconcile).toMatchObject({ mode: "reconcile_replay", transition_count: 0, transitions: [] });
    const without = await world.akc([...args.slice(0, -1), "--mode", "runtime_replay", "--no-transitions"]);
    expect(JSON.parse(without.stdout)).not.toHaveProperty("transitions");
    const nameless = await world.akc(args.slice(0, -1));
    expect(nameless.code).toBe(2);
    expect(nameless.stderr).toContain("--mode is missing");
  });
});

test("a checkpoint of now is the file to the byte, and at an event it is what was then", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const args = ["runtime", "checkpoint", id, "--outputs-root", world.root];
    const now = await world.akc(args);
    expect(now.stdout).toBe(readFileSync(join(world.runFolder(id), "checkpoint.json"), "utf8"));
    const before = JSON.parse((await world.akc([...args, "--at", "3"])).stdout);
    expect(before).toMatchObject({
      checkpoint_id: "init",
      node_states: { "node-build": { state: "ready" }, __coordination__: { coordination_step_terminal: {} } },
    });
    const after = JSON.parse((await world.akc([...args, "--at", "4"])).stdout);
    expect(after).toMatchObject({
      checkpoint_id: "coordination:build:0",
      node_states: { __coordination__: { coordination_step_terminal: { build: "succeeded" } } },
    });
    const file = join(world.side, "checkpoint.json");
    const exported = await world.akc([...args, "--export", file]);
    expect(exported).toMatchObject({ code: 0, stdout: "" });
    expect(readFileSync(file, "utf8")).toBe(now.stdout);
    const beyond = await world.akc([...args, "--at", "99"]);
    expect(beyond.code).toBe(2);
    expect(beyond.stderr).toContain("the run has no event 99");
  });
});

test("a checkpoint of a damaged history is an error that says where, never a guess", async () => {
  await inWorld(async (world) => {
    const id = await started(world);
    const db = new Database(join(world.scope, ".akc/runtime/state.sqlite3"));
    db.run("UPDATE event SET payload = '{' WHERE seq = 4");
    db.close();
    const args = [id, "--outputs-root", world.root];
    const checkpoint = await world.akc(["runtime", "checkpoint", ...args]);
    expect(checkpoint.code).toBe(1);
    expect(checkpoint.stderr).toContain("STORE_DAMAGED");
    const replayed = await world.akc(["runtime", "replay", ...args, "--mode", "runtime_replay"]);
    expect(replayed.code).toBe(1);
    expect(JSON.parse(replayed.stdout)).toMatchObject({ verdict: "diverged", divergence: { event_seq: 4 } });
  });
});

test("two runs are compared step by step, in what they got and what they gave", async () => {
  await inWorld(async (world) => {
    const one = await started(world);
    const other = await started(
      world,
      bundle().step("build", sh("echo otherwise")).step("ship", noop, "build").step("extra", noop),
    );
    const args = ["runtime", "replay", one, "--against", other, "--outputs-root", world.root];
    const compared = await world.akc([...args, "-o", "json"]);
    expect(compared.code).toBe(0);
    const told: { items: { step: string; differs: string[]; here: unknown }[]; [key: string]: unknown } =
      JSON.parse(compared.stdout);
    expect(told).toMatchObject({ kind: "RunComparison", runtime_run_id: one, against_run_id: other });
    expect(told.items.find(({ step }) => step === "build")?.differs).toContain("output_sha256");
    expect(told.items.find(({ step }) => step === "extra")).toMatchObject({ here: null, differs: [] });
    const text = await world.akc(args);
    expect(text.stdout).toContain("only there");
    const same = await world.akc([
      "runtime",
      "replay",
      one,
      "--against",
      await started(world),
      "--outputs-root",
      world.root,
    ]);
    expect(same.stdout).toBe("2 steps are the same in both runs.\n");
  });
});

test("a run that is under way is verified as far as it has come", async () => {
  await inWorld(async (world) => {
    const live = await world.begin(bundle().step("long", sh("sleep 60")));
    let id = "";
    for (let tries = 0; tries < 100; tries += 1) {
      const listed = await world.akc(["runtime", "list", "--outputs-root", world.root, "-o", "json"]);
      id = listed.code === 0 ? (JSON.parse(listed.stdout).items[0]?.runtime_run_id ?? "") : "";
      const events = await world.akc(["runtime", "events", id, "--outputs-root", world.root]);
      if (events.stdout.includes("runtime.action.policy_allowed")) break;
      await Bun.sleep(50);
    }
    const args = ["runtime", "verify", id, "--outputs-root", world.root, "-o", "json"];
    const verified = await world.akc(args);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      verdict: "verified",
      evidence: "never_written",
      actions: 1,
    });
    live.kill("SIGTERM");
    await live.ended;
    expect(JSON.parse((await world.akc(args)).stdout)).toMatchObject({
      verdict: "verified",
      evidence: "sealed",
    });
  });
}, 30_000);
