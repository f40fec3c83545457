import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ActionRequest } from "../../src/adapters/contract.ts";
import { limits } from "../../src/limits.ts";
import { type Clock, systemClock } from "../../src/system/clock.ts";
import { contract, failed, node, policy, runWorld, step, succeeded } from "./world.ts";

/** A clock on which sleeping takes no time: waits are skipped, never shortened. */
function skippingClock(): Clock & { readonly sleptMs: number[] } {
  let skipped = 0;
  const sleptMs: number[] = [];
  return {
    sleptMs,
    nowMs: () => systemClock.nowMs() + skipped,
    monotonicMs: () => systemClock.monotonicMs() + skipped,
    async sleep(ms, signal) {
      await systemClock.sleep(1, signal);
      if (signal?.aborted === true) return;
      sleptMs.push(ms);
      skipped += ms;
    },
  };
}

/** Random graphs: a step may only wait for steps before it, so there is no cycle. */
const graphs = fc
  .array(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
  .map((rows) =>
    rows.map((row, index) =>
      step(`s${String(index).padStart(2, "0")}`, {
        layer: index,
        roleId: `role-${index % 3}`,
        predecessors: [...new Set(row.filter((at) => at < index))].map(
          (at) => `s${String(at).padStart(2, "0")}`,
        ),
      }),
    ),
  );

const ids = (stepId: string, layer: number) => `coordination:${stepId}:${layer}`;

test("no step starts before all that it waits for has succeeded and is recorded", async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.integer({ min: 1, max: 6 }), async (steps, width) => {
      const done = new Set<string>();
      const started: string[][] = [];
      const world = await runWorld({
        steps,
        caps: { steps: width, perRole: width, actionsInFlight: width },
        execute: async (request: ActionRequest) => {
          started.push((request.step?.predecessors ?? []).filter((id) => !done.has(id)));
          await Promise.resolve();
          done.add(request.step?.stepId ?? "");
          return succeeded(request);
        },
      });
      expect(started.flat()).toEqual([]);
      expect(world.report.outcome).toBe("succeeded");
      expect(new Set(world.executed).size).toBe(steps.length);
      expect(world.widest).toBeLessThanOrEqual(width);
    }),
    { numRuns: 60 },
  );
});

test("what depends on a failed step is blocked, and everything else runs", async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.nat({ max: 29 }), async (steps, victim) => {
      const bad = steps[victim % steps.length];
      if (bad === undefined) return;
      const lost = new Set([bad.stepId]);
      for (const later of steps) if (later.predecessors.some((id) => lost.has(id))) lost.add(later.stepId);
      const world = await runWorld({
        steps,
        execute: (request) => (request.step?.stepId === bad.stepId ? failed(false) : succeeded(request)),
      });
      for (const { stepId, layer } of steps) {
        const expected = stepId === bad.stepId ? "failed" : lost.has(stepId) ? "blocked" : "succeeded";
        expect(world.phase(ids(stepId, layer))).toBe(expected);
      }
      expect(world.report.outcome).toBe("failed");
      expect(world.report.counts.blocked).toBe(lost.size - 1);
    }),
    { numRuns: 60 },
  );
});

test("an intent is committed before its effect starts", async () => {
  const committed = new Set<string>();
  const early: string[] = [];
  const world = await runWorld({
    steps: [step("a"), step("b", { layer: 1, predecessors: ["a"] })],
    execute: (request) => {
      if (!committed.has(request.action.actionId)) early.push(request.action.actionId);
      return succeeded(request);
    },
    deps: {
      onProgress: ({ type, item }) => {
        if (type === "runtime.action.policy_allowed" && item !== undefined) committed.add(item.actionId);
      },
    },
  });
  expect(early).toEqual([]);
  expect(world.executed).toHaveLength(2);
});

test("a failure that may pass is tried again after its back-off, and no more often than allowed", async () => {
  const clock = skippingClock();
  const world = await runWorld({ steps: [step("flaky")], clock, execute: () => failed(true) });
  expect(world.executed).toHaveLength(limits.attemptsMax);
  expect(world.types().filter((type) => type === "runtime.action.retried")).toHaveLength(
    limits.attemptsMax - 1,
  );
  expect(clock.sleptMs.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(2_900);
  expect(world.report.outcome).toBe("failed");
});

test("a retry that succeeds makes the run succeed", async () => {
  const world = await runWorld({
    steps: [step("flaky"), step("after", { layer: 1, predecessors: ["flaky"] })],
    clock: skippingClock(),
    execute: (request, times) =>
      request.step?.stepId === "flaky" && times < 3 ? failed(true) : succeeded(request),
  });
  expect(world.report.outcome).toBe("succeeded");
  expect(world.report.counts.retried).toBe(2);
});

test("a denial is recorded with its rule, never retried, and never carried out", async () => {
  const world = await runWorld({
    steps: [step("a"), step("b", { layer: 1, predecessors: ["a"] })],
    policy: policy({ without: ["runtime.action.dispatch"] }),
  });
  expect(world.executed).toEqual([]);
  expect(world.report.outcome).toBe("blocked");
  expect(world.phase("coordination:a:0")).toBe("denied");
  expect(world.phase("coordination:b:1")).toBe("blocked");
  const denial = world.run.decisions.find((decision) => !decision.allowed);
  expect(denial).toMatchObject({ action: "runtime.action.dispatch", rule: "/test", allowed: false });
});

test("an action type that the envelope denies is dead-lettered as policy_denied in every mode", async () => {
  for (const mode of ["enforce", "simulate", "canary"] as const) {
    const world = await runWorld({
      steps: [step("a")],
      policy: policy({ mode, denyActionTypes: new Set(["coordination.step"]) }),
    });
    expect(world.executed).toEqual([]);
    const letter = world.run.events.find((event) => event.type === "runtime.action.dead_lettered");
    expect(JSON.parse(letter?.payload ?? "{}").reason).toBe("policy_denied");
  }
});

test("caps hold in total, for a role and for a node kind", async () => {
  const steps = Array.from({ length: 24 }, (_, index) => step(`s${index}`, { roleId: `role-${index % 2}` }));
  const perRole = new Map<string, number>();
  let widestRole = 0;
  const world = await runWorld({
    steps,
    caps: { steps: 5, perRole: 2, actionsInFlight: 5 },
    execute: async (request) => {
      const role = request.step?.roleId ?? "";
      perRole.set(role, (perRole.get(role) ?? 0) + 1);
      widestRole = Math.max(widestRole, perRole.get(role) ?? 0);
      await systemClock.sleep(1);
      perRole.set(role, (perRole.get(role) ?? 0) - 1);
      return succeeded(request);
    },
  });
  expect(widestRole).toBe(2);
  expect(world.widest).toBe(4);
});

test("a slow sibling delays only what depends on it", async () => {
  let release = () => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const world = await runWorld({
    steps: [step("fast"), step("slow"), step("after-fast", { layer: 1, predecessors: ["fast"] })],
    execute: async (request) => {
      if (request.step?.stepId === "slow") await slow;
      if (request.step?.stepId === "after-fast") release();
      return succeeded(request);
    },
  });
  expect(world.report.outcome).toBe("succeeded");
});

test("an event triggers the nodes that wait for it, in the order of depends_on", async () => {
  const world = await runWorld({
    nodes: [
      node("second", { contract: contract(), dependsOn: ["first"] }),
      node("first", { contract: contract() }),
      node("silent"),
    ],
  });
  expect(world.executed.map((id) => id.split(":")[0])).toEqual(["first", "second"]);
  expect(world.report).toMatchObject({ outcome: "succeeded", status: "idle" });
});

test("a node whose dependency failed is blocked, as is one whose dependency was never triggered", async () => {
  const never = contract({ triggers: [{ triggerId: "t", source: "x", eventType: "never.happens" }] });
  const world = await runWorld({
    nodes: [
      node("bad", { contract: contract() }),
      node("after-bad", { contract: contract(), dependsOn: ["bad"] }),
      node("sleeper", { contract: never }),
      node("after-sleeper", { contract: contract(), dependsOn: ["sleeper"] }),
    ],
    execute: (request) => (request.node.nodeId === "bad" ? failed(false) : succeeded(request)),
  });
  const reasons = world.run.events
    .filter((event) => event.type === "runtime.action.blocked")
    .map((event) => JSON.parse(event.payload))
    .map(({ node_id, by, reason }) => ({ node_id, by, reason }));
  expect(reasons).toEqual([
    { node_id: "after-bad", by: ["bad"], reason: "dependency_failed" },
    { node_id: "after-sleeper", by: ["sleeper"], reason: "dependency_never_triggered" },
  ]);
});

test("a node that triggers itself is cut and the run ends exhausted", async () => {
  const loop = contract({
    triggers: [
      { triggerId: "boot", source: "runtime.kernel.started", eventType: "runtime.kernel.started" },
      { triggerId: "again", source: "runtime.action.completed", eventType: "runtime.action.completed" },
    ],
    inputKeys: [],
  });
  const world = await runWorld({ nodes: [node("echo", { contract: loop })] });
  expect(world.report.outcome).toBe("exhausted");
  expect(world.executed.length).toBeLessThanOrEqual(limits.triggersPerNodeMax);
  expect(world.report.lastError).toContain("echo");
});

test("missing input and missing output are contract violations and are not retried", async () => {
  const input = await runWorld({ nodes: [node("n", { contract: contract({ inputKeys: ["absent"] }) })] });
  expect(input.executed).toEqual([]);
  const output = await runWorld({ nodes: [node("n", { contract: contract({ outputKeys: ["absent"] }) })] });
  expect(output.executed).toHaveLength(1);
  for (const world of [input, output]) {
    const letter = world.run.events.find((event) => event.type === "runtime.action.dead_lettered");
    expect(JSON.parse(letter?.payload ?? "{}")).toMatchObject({ reason: "contract_violation" });
  }
});

test("a failed action takes no declared transition", async () => {
  const machine = contract({
    initialState: "idle",
    transitions: [{ transitionId: "t", fromState: "idle", toState: "done", triggerId: "boot" }],
  });
  const nodes = [node("n", { contract: machine, initialState: "idle", terminalStates: ["done"] })];
  const good = await runWorld({ nodes });
  const bad = await runWorld({ nodes, execute: () => failed(false) });
  expect(good.report.status).toBe("terminal");
  expect(bad.report.status).toBe("failed");
  expect(bad.run.events.some((event) => event.payload.includes('"transition"'))).toBe(false);
});

test("a stop cancels what runs, starts nothing more, and the run ends stopped", async () => {
  const asked = new AbortController();
  const world = await runWorld({
    steps: [step("long"), step("next", { layer: 1, predecessors: ["long"] })],
    execute: (request) =>
      new Promise((resolve) => {
        setTimeout(() => asked.abort(), 5);
        request.signal.addEventListener("abort", () =>
          resolve({ status: "cancelled", outputs: {}, durationMs: 1 }),
        );
      }),
    deps: { signal: asked.signal, routeOf: () => ({ kind: "delegate_adapter" }) },
  });
  expect(world.report.outcome).toBe("stopped");
  expect(world.phase("coordination:long:0")).toBe("cancelled");
  expect(world.executed).toHaveLength(1);
});

test("a stop that another process asked for is seen while actions run", async () => {
  let asked = false;
  setTimeout(() => {
    asked = true;
  }, 20);
  const world = await runWorld({
    steps: [step("long")],
    execute: (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener("abort", () =>
          resolve({ status: "cancelled", outputs: {}, durationMs: 1 }),
        );
      }),
    deps: { stopRequested: async () => asked, routeOf: () => ({ kind: "delegate_adapter" }) },
  });
  expect(world.report.outcome).toBe("stopped");
});

test("the run's deadline ends it exhausted, whatever is under way", async () => {
  const world = await runWorld({
    steps: [step("long")],
    execute: (request) =>
      new Promise((resolve) => {
        request.signal.addEventListener("abort", () =>
          resolve({ status: "cancelled", outputs: {}, durationMs: 1 }),
        );
      }),
    deps: { deadlineMs: 30, routeOf: () => ({ kind: "delegate_adapter" }) },
  });
  expect(world.report.outcome).toBe("exhausted");
  expect(world.types()).toContain("runtime.kernel.deadline_exceeded");
});

test("budgets of dispatches and tokens cut the run", async () => {
  const steps = Array.from({ length: 6 }, (_, index) => step(`s${index}`));
  const few = await runWorld({ steps, deps: { budget: { dispatches: 3 } } });
  expect(few.executed).toHaveLength(3);
  expect(few.report.outcome).toBe("exhausted");
  const costly = await runWorld({
    steps,
    caps: { steps: 1 },
    execute: (request) => succeeded(request, { cost: { input_tokens: 10, output_tokens: 0 } }),
    deps: { budget: { inputTokens: 25 } },
  });
  expect(costly.executed).toHaveLength(3);
  expect(costly.report.outcome).toBe("exhausted");
});

test("an adapter that throws is a failure of the attempt, not of the kernel", async () => {
  const world = await runWorld({
    steps: [step("a")],
    clock: skippingClock(),
    execute: () => {
      throw new Error("boom");
    },
  });
  expect(world.report.outcome).toBe("failed");
  expect(world.executed).toHaveLength(limits.attemptsMax);
});

test("every event has its own number and every action ends in a recorded phase", async () => {
  await fc.assert(
    fc.asyncProperty(graphs, fc.infiniteStream(fc.boolean()), async (steps, verdicts) => {
      const world = await runWorld({
        steps,
        execute: (request) => (verdicts.next().value ? succeeded(request) : failed(false)),
      });
      expect(world.run.events.map((event) => event.seq)).toEqual(
        world.run.events.map((_, index) => index + 1),
      );
      for (const { stepId, layer } of steps) {
        expect(["succeeded", "failed", "blocked"]).toContain(world.phase(ids(stepId, layer)) ?? "");
      }
      const { counts } = world.report;
      expect(counts.succeeded + counts.failed + counts.blocked).toBe(steps.length);
    }),
    { numRuns: 40 },
  );
});

test("a run that may not write its state does nothing at all", async () => {
  const world = await runWorld({
    steps: [step("a")],
    policy: policy({ without: ["runtime.state.checkpoint.write"] }),
  });
  expect(world.executed).toEqual([]);
  expect(world.report.outcome).toBe("blocked");
  expect(world.report.lastError).toContain("runtime.state.checkpoint.write");
});

test("no secret that an attempt reports is ever stored", async () => {
  const secret = "s3cr3t-value-9";
  const world = await runWorld({
    steps: [step("good"), step("bad")],
    execute: (request) =>
      request.step?.stepId === "good"
        ? succeeded(request, {
            outputs: { action_id: "a", nested: [{ deep: `x ${secret} y` }], stdout: "password=hunter22" },
          })
        : {
            status: "failed",
            outputs: {},
            durationMs: 1,
            error: { code: "SUBPROCESS_EXIT", message: secret, retryable: false },
          },
    deps: { secrets: [secret], routeOf: () => ({ kind: "delegate_adapter" }) },
  });
  const stored = JSON.stringify([
    world.run.events,
    [...world.run.actions],
    world.run.decisions,
    world.report,
  ]);
  expect(stored).not.toContain(secret);
  expect(stored).not.toContain("hunter22");
  expect(stored).toContain("[redacted]");
});

test("a time-out is the contract's budget only where the contract's time was the shorter one", async () => {
  for (const { maxSeconds, reason, times } of [
    { maxSeconds: 1, reason: "budget_exceeded", times: 1 },
    { maxSeconds: 60, reason: "backend_error", times: limits.attemptsMax },
  ]) {
    const world = await runWorld({
      nodes: [node("n", { contract: contract({ budget: { maxSeconds } }) })],
      clock: skippingClock(),
      execute: () => ({
        status: "failed",
        outputs: {},
        durationMs: 1,
        error: { code: "SUBPROCESS_TIMEOUT", message: "too slow", retryable: true },
      }),
      deps: { routeOf: () => ({ kind: "subprocess", argv: ["x"], timeoutMs: 30_000 }) },
    });
    expect(world.executed).toHaveLength(times);
    const letter = world.run.events.find((event) => event.type === "runtime.action.dead_lettered");
    expect(JSON.parse(letter?.payload ?? "{}").reason).toBe(reason);
  }
});

test("an action that is refused what it is given asks for no folder, whose making nobody would wait for", async () => {
  let made = 0;
  const world = await runWorld({
    deps: {
      routeOf: () => ({ kind: "subprocess", argv: ["x"], timeoutMs: 30_000, placeholders: true }),
      workdirOf: async () => {
        made += 1;
        throw new Error("no folder can be made");
      },
    },
  });
  expect(world.report.outcome).toBe("failed");
  expect(JSON.stringify(world.run.events)).toContain("STEP_HANDOVER_UNSUPPORTED");
  expect(made).toBe(0);
});
