/** Nothing waits for ever without a way out, and nothing that people have set by the clock goes by another one. */
import { expect, test } from "bun:test";
import { createRollouts } from "../../src/autopilot/attempt/rollouts.ts";
import { decide } from "../../src/autopilot/decide.ts";
import { createGates } from "../../src/autopilot/gates/gates.ts";
import type { GateName } from "../../src/autopilot/gates/model.ts";
import type { AttemptKind, Sighting } from "../../src/autopilot/model.ts";
import { limits } from "../../src/limits.ts";
import { deploying, standing } from "../e2e/services.ts";
import { after, config, run, started } from "./made-facts.ts";
import { host, inScope, never, quietState } from "./scope-world.ts";

const baking = (kind: AttemptKind) =>
  after(started("b2", kind), {
    type: "attempt_deployed",
    attemptId: "a-b2",
    run: run(),
    bakeUntilMs: 300_000,
  });
const unseen = (code: string): Sighting => ({ kind: "unseen", code, message: "" });
const blindMs = 300_000 + limits.autopilotBlindBakeMsMax;

test("a bake that nobody will ever see ends as failed, for a rollout and for a repair", () => {
  for (const kind of ["rollout", "repair"] as const) {
    const at = (code: string, nowMs: number) =>
      decide({ state: baking(kind), config: config(), sighting: unseen(code), hasHook: false, nowMs });
    for (const code of ["BUNDLE_HASH_MISMATCH", "FILE_NOT_FOUND", "PROVIDER_GATED"]) {
      expect(at(code, blindMs - 1)).toMatchObject({ do: "wait" });
      expect(at(code, blindMs)).toMatchObject({
        do: "conclude",
        failed: `nobody can see what stands (${code})`,
      });
    }
    // What may be seen again is waited for: it is neither kept nor brought back.
    for (const code of ["TOOL_TIMEOUT", "PROVIDER_FAILED", "SCOPE_HELD", "STORE_BUSY"]) {
      expect(at(code, 100 * blindMs)).toMatchObject({ do: "wait" });
    }
  }
});

async function answersOf(wallMs: number | undefined, nowMs: number, openIn: readonly string[] = []) {
  let answers = new Map<GateName, object>();
  await inScope(async (world) => {
    const offer = await world.place("run-1", deploying([standing("web", 1)]));
    const base = world.config();
    const windows = [{ days: [0, 1, 2, 3, 4, 5, 6], fromMinute: 60, toMinute: 120, timeZone: "UTC" }];
    const freezes = [{ fromMs: day, toMs: day + 3_600_000, reason: "holidays", repairs: true }];
    const scope = { ...base, gates: { ...base.gates, windows, freezes } };
    const gates = createGates({ env: host.env, kpi: async () => Promise.reject(new Error("not asked")) });
    const asked = await gates.ask(
      {
        scope,
        kind: "rollout",
        offer,
        state: quietState,
        nowMs,
        wallMs,
        openAttempts: openIn.length,
        openIn,
      },
      never,
    );
    answers = new Map(asked.answers.map((answer) => [answer.gate, answer]));
  });
  return answers;
}

const day = Date.UTC(2026, 4, 4);

test("windows and freezes go by the clock on the wall, also where a scope's facts are of the future", async () => {
  const yearAheadMs = day + 365 * 86_400_000 + 90 * 60_000;
  const answers = await answersOf(day + 60_000, yearAheadMs);
  expect(answers.get("freeze")).toMatchObject({ verdict: "closed", opensAtMs: day + 3_600_000 });
  expect(answers.get("window")).toMatchObject({ verdict: "closed", opensAtMs: day + 3_600_000 });
  const onTime = await answersOf(undefined, day + 90 * 60_000);
  expect(onTime.get("window")).toMatchObject({ verdict: "open" });
});

test("who waits for a place learns which scopes have it, and what to do about them", async () => {
  const answers = await answersOf(undefined, day, ["acme/gone"]);
  expect(answers.get("budget")).toMatchObject({
    verdict: "closed",
    reason: "max_concurrent_rollouts_exceeded",
    message: expect.stringContaining("acme/gone"),
    opens: expect.stringContaining("watched once again"),
    details: { scopes: ["acme/gone"] },
  });
});

test("what somebody has asked to be brought back is not kept because it looks well", async () => {
  await inScope(async (world) => {
    const rollouts = createRollouts({ ...host, by: "autopilot@test" });
    const attempt = world.attempt(await world.place("run-1", deploying([standing("web", 1)])));
    await rollouts.begin(world.config(), attempt, never);
    expect(await rollouts.validate(world.config(), attempt, never)).toMatchObject({ holds: true });
    await world.store(async (store) => {
      const [row] = await store.deployment.rollouts(1);
      await store.requestRollout({
        rolloutId: row?.rolloutId ?? "",
        command: "undo",
        by: "me@here",
        atMs: 1,
      });
    });
    expect(await rollouts.validate(world.config(), attempt, never)).toMatchObject({ holds: false });
  });
});
