/** What follows from facts, and what is done next. */
import { expect, test } from "bun:test";
import {
  ack,
  after,
  config,
  deployed,
  drifted,
  ended,
  entry,
  hourMs,
  offer,
  run,
  started,
  trigger,
  unseen,
} from "../../test/autopilot/made-facts.ts";
import { decide } from "./decide.ts";
import { fold } from "./machine.ts";
import type { Fact, Sighting } from "./model.ts";

test("what was kept is deployed, what failed is rejected and counts, and nothing that never began counts", () => {
  const kept = after({ type: "offered", offer: offer("b1") }, started("b1"), ended("b1", "kept"));
  expect(kept).toMatchObject({ deployed: { bundleSha256: "b1" }, consecutiveFailures: 0 });
  expect(kept.candidate).toBeUndefined();
  expect(kept.mutationsAtMs).toHaveLength(1);
  const failed = after({ type: "offered", offer: offer("b1") }, started("b1"), ended("b1", "failed"));
  expect(failed).toMatchObject({ rejected: ["b1"], consecutiveFailures: 1, lastFailureAtMs: 180_000 });
  expect(failed.candidate).toBeUndefined();
  const nothing = after({ type: "offered", offer: offer("b1") }, started("b1"), ended("b1", "not_started"));
  expect(nothing).toMatchObject({ rejected: [], consecutiveFailures: 0, mutationsAtMs: [] });
  expect(nothing.candidate).toMatchObject({ bundleSha256: "b1" });
});

test("a person's ack ends an escalation, lets what was rejected be tried again, and its rollbacks do not escalate twice", () => {
  const held = after(
    { type: "offered", offer: offer("b1") },
    started("b1"),
    ended("b1", "rolled_back", { rollbacks: 3, rollbacksSucceeded: 3 }),
    { type: "escalated", reason: "rollbacks_per_day", message: "three" },
  );
  const situation = { config: config(), hasHook: false, nowMs: 5 * 60_000 };
  expect(decide({ ...situation, state: held })).toEqual({ do: "hold", why: "escalated" });
  const freed = fold(held, entry(5, 300_000, ack));
  expect(freed).toMatchObject({ rejected: [], consecutiveFailures: 0 });
  expect(freed.escalated).toBeUndefined();
  expect(freed.rollbacksAtMs).toHaveLength(3);
  expect(decide({ ...situation, state: freed }).do).toBe("nothing");
  // It lies there still, and is offered anew.
  expect(freed.newestSha256).toBeUndefined();
  const again = fold(freed, entry(6, 360_000, { type: "offered", offer: offer("b1") }));
  expect(decide({ ...situation, state: again })).toMatchObject({ do: "attempt", kind: "rollout" });
});

test("an old bundle that lies there still is no new one after another was brought out", () => {
  const fromHook = { ...offer("b2"), source: "recompile" as const };
  const state = after(
    { type: "offered", offer: offer("b1") },
    started("b1"),
    ended("b1", "kept"),
    { type: "recompile_started", attemptId: "c", triggerIds: [] },
    { type: "recompile_ended", attemptId: "c", result: "offered", offer: fromHook, durationMs: 1 },
    started("b2"),
    ended("b2", "kept"),
  );
  expect(state).toMatchObject({ newestSha256: "b1", deployed: { bundleSha256: "b2" } });
  expect(state.candidate).toBeUndefined();
});

test("a bundle that is offered no longer is no candidate, and approvals and plans of it are void", () => {
  const approve: Fact = { type: "word", word: "approve", by: "me", reason: "", bundleSha256: "b2" };
  const proposed: Fact = {
    type: "proposed",
    attemptId: "p",
    kind: "rollout",
    bundleSha256: "b2",
    summary: "",
  };
  const asked = after(
    { type: "adopted", deployed: deployed("b1") },
    { type: "offered", offer: offer("b2") },
    proposed,
    approve,
  );
  expect(asked).toMatchObject({ candidate: { bundleSha256: "b2" }, approval: { bundleSha256: "b2" } });
  for (const next of ["b1", "b3"]) {
    const moved = fold(asked, entry(5, 300_000, { type: "offered", offer: offer(next) }));
    expect(moved.candidate?.bundleSha256).toBe(next === "b1" ? undefined : next);
    expect(moved.proposal).toBeUndefined();
    expect(moved.approval).toBeUndefined();
  }
});

test("a candidate comes first, then a repair, then the hook; and what gates hold back keeps the rest from nothing", () => {
  const state = after(
    { type: "adopted", deployed: deployed("b1") },
    { type: "offered", offer: offer("b2") },
    { type: "triggered", trigger: trigger("t1") },
    { type: "triggered", trigger: trigger("d1", "drift") },
  );
  const situation = { state, config: config(), sighting: drifted, hasHook: true, nowMs: hourMs };
  expect(decide(situation)).toMatchObject({ do: "attempt", kind: "rollout", offer: { bundleSha256: "b2" } });
  expect(decide({ ...situation, shut: ["rollout"] })).toMatchObject({
    do: "attempt",
    kind: "repair",
    offer: { bundleSha256: "b1" },
    triggerIds: ["d1"],
  });
  expect(decide({ ...situation, shut: ["rollout", "repair"] })).toMatchObject({
    do: "recompile",
    triggers: [{ id: "t1" }],
  });
});

test("a repair that failed leaves its drift to the hook, once, and to a person when nobody can be asked", () => {
  const base: readonly Fact[] = [
    { type: "adopted", deployed: deployed("b1") },
    { type: "triggered", trigger: trigger("d1", "drift", 120_000) },
    started("b1", "repair"),
    ended("b1", "failed"),
  ];
  const state = after(...base);
  const situation = { state, config: config(), sighting: drifted, nowMs: hourMs };
  expect(decide({ ...situation, hasHook: true })).toMatchObject({
    do: "recompile",
    triggers: [{ id: "d1" }],
  });
  expect(decide({ ...situation, hasHook: false })).toMatchObject({ do: "attempt", kind: "repair" });
  const settled = after(
    ...base,
    { type: "triggers_settled", triggerIds: ["d1"], by: "recompile" },
    { type: "triggered", trigger: trigger("d2", "drift", 360_000) },
  );
  expect(decide({ ...situation, state: settled, hasHook: true })).toMatchObject({
    do: "attempt",
    kind: "repair",
  });
});

test("a bake is concluded when its time is over and all stands, at once when it does not, and never by who sees nothing", () => {
  const state = after(started("b1"), {
    type: "attempt_deployed",
    attemptId: "a-b1",
    run: run(),
    bakeUntilMs: 1_000_000,
  });
  const at = (nowMs: number, sighting: Sighting) =>
    decide({ state, config: config(), sighting, hasHook: false, nowMs });
  expect(at(500_000, { kind: "standing" })).toMatchObject({ do: "wait", untilMs: 515_000 });
  expect(at(999_000, { kind: "standing" })).toMatchObject({ do: "wait", untilMs: 1_000_000 });
  const over = at(1_000_000, { kind: "standing" });
  expect(over).toMatchObject({ do: "conclude", attempt: { attemptId: "a-b1" } });
  expect(over).not.toHaveProperty("failed");
  expect(at(500_000, drifted)).toMatchObject({ do: "conclude", failed: expect.stringContaining("svc") });
  expect(at(2_000_000, unseen)).toMatchObject({ do: "wait" });
  const deny: Fact = { type: "word", word: "deny", by: "me", reason: "", bundleSha256: "b1" };
  const denied = fold(state, entry(3, 500_000, deny));
  expect(
    decide({
      state: denied,
      config: config(),
      sighting: { kind: "standing" },
      hasHook: false,
      nowMs: 600_000,
    }),
  ).toMatchObject({ do: "conclude", failed: expect.any(String) });
});

test("in propose a plan waits for its approval, which is for one bundle and one attempt", () => {
  const plan: Fact = { type: "proposed", attemptId: "p", kind: "rollout", bundleSha256: "b1", summary: "" };
  const state = after({ type: "offered", offer: offer("b1") }, plan);
  const situation = { config: config({ mode: "propose" }), hasHook: false, nowMs: hourMs };
  expect(decide({ ...situation, state })).toEqual({ do: "hold", why: "proposed" });
  const word = (bundleSha256: string): Fact => ({
    type: "word",
    word: "approve",
    by: "me",
    reason: "",
    bundleSha256,
  });
  expect(decide({ ...situation, state: fold(state, entry(3, 1, word("b9"))) }).do).toBe("hold");
  const approved = fold(state, entry(3, 200_000, word("b1")));
  expect(decide({ ...situation, state: approved })).toMatchObject({ do: "attempt" });
  const ending = (verdict: "kept" | "stopped" | "not_started") =>
    [started("b1"), ended("b1", verdict)].reduce(
      (now, fact, index) => fold(now, entry(4 + index, 300_000, fact)),
      approved,
    );
  for (const verdict of ["kept", "stopped"] as const) expect(ending(verdict).approval).toBeUndefined();
  // One that never began, since a person worked in the scope, say, has not used it.
  expect(ending("not_started").approval).toEqual(approved.approval);
});

test("one who observes does nothing, and settles what he was told", () => {
  const state = after(
    { type: "adopted", deployed: deployed("b1") },
    { type: "triggered", trigger: trigger("t1") },
    { type: "offered", offer: offer("b2") },
  );
  const situation = { config: config({ mode: "observe" }), hasHook: true, nowMs: hourMs, sighting: drifted };
  expect(decide({ ...situation, state })).toEqual({ do: "settle", triggerIds: ["t1"], by: "observed" });
  const settled = fold(state, entry(4, 1, { type: "triggers_settled", triggerIds: ["t1"], by: "observed" }));
  expect(decide({ ...situation, state: settled })).toEqual({ do: "hold", why: "observing" });
});

test("a hook that failed is asked again later each time, and too many failures ask for a person", () => {
  const failure: readonly Fact[] = [
    { type: "recompile_started", attemptId: "c", triggerIds: ["t1"] },
    { type: "recompile_ended", attemptId: "c", result: "failed", durationMs: 1 },
  ];
  const base: Fact = { type: "triggered", trigger: trigger("t1") };
  const situation = { config: config(), hasHook: true, nowMs: 180_001 };
  const once = decide({ ...situation, state: after(base, ...failure) });
  expect(once).toMatchObject({ do: "wait", why: "the recompile hook failed" });
  if (once.do !== "wait") throw new Error("unreachable");
  expect(once.untilMs).toBeGreaterThan(180_000);
  expect(decide({ ...situation, nowMs: once.untilMs, state: after(base, ...failure) }).do).toBe("recompile");
  const twice = after(base, ...failure, ...failure);
  expect(decide({ ...situation, state: twice })).toMatchObject({
    do: "escalate",
    reason: "compile_failures",
  });
});
