/** One visit after another in one scope: what is recorded, in which order, and what is left when it is cut off. */
import { expect, test } from "bun:test";
import type { GateAnswer } from "../../src/autopilot/gates/model.ts";
import type { AttemptVerdict, Fact, RunOutcome, Sighting, Word } from "../../src/autopilot/model.ts";
import { AkcError } from "../../src/errors.ts";
import { aTrigger, bundle, easyBudgets, type Imagined, imagine, recompileHook, shop } from "./imagined.ts";
import { visitor } from "./visitor.ts";

const drifted: Sighting = {
  kind: "drifted",
  resources: [{ resourceId: "svc", what: "missing", message: "it is gone" }],
};
const shut = (gate: GateAnswer["gate"], reason: string): GateAnswer => ({
  gate,
  verdict: "closed",
  reason,
  message: reason,
});

const typesOf = (facts: readonly Fact[]) => facts.map(({ type }) => type);
const say = (world: Imagined, word: Word, bundleSha256?: string) =>
  world.store.say(
    shop,
    { type: "word", word, by: "me", reason: "r", bundleSha256 },
    "me",
    world.clock.nowMs(),
  );

test("a rollout is written down before it begins, watched through its bake, judged, and kept", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  at.outcome = async () => {
    expect(typesOf(await world.facts()).at(-1)).toBe("attempt_started");
    return { converged: true };
  };
  expect(await one.visit()).toMatchObject({ next: { do: "wait", why: "bake" }, againInMs: 60_000 });
  expect(typesOf(await world.facts())).toEqual(["adopted", "offered", "attempt_started", "attempt_deployed"]);
  for (let look = 0; look < 4; look += 1) {
    await world.clock.pass(60_000);
    expect(await one.visit()).toMatchObject({ next: { do: "wait" } });
  }
  expect(await world.facts()).toHaveLength(4);
  await world.clock.pass(60_000);
  expect(await one.visit()).toMatchObject({
    next: { do: "nothing", why: "all stands as it should" },
    state: { deployed: { bundleSha256: "b2" } },
  });
  expect(world.deeds.map(({ what }) => what).filter((what) => what !== "look")).toEqual([
    "begin",
    "validate",
  ]);
  expect((await world.facts()).at(-1)).toMatchObject({ type: "attempt_ended", verdict: "kept" });
});

test("a visit that changes nothing writes nothing", async () => {
  await using world = await imagine();
  const one = await visitor(world);
  world.place(shop).stands = "b1";
  await one.visit();
  const before = await world.store.version();
  for (let n = 0; n < 5; n += 1) {
    await world.clock.pass(600_000);
    expect((await one.visit()).next.do).toBe("nothing");
  }
  expect(await world.store.version()).toBe(before);
  expect(world.told.filter(({ kind }) => kind === "entry")).toHaveLength(1);
});

test("what does not hold through its bake, or is not judged well at its end, is brought back and not tried again", async () => {
  for (const broken of ["drift", "judgement"] as const) {
    await using world = await imagine();
    const at = world.place(shop);
    const one = await visitor(world);
    at.stands = "b1";
    at.newest = "b2";
    await one.visit();
    if (broken === "drift") at.sighting = drifted;
    else at.validate = () => ({ holds: false, message: "a check fails" });
    await world.clock.pass(broken === "drift" ? 60_000 : 300_000);
    const { state } = await one.visit();
    expect(state).toMatchObject({
      deployed: { bundleSha256: "b1" },
      rejected: ["b2"],
      consecutiveFailures: 1,
      rollbacksAtMs: [expect.any(Number)],
    });
    expect((await world.facts()).at(-1)).toMatchObject({ type: "attempt_ended", verdict: "rolled_back" });
    await world.clock.pass(3_600_000);
    expect((await one.visit()).next.do).toBe("nothing");
    at.newest = "b3";
    await one.visit();
    expect(world.deeds.filter(({ what }) => what === "begin").map(({ sha256 }) => sha256)).toEqual([
      "b2",
      "b3",
    ]);
  }
});

test("what cannot be brought back holds the scope for a person, in the same write, until an ack", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  at.rollBack = () => ({ ok: false, message: "the image is gone" });
  await one.visit();
  at.sighting = drifted;
  await world.clock.pass(60_000);
  expect((await one.visit()).next).toEqual({ do: "hold", why: "escalated" });
  const entries = await world.entries();
  const end = entries.find(({ fact }) => fact.type === "attempt_ended");
  const escalation = entries.find(({ fact }) => fact.type === "escalated");
  expect(end?.fact).toMatchObject({ type: "attempt_ended", verdict: "rollback_failed" });
  expect(escalation?.fact).toMatchObject({ type: "escalated", reason: "rollback_failed" });
  expect(escalation?.seq).toBe((end?.seq ?? 0) + 1);
  await world.clock.pass(600_000);
  expect((await one.visit()).next.do).toBe("hold");
  await say(world, "ack");
  expect((await one.visit()).next).not.toMatchObject({ do: "hold" });
});

test("an attempt that another controller left is found out and gone on with, and begun only once", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  at.stands = "b1";
  at.newest = "b2";
  // It died in the middle of the run.
  const first = await visitor(world, "one");
  at.outcome = () => {
    first.lose.abort(new AkcError("LEASE_LOST"));
    throw first.lose.signal.reason;
  };
  expect(await first.visit()).toMatchObject({ ended: "lost" });
  expect(typesOf(await world.facts()).at(-1)).toBe("attempt_started");
  at.outcome = () => ({ converged: true });
  const second = await visitor(world, "two");
  expect((await second.visit()).state.attempt?.phase.kind).toBe("baking");
  expect(world.deeds.map(({ what }) => what)).toEqual(["look", "begin", "recover", "look"]);
  const [begin, recovered] = world.deeds.filter(({ what }) => what !== "look");
  expect(recovered?.runtimeRunId).toBe(begin?.runtimeRunId ?? "");
  // The one that lost it can write nothing more.
  await expect(
    world.store.append(shop, [{ type: "visit_recovered" }], first.held.fence, { nowMs: 1 }),
  ).rejects.toMatchObject({ code: "LEASE_LOST" });
});

test("an attempt whose run never began changed nothing, counts for nothing, and is tried anew", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  at.stands = "b1";
  at.newest = "b2";
  const attempt = {
    attemptId: "a",
    kind: "rollout" as const,
    bundlePath: bundle("b2").bundlePath,
    bundleSha256: "b2",
    runtimeRunId: "run-left",
    triggerIds: [],
  };
  const first = await visitor(world, "one");
  await world.store.append(
    shop,
    [
      { type: "offered", offer: bundle("b2") },
      { type: "attempt_started", attempt, answers: [] },
    ],
    first.held.fence,
    { nowMs: world.clock.nowMs() },
  );
  const second = await visitor(world, "two");
  const { state } = await second.visit();
  expect(await world.facts()).toContainEqual(
    expect.objectContaining({ type: "attempt_ended", verdict: "not_started" }),
  );
  expect(state).toMatchObject({ consecutiveFailures: 0, rejected: [] });
  expect(state.mutationsAtMs).toHaveLength(1);
  expect(
    world.deeds.filter(({ what }) => what === "begin").map(({ runtimeRunId }) => runtimeRunId),
  ).not.toContain("run-left");
});

test("gates that stay closed are recorded once, and hold no repair", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  at.gates = [shut("window", "outside_maintenance_windows")];
  for (let n = 0; n < 4; n += 1) {
    expect((await one.visit()).next).toMatchObject({
      do: "nothing",
      why: expect.stringContaining("outside_maintenance_windows"),
    });
    await world.clock.pass(600_000);
  }
  expect(typesOf(await world.facts())).toEqual(["adopted", "offered", "held"]);
  at.gates = [];
  world.ports.gates.ask = async ({ kind }) => ({
    answers: kind === "rollout" ? [shut("window", "outside_maintenance_windows")] : [],
  });
  at.sighting = drifted;
  await one.visit();
  expect(world.deeds.filter(({ what }) => what === "begin")).toMatchObject([
    { sha256: "b1", runtimeRunId: "by-hand" },
  ]);
});

test("a broken source is recorded once for as long as it is broken, and keeps nothing else from being done", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.collect = () => {
    throw new TypeError("cannot read");
  };
  at.sighting = drifted;
  const broken = await one.visit();
  expect(broken.fault).toMatchObject({ code: "INTERNAL", whole: false });
  expect(world.deeds.map(({ what }) => what)).toContain("begin");
  await world.clock.pass(600_000);
  await one.visit();
  expect(typesOf(await world.facts()).filter((type) => type === "visit_failed")).toHaveLength(1);
  at.collect = () => {};
  await world.clock.pass(600_000);
  expect((await one.visit()).fault).toBeUndefined();
  expect(typesOf(await world.facts()).at(-1)).toBe("visit_recovered");
});

test("of a file that cannot be used it is said which one it is", async () => {
  await using world = await imagine();
  const newest = () => Promise.reject(new AkcError("FILE_NOT_FOUND", { details: { path: "/srv/b.json" } }));
  const one = await visitor(world, "one", { offers: { ...world.ports.offers, newest } });
  expect((await one.visit()).fault).toMatchObject({
    code: "FILE_NOT_FOUND",
    message: "looking for the newest bundle: the file does not exist: /srv/b.json",
  });
});

test("a look that hangs has seen nothing, and repairs nothing", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.sighting = () => new Promise<Sighting>(() => {});
  const visiting = one.visit();
  await world.clock.pass(120_000);
  expect(await visiting).toMatchObject({ sighting: { kind: "unseen", code: "AUTOPILOT_TOO_SLOW" } });
  expect(world.deeds.map(({ what }) => what)).toEqual(["look"]);
});

test("the hook is asked with what is open, which is settled with its answer, and kept when it failed", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  const withHook = { recompile: recompileHook };
  at.stands = "b1";
  at.triggers.push(aTrigger("t1"), aTrigger("t1"), aTrigger("t2"));
  at.hook = () => ({ result: "failed", code: "RECOMPILE_FAILED", message: "no" });
  expect(await one.visit(withHook)).toMatchObject({
    next: { do: "wait" },
    state: { openTriggers: [{ id: "t1" }, { id: "t2" }], consecutiveCompileFailures: 1 },
  });
  at.hook = () => ({ result: "offered", offer: { ...bundle("b2"), source: "recompile" } });
  await world.clock.pass(60_000);
  const { state } = await one.visit(withHook);
  expect(state).toMatchObject({ openTriggers: [], attempt: { bundleSha256: "b2" } });
  expect(world.deeds.filter(({ what }) => what === "recompile")).toHaveLength(2);
});

test("a hook that answers with what stands, or with what failed before, changes nothing", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  const withHook = { recompile: recompileHook };
  at.stands = "b1";
  at.triggers.push(aTrigger("t1"));
  // Another path, the same bytes.
  at.hook = () => ({
    result: "offered",
    offer: { ...bundle("b1"), bundlePath: "/other", source: "recompile" },
  });
  const { state } = await one.visit(withHook);
  expect(state).toMatchObject({ openTriggers: [] });
  expect(state.candidate).toBeUndefined();
  expect(await world.facts()).toContainEqual(
    expect.objectContaining({ type: "recompile_ended", result: "unchanged" }),
  );
});

test("a hook that was cut off is told of, and its triggers stay", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.triggers.push(aTrigger("t1"));
  at.hook = () => {
    one.cut.abort(new AkcError("AUTOPILOT_DRAINED"));
    throw one.cut.signal.reason;
  };
  expect(await one.visit({ recompile: recompileHook })).toMatchObject({ ended: "cut" });
  expect((await world.facts()).at(-1)).toMatchObject({ type: "recompile_ended", result: "cut_off" });
  // And one whose controller died before it could say so.
  await world.store.append(
    shop,
    [{ type: "recompile_started", attemptId: "c", triggerIds: ["t1"] }],
    one.held.fence,
    { nowMs: world.clock.nowMs() },
  );
  const two = await visitor(world, "two");
  at.hook = () => ({ result: "unchanged", message: "" });
  const { state } = await two.visit({ recompile: recompileHook });
  expect(state).toMatchObject({ openTriggers: [] });
  expect(state.recompiling).toBeUndefined();
  const ends = (await world.facts()).filter(({ type }) => type === "recompile_ended");
  expect(ends).toMatchObject([{ result: "cut_off" }, { result: "cut_off" }, { result: "unchanged" }]);
});

test("in propose the plan is written once and waits; an approval of its hash lets it begin", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  const propose = { mode: "propose" } as const;
  expect((await one.visit(propose)).next).toEqual({ do: "hold", why: "proposed" });
  await world.clock.pass(600_000);
  expect((await one.visit(propose)).next).toEqual({ do: "hold", why: "proposed" });
  expect(world.deeds.filter(({ what }) => what === "propose")).toHaveLength(1);
  await say(world, "approve", "b7");
  expect((await one.visit(propose)).next.do).toBe("hold");
  await say(world, "approve", "b2");
  expect((await one.visit(propose)).state.attempt?.bundleSha256).toBe("b2");
});

test("a gate that waits for a person alone has the plan written too, and one that is denied is not asked about again", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  at.gates = [shut("approval", "approval_required")];
  const gates = { ...world.config().gates, approval: "rollouts" } as const;
  expect((await one.visit({ gates })).next).toEqual({ do: "hold", why: "proposed" });
  await say(world, "deny", "b2");
  expect((await one.visit({ gates })).next.do).toBe("nothing");
  await world.clock.pass(600_000);
  expect((await one.visit({ gates })).next.do).toBe("nothing");
  expect(world.deeds.filter(({ what }) => what === "propose" || what === "begin")).toHaveLength(1);
});

test("one who is paused while the gates are asked begins nothing", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  world.ports.gates.ask = async () => {
    await say(world, "pause");
    return { answers: [] };
  };
  expect((await one.visit()).next).toEqual({ do: "hold", why: "paused" });
  expect(world.deeds.map(({ what }) => what)).not.toContain("begin");
});

test("a bundle that is refused for what it says is not tried again; one that meets a fault of the moment is", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  at.outcome = () => {
    throw new AkcError("LEASE_HELD");
  };
  expect(await one.visit()).toMatchObject({
    fault: { code: "LEASE_HELD", whole: true },
    state: { rejected: [], consecutiveFailures: 0, mutationsAtMs: [], fault: { code: "LEASE_HELD" } },
  });
  at.outcome = () => {
    throw new AkcError("BUNDLE_INVALID");
  };
  expect((await one.visit()).state).toMatchObject({ rejected: ["b2"], consecutiveFailures: 1 });
  expect((await one.visit()).next.do).toBe("nothing");
});

test("no more attempts are open in all scopes together than the budget says", async () => {
  await using world = await imagine();
  const at = world.place(shop);
  const other = { tenantId: "acme", repoId: "other" };
  const fence = await world.store.raiseFence(other, "other", 1);
  const attempt = {
    attemptId: "a",
    kind: "rollout" as const,
    bundlePath: "/b",
    bundleSha256: "b",
    runtimeRunId: "r",
    triggerIds: [],
  };
  await world.store.append(other, [{ type: "attempt_started", attempt, answers: [] }], fence, { nowMs: 1 });
  const one = await visitor(world);
  at.stands = "b1";
  at.newest = "b2";
  const budgets = { ...easyBudgets, concurrentRollouts: 1 };
  expect((await one.visit({ budgets })).next).toMatchObject({
    do: "nothing",
    why: expect.stringContaining("max_concurrent_rollouts_exceeded"),
  });
  expect(world.deeds.map(({ what }) => what)).not.toContain("begin");
});

test("a run that brought back by itself what stood is no rollback of ours; one that could not holds the scope", async () => {
  const ends: readonly (readonly [Partial<RunOutcome>, AttemptVerdict, string?])[] = [
    // Such a run has succeeded, by its own word: what is told of it must not say so.
    [{ outcome: "succeeded", converged: false, rollbacks: 2, rollbacksSucceeded: 2 }, "failed"],
    [{ converged: false, rollbacks: 2, rollbacksSucceeded: 1 }, "rollback_failed"],
    [{ converged: false }, "rolled_back", "b2"],
    [{}, "failed"],
    [{ outcome: "stopped" }, "stopped"],
  ];
  for (const [outcome, verdict, stands] of ends) {
    await using world = await imagine();
    const at = world.place(shop);
    const one = await visitor(world);
    at.stands = "b1";
    at.newest = "b2";
    at.outcome = () => {
      at.stands = stands ?? at.stands;
      return { healthy: false, outcome: "failed", ...outcome };
    };
    const { state } = await one.visit();
    const end = (await world.facts()).find(({ type }) => type === "attempt_ended");
    expect(end).toMatchObject({ verdict, message: expect.not.stringContaining("succeeded") });
    expect(state.rejected).toEqual(["b2"]);
    expect(state.escalated !== undefined).toBe(verdict === "rollback_failed");
    expect(state.rollbacksAtMs).toHaveLength(outcome.rollbacks ?? (verdict === "rolled_back" ? 1 : 0));
  }
});
