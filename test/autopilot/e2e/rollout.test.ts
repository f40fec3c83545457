/** The built autopilot brings out what lies there, keeps what holds, and brings back what does not. */
import { expect, test } from "bun:test";
import { gateNames } from "../../../src/autopilot/gates/model.ts";
import type { Attempt } from "../../../src/autopilot/model.ts";
import { openAutopilotStore } from "../../../src/autopilot/state/open.ts";
import { crashing, deploying, standing } from "../../e2e/services.ts";
import { until } from "../../e2e/world.ts";
import { type Compiled, inKeptWorld, listening, scopeId } from "./kept-world.ts";

const first = "sleep 70001";
const second = "sleep 70002";
const version = (number: number) => deploying([standing("web", number)]);
const isOf =
  ({ sha256 }: Compiled) =>
  ({ attempt }: { readonly attempt: Attempt }) =>
    attempt.bundleSha256 === sha256;
/** All that the documentation of the file names. */
const historyKeys =
  "event_kind attempt_id started_at_ms promotion_policy_allow runtime_terminal_status rollback_count rollback_success_count convergence_latency_ms intent_to_healthy_runtime_ms compile_to_healthy_runtime_ms compression_factor_vs_baseline intent_to_staging_ms intent_to_prod_ms staging_to_prod_ms approval_wait_ms manual_touch_count prevented_reason compile_realization_mode compile_apply_applied compile_apply_policy_allowed compile_apply_denial_reason".split(
    " ",
  );
const shortBake = "rollout: {bake: 300ms, bake_look: 100ms}";

test("a new compile is rolled out behind the gates, watched, kept and written down in the documented shapes", async () => {
  await inKeptWorld(async (world) => {
    // A window that is over is scored: something has to be known of it.
    const beforeMs = Date.now() - 130_000;
    const store = await openAutopilotStore(world.world.root);
    const scope = scopeId("acme/shop");
    const fence = await store.raiseFence(scope, "earlier@host:1:a", beforeMs);
    await store.append(scope, [{ type: "visit_recovered" }], fence, { nowMs: beforeMs });
    await store.close();
    const one = await world.compile("run-1", version(1));
    world.configure(shortBake, "score: {window: 1m}");
    const autopilot = world.autopilot();
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    await world.expectRunning([first]);
    const two = await world.compile("run-2", version(2));
    const { attempt, answers } = await world.fact("attempt_started", isOf(two));
    expect(attempt).toMatchObject({ kind: "rollout", previous: { bundleSha256: one.sha256 } });
    expect(answers.map(({ gate }) => gate)).toEqual(gateNames.slice());
    const ended = await world.fact("attempt_ended", ({ attemptId }) => attemptId === attempt.attemptId);
    expect(ended).toMatchObject({ verdict: "kept", run: { healthy: true, converged: true, exitCode: 0 } });
    await world.expectRunning([second]);
    expect(await world.phase("deployed")).toMatchObject({
      candidate: null,
      attempt: null,
      fault: null,
      deployed: { bundle_sha256: two.sha256, runtime_run_id: attempt.runtimeRunId },
    });

    await until("both are in the history", async () => (await world.history()).length === 2);
    const rows = await world.history();
    for (const row of rows) expect(Object.keys(row)).toEqual(expect.arrayContaining([...historyKeys]));
    expect(rows).toMatchObject([
      { event_kind: "runtime_rollout", verdict: "kept", bundle_sha256: one.sha256 },
      {
        event_kind: "runtime_rollout",
        attempt_id: attempt.attemptId,
        runtime_terminal_status: "succeeded",
        rollback_count: 0,
        prevented_reason: null,
      },
    ]);
    const decisions = await world.artifacts("decisions");
    expect(decisions.filter(({ decision }) => decision === "runtime_rollout")).toMatchObject([
      { verdict: "kept" },
      {
        verdict: "kept",
        schema_id: "akc:autopilot_decision:v1",
        tenant_id: "acme",
        repo_id: "shop",
        controller_id: "autopilot",
        attempt_id: attempt.attemptId,
        runtime_run_id: attempt.runtimeRunId,
        runtime_outcome: { terminal_status: "succeeded", rollback_count: 0, converged: true },
        compile_apply: { compile_apply_denial_reason: null },
      },
    ]);
    await until("a window was scored", async () => (await world.artifacts("scoreboards")).length > 0);
    expect((await world.artifacts("scoreboards"))[0]).toMatchObject({ kpi: { rollouts_total: 0 } });
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("another bundle in the configuration is rolled out after a reload, and the same bundle elsewhere is none", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.write("one", version(1));
    const copy = await world.write("copy", version(1));
    const two = await world.write("two", version(2));
    world.configure("rollout: {bake: 0s}", listening, `bundle: ${one}`);
    const autopilot = world.autopilot();
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    const story = await world.story();
    world.configure("rollout: {bake: 0s}", listening, `bundle: ${copy}`);
    autopilot.kill("SIGHUP");
    await autopilot.line(({ event }) => event === "configuration_read");
    await world.visitedAgain(2);
    world.configure("rollout: {bake: 0s}", listening, `bundle: ${two}`);
    autopilot.kill("SIGHUP");
    await world.fact("attempt_ended", ({ verdict }, { seq }) => verdict === "kept" && seq > story.length);
    await world.expectRunning([second]);
    expect((await world.story()).filter((type) => type === "attempt_started")).toHaveLength(2);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("bundles that cannot stand are brought back and not tried again, and a second one waits for a person's ack", async () => {
  await inKeptWorld(async (world) => {
    await world.compile("run-1", version(1));
    world.configure("rollout: {bake: 0s}", listening);
    const autopilot = world.autopilot();
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");

    const bad = await world.compile("run-2", deploying([crashing("web")]));
    const { attempt } = await world.fact("attempt_started", isOf(bad));
    const failed = await world.fact("attempt_ended", ({ attemptId }) => attemptId === attempt.attemptId);
    expect(["failed", "rolled_back"]).toContain(failed.verdict);
    expect(failed.run).toMatchObject({ healthy: false, rollbacks: 1, rollbacksSucceeded: 1 });
    await world.expectRunning([first]);
    expect(await world.status()).toMatchObject({
      phase: "deployed",
      rejected: [bad.sha256],
      candidate: null,
    });
    const story = await world.story();
    await world.visitedAgain(4);
    expect(await world.story()).toEqual(story);

    await world.compile("run-3", deploying([crashing("web", { command: ["false", "again"] })]));
    const escalated = await world.fact("escalated");
    expect(escalated.reason).toBe("consecutive_failures");
    const held = await world.status();
    expect(held).toMatchObject({ phase: "escalated", escalated: { reason: "consecutive_failures" } });
    expect(String(held["way_out"])).toContain("akc autopilot ack --scope acme/shop");
    expect(await world.artifacts("escalations")).toMatchObject([
      { schema_id: "akc:autopilot_human_escalation:v1", reason: "autonomy_budget_escalation" },
    ]);

    const good = await world.compile("run-4", version(2));
    await world.fact("offered", ({ offer }) => offer.bundleSha256 === good.sha256);
    await world.visitedAgain(3);
    await world.expectRunning([first]);
    const { code, report } = await world.say("ack");
    expect([code, report["word"]]).toEqual([0, "ack"]);
    expect(await world.fact("word")).toMatchObject({
      word: "ack",
      by: expect.stringMatching(/^\S+@\S+$/),
      reason: "ack by a test",
    });
    await world.fact("attempt_started", isOf(good));
    expect(await world.phase("deployed")).toMatchObject({ deployed: { bundle_sha256: good.sha256 } });
    await world.expectRunning([second]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("what stands at first and falls ill while it is watched makes room for what was before", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    expect((await world.start(one.path)).code).toBe(0);
    world.configure("rollout: {bake: 1h, bake_look: 100ms}");
    const autopilot = world.autopilot();
    await world.fact("adopted");
    const two = await world.compile("run-2", version(2));
    await world.fact("attempt_deployed");
    await world.kill(second);
    const { verdict, message, run } = await world.fact("attempt_ended");
    expect([verdict, run?.rollbacks, run?.rollbacksSucceeded]).toEqual(["rolled_back", 1, 1]);
    expect(message).toContain("it did not hold: web unhealthy");
    await world.expectRunning([first]);
    expect(await world.phase("deployed")).toMatchObject({
      deployed: { bundle_sha256: one.sha256 },
      rejected: [two.sha256],
    });
    expect(await autopilot.stop()).toBe(0);
    await world.expectRunning([first]);
  });
}, 60_000);

test("a bundle that comes while another one is watched is next, and only one is under way at a time", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    world.configure("rollout: {bake: 1s, bake_look: 100ms}");
    const autopilot = world.autopilot();
    await world.fact("attempt_deployed");
    const two = await world.compile("run-2", version(2));
    const { attempt } = await world.fact("attempt_started", isOf(two));
    expect(attempt.previous?.bundleSha256).toBe(one.sha256);
    await world.fact("attempt_ended", ({ attemptId, verdict }) => {
      return attemptId === attempt.attemptId && verdict === "kept";
    });
    const story = (await world.story()).filter((type) => type.startsWith("attempt_"));
    expect(story).toEqual([...began, ...began]);
    await world.expectRunning([second]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

const began = ["attempt_started", "attempt_deployed", "attempt_ended"] as const;

test("a bundle that a person denies while it is watched is taken away again, also by the controller that comes next", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    world.configure("rollout: {bake: 1h, bake_look: 100ms}");
    let autopilot = world.autopilot();
    await world.fact("attempt_deployed");
    expect(await world.phase("baking")).toMatchObject({
      deployed: null,
      candidate: { bundle_sha256: one.sha256 },
      attempt: { kind: "rollout", bundle_sha256: one.sha256 },
    });
    expect(await autopilot.stop()).toBe(0);
    await world.expectRunning([first]);
    expect((await world.say("deny", "--bundle", one.sha256)).code).toBe(0);
    autopilot = world.autopilot();
    expect(await world.fact("attempt_ended")).toMatchObject({ verdict: "rolled_back" });
    await world.expectRunning([]);
    expect(await world.phase("empty")).toMatchObject({ deployed: null, rejected: [one.sha256] });
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);
