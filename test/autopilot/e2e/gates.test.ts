/** Each gate of the built autopilot says why it is closed and what would open it, and opens when that is so. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { fingerprint } from "../../../src/json/fingerprint.ts";
import { fromPlain } from "../../../src/json/plain.ts";
import { plainEnv } from "../../e2e/akc.ts";
import type { Json } from "../../e2e/bundle.ts";
import { deploying, standing } from "../../e2e/services.ts";
import { until } from "../../e2e/world.ts";
import { sealed, unsealed } from "../packets.ts";
import { type Autopilot, type Compiled, inKeptWorld, type KeptWorld, listening } from "./kept-world.ts";

const first = "sleep 70001";
const second = "sleep 70002";
const noBake = "rollout: {bake: 0s}";
const intent = {
  intent_id: "intent-1",
  stable_intent_sha256: "b".repeat(64),
  semantic_fingerprint: "0".repeat(16),
  goal_text_fingerprint: "0".repeat(16),
};
const version = (number: number) => deploying([standing("web", number)], { intent_ref: intent });
const dayMs = 86_400_000;

test("a rollout passes when freeze, window, score, promotion and a person have opened, one by one, and each says what would open it", async () => {
  await inKeptWorld(async (world) => {
    const one = await world.compile("run-1", version(1));
    await world.start(one.path);
    const two = await world.compile("run-2", version(2));
    const packet = await issue(world, two);
    const key = join(world.world.side, "release.key");
    expect((await world.akcAlone("plugin", "keygen", key)).code).toBe(0);

    const nowMs = Date.now();
    const at = (ms: number) => new Date(ms).toISOString().replace(/\.\d+/, "");
    const weekday = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"][(new Date(nowMs).getUTCDay() + 2) % 7];
    const closed = {
      freezes: `[{from: "${at(nowMs - dayMs)}", to: "${at(nowMs + dayMs)}", reason: holidays}]`,
      windows: `[{days: [${weekday}], from: "09:00", to: "17:00"}]`,
      slo: "{enabled: true, insufficient_history: hold}",
      promotion: `{require: signed, public_keys: [${key}.pub]}`,
      approval: "rollouts",
    };
    const gatesOf = (gates: Json) =>
      `gates: {${Object.entries(gates)
        .map(([gate, value]) => `${gate}: ${value}`)
        .join(", ")}}`;
    world.configure(noBake, listening, gatesOf(closed));
    const autopilot = world.autopilot();
    const held = await world.fact("held");
    expect(held.bundleSha256).toBe(two.sha256);
    expect(await shut(world)).toEqual({
      promotion: "promotion_packet_unsigned",
      slo: "min_rollouts_total_not_met",
      window: "outside_maintenance_window",
      freeze: "frozen",
      approval: "approval_required",
    });
    const status = await world.status();
    expect(status["phase"]).toBe("held");
    for (const gate of gatesIn(status)) {
      expect(String(gate["message"]).length).toBeGreaterThan(10);
      if (gate["verdict"] === "closed") expect(String(gate["opens"]).length).toBeGreaterThan(10);
    }
    expect(gatesIn(status).find(({ gate }) => gate === "freeze")).toMatchObject({
      message: expect.stringContaining("holidays"),
      opens_at_ms: Math.floor((nowMs + dayMs) / 1_000) * 1_000,
    });
    const said = await world.text("autopilot", "status", "--scope", "acme/shop");
    expect(said).toMatch(/✗ freeze .*\[frozen\]\n +opens: /);
    const [decision] = await world.artifacts("decisions");
    expect(decision).toMatchObject({ decision: "promotion_prevented", bundle_sha256: two.sha256 });

    const reload = async (gates: Json) => {
      const before = autopilot.lines.length;
      world.configure(noBake, listening, gatesOf(gates));
      autopilot.kill("SIGHUP");
      await autopilot.line(({ event }) => event === "configuration_read", before);
    };
    const { freezes: _freezes, ...unfrozen } = closed;
    await reload(unfrozen);
    await shutIs(world, autopilot, "promotion slo window approval");
    const { windows: _windows, ...anytime } = unfrozen;
    await reload(anytime);
    await shutIs(world, autopilot, "promotion slo approval");
    const scored = { ...anytime, slo: "{enabled: true, insufficient_history: allow}" };
    await reload(scored);
    await shutIs(world, autopilot, "promotion approval");
    const signing = ["--key", key, "--bundle", two.path, "--manifest", two.manifestPath];
    expect((await world.akcAlone("bundle", "sign-packet", packet, ...signing)).code).toBe(0);
    // Nothing but a person is missing: the plan is written for one.
    await world.fact("proposed");
    await world.expectRunning([first]);
    expect((await world.say("approve", "--bundle", two.sha256)).code).toBe(0);
    const { answers } = await world.fact("attempt_started");
    expect(answers.map(({ gate, verdict }) => `${gate} ${verdict}`)).toEqual([
      "policy open",
      "promotion open",
      "slo open",
      "budget open",
      "window skipped",
      "freeze skipped",
      "approval open",
    ]);
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    await world.expectRunning([second]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("what the day's budget does not allow is held until the oldest is a day old, a repair as well, and drift is still noticed", async () => {
  await inKeptWorld(async (world) => {
    await world.compile("run-1", version(1));
    world.configure(
      noBake,
      listening,
      "budgets: {mutations_per_day: 1, rollbacks_per_day: 4, rollbacks_per_day_before_escalation: 4, concurrent_rollouts: 1, consecutive_failures: 2, cooldown_after_failure: 0s, cooldown_after_policy_deny: 0s}",
    );
    const autopilot = world.autopilot();
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    const two = await world.compile("run-2", version(2));
    await world.fact("held", ({ kind, bundleSha256 }) => kind === "rollout" && bundleSha256 === two.sha256);
    const status = await world.phase("held");
    expect(status["budgets"]).toContainEqual({ budget: "mutations_per_day", used: 1, limit: 1, left: 0 });
    const gate = gatesIn(status).find((answer) => answer["gate"] === "budget");
    expect(gate).toMatchObject({ verdict: "closed", reason: "max_mutations_per_day_exceeded" });
    expect(Number(gate?.["opens_at_ms"])).toBeGreaterThan(Date.now() + dayMs - 3_600_000);
    await world.kill(first);
    await world.fact("triggered", ({ trigger }) => trigger.kind === "drift");
    await world.fact("held", ({ kind }) => kind === "repair");
    const story = await world.story();
    await world.visitedAgain(3);
    expect(await world.story()).toEqual(story);
    expect(story.filter((type) => type === "attempt_started")).toHaveLength(1);
    await world.expectRunning([]);
    expect(await autopilot.stop()).toBe(0);
  });
}, 60_000);

test("where nobody has allowed live changes the policy gate holds the rollout, and says which variable opens it", async () => {
  await inKeptWorld(async (world) => {
    await world.compile("run-1", version(1));
    world.configure(noBake, listening);
    const gated = world.autopilotIn(plainEnv);
    await world.fact("held");
    const status = await world.phase("held");
    const [policy] = gatesIn(status).filter(({ verdict }) => verdict === "closed");
    expect(policy).toMatchObject({ gate: "policy", reason: "provider_gated" });
    expect(String(policy?.["opens"])).toContain("AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER");
    await world.visitedAgain(2);
    await world.expectRunning([]);
    expect(await gated.stop()).toBe(0);
    const allowed = world.autopilot();
    await world.fact("attempt_ended", ({ verdict }) => verdict === "kept");
    await world.expectRunning([first]);
    expect(await allowed.stop()).toBe(0);
  });
}, 60_000);

function gatesIn({ gates }: Json): readonly Json[] {
  return Array.isArray(gates) ? gates : [];
}

async function shut(world: KeptWorld): Promise<Json> {
  const gates = gatesIn(await world.status()).filter(({ verdict }) => verdict === "closed");
  return Object.fromEntries(gates.map(({ gate, reason }) => [String(gate), reason]));
}

async function shutIs(world: KeptWorld, autopilot: Autopilot, gates: string): Promise<void> {
  let seen = "";
  await until(
    `closed are ${gates}`,
    async () => {
      seen = Object.keys(await shut(world)).join(" ");
      return seen === gates;
    },
    15_000,
  ).catch(() => {
    throw new Error(`closed are ${seen}, not ${gates}: ${JSON.stringify(autopilot.lines.slice(-3))}`);
  });
}

/** A packet for the bundle, not signed yet. Returns its path. */
async function issue({ world }: KeptWorld, { sha256, runId, path, manifestPath }: Compiled): Promise<string> {
  const offer = { bundlePath: path, bundleSha256: sha256, runId, manifestPath, source: "manifest" } as const;
  const target = { deployment_provider: { kind: "process" } };
  const packet = sealed({ ...unsealed(offer, Date.now()), apply_target_metadata: target });
  const place = ".akc/promotion/plan-1_step-1.packet.json";
  await world.write(place, JSON.stringify(packet));
  const ref = { path: place, sha256: fingerprint(fromPlain(packet)) };
  const manifest: Json = JSON.parse(await Bun.file(manifestPath).text());
  await Bun.write(
    manifestPath,
    JSON.stringify({ ...manifest, control_plane: { promotion_packet_ref: ref } }),
  );
  return join(world.scope, place);
}
