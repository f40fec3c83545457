import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ActionRequest, ActionResult } from "../../src/adapters/contract.ts";
import type { WaitRoute } from "../../src/bundle/model.ts";
import { limits } from "../../src/limits.ts";
import type { Signal, Turn } from "../../src/store/contract.ts";
import { createMemoryRun, type MemoryRun } from "../../src/store/memory.ts";
import {
  contract,
  failed,
  node,
  policy,
  runWorld,
  step,
  succeeded,
  type World,
  type WorldInput,
} from "./world.ts";

class Died extends Error {}

/** Lets the process die at its n-th commit: before it is durable, or after and before the kernel learns of it. */
function mortal(run: MemoryRun, commits: number, when: "before" | "after"): MemoryRun {
  let left = commits;
  const commit = async (turn: Turn): Promise<void> => {
    left -= 1;
    if (left < 0 || (left === 0 && when === "before")) throw new Died();
    await run.commit(turn);
    if (left === 0) throw new Died();
  };
  return { ...view(run), commit };
}

/** The run's own getters, not copies of what they say now. */
function view(run: MemoryRun): MemoryRun {
  return Object.create(run, {});
}

interface Lives {
  readonly world: World;
  readonly run: MemoryRun;
  readonly deaths: number;
}

/** Lives until the run is over; the last life has no end set. */
async function live(
  input: WorldInput,
  ends: readonly { commits: number; when: "before" | "after" }[],
): Promise<Lives> {
  const run = input.run ?? createMemoryRun("rt-1");
  let deaths = 0;
  for (const { commits, when } of ends) {
    const mortalRun = Object.assign(view(run), { commit: mortal(run, commits, when).commit });
    try {
      return { world: await runWorld({ ...input, run: mortalRun }), run, deaths };
    } catch (cause) {
      if (!(cause instanceof Died)) throw cause;
      deaths += 1;
    }
  }
  return { world: await runWorld({ ...input, run }), run, deaths };
}

const chain = ["a", "b", "c", "d"].map((id, at, all) =>
  step(id, { layer: at, predecessors: at === 0 ? [] : [all[at - 1] ?? ""] }),
);

const ends = fc.array(
  fc.record({
    commits: fc.integer({ min: 1, max: 6 }),
    when: fc.constantFrom("before" as const, "after" as const),
  }),
  { maxLength: 4 },
);

test("a recorded success never runs twice, however often and wherever the process dies", async () => {
  await fc.assert(
    fc.asyncProperty(ends, async (deaths) => {
      const again: string[] = [];
      const kept = createMemoryRun("rt-1");
      const { world } = await live(
        {
          steps: chain,
          run: kept,
          execute: (request) => {
            if (kept.actions.get(request.action.actionId)?.phase === "succeeded")
              again.push(request.action.actionId);
            return succeeded(request);
          },
        },
        deaths,
      );
      expect(again).toEqual([]);
      expect(world.report.outcome).toBe("succeeded");
      const completed = kept.events.filter(({ type }) => type === "runtime.action.completed");
      expect(completed.map(({ payload }) => JSON.parse(payload).action.action_id)).toEqual(
        chain.map(({ stepId, layer }) => `coordination:${stepId}:${layer}`),
      );
      expect(kept.events.map(({ seq }) => seq)).toEqual(kept.events.map((_, at) => at + 1));
      expect(kept.events.filter(({ type }) => type === "runtime.kernel.started")).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
});

test("what was under way is offered again with the same key and the next attempt, and its tries are not used up", async () => {
  const asked: { readonly key: string; readonly attempt: number }[] = [];
  const { world, deaths } = await live(
    {
      steps: [step("a")],
      execute: async (request, times) => {
        asked.push({ key: request.action.idempotencyKey, attempt: request.attempt });
        await Promise.resolve();
        return times === 1 && asked.length < 4 ? succeeded(request) : failed(true);
      },
      clock: impatient(),
    },
    [1, 2, 3].map(() => ({ commits: 2, when: "before" as const })),
  );
  expect(deaths).toBe(3);
  expect(asked.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(new Set(asked.map(({ key }) => key)).size).toBe(1);
  expect(world.report.outcome).toBe("failed");
});

test("an action that is under way whenever akc dies is given up on", async () => {
  const { world, run } = await live(
    { steps: [step("a")] },
    Array.from({ length: limits.interruptionsMax + 1 }, () => ({ commits: 2, when: "before" as const })),
  );
  expect(world.phase("coordination:a:0")).toBe("failed");
  expect(
    JSON.parse(run.events.find(({ type }) => type.endsWith("dead_lettered"))?.payload ?? "{}").error_code,
  ).toBe("ACTION_INTERRUPTED");
});

test("an adapter that knows the end of a lost attempt is believed, and the action is not carried out again", async () => {
  let executed = 0;
  const input: WorldInput = {
    steps: [step("a")],
    execute: (request) => {
      executed += 1;
      return succeeded(request);
    },
    adapter: {
      recover: async (request: ActionRequest) => ({
        kind: "ended",
        result: succeeded(request, { outputs: { action_id: request.action.actionId, recovered: true } }),
      }),
    },
  };
  const { world, run } = await live(input, [{ commits: 2, when: "before" }]);
  expect(executed).toBe(1);
  expect(world.report.outcome).toBe("succeeded");
  expect(run.events.find(({ type }) => type === "runtime.action.completed")?.payload).toContain(
    '"recovered":true',
  );
});

test("an event triggers its nodes once, over all lives", async () => {
  const onDone = contract({
    contractId: "after",
    triggers: [{ triggerId: "t", source: "runtime.action.completed", eventType: "runtime.action.completed" }],
    inputKeys: [],
  });
  const nodes = [node("n", { contract: contract() }), node("m", { contract: onDone })];
  const undisturbed = await runWorld({ nodes, execute: onceEach });
  await fc.assert(
    fc.asyncProperty(ends, async (deaths) => {
      const { run, world } = await live({ nodes, execute: onceEach }, deaths);
      expect(world.report.outcome).toBe(undisturbed.report.outcome);
      const ids = run.events
        .filter(({ type }) => type === "runtime.action.completed")
        .map(({ payload }) => JSON.parse(payload).action.node_ref.node_id);
      expect(ids.filter((id) => id === "n")).toHaveLength(1);
      expect(run.actions.size).toBe(undisturbed.run.actions.size);
    }),
    { numRuns: 40 },
  );
});

/** The second node would trigger itself for ever if it succeeded. */
function onceEach(request: ActionRequest): ActionResult {
  return request.action.nodeId === "m" ? failed(false) : succeeded(request);
}

test("a part that is run again takes what depends on it along, and nothing else", async () => {
  const steps = [
    step("a"),
    step("b", { layer: 1, predecessors: ["a"] }),
    step("c", { layer: 2, predecessors: ["b"] }),
    step("x", { layer: 1, predecessors: ["a"] }),
  ];
  const run = createMemoryRun("rt-1");
  const first = await runWorld({
    steps,
    run,
    execute: (request) => (request.step?.stepId === "b" ? failed(false) : succeeded(request)),
  });
  expect(first.report.outcome).toBe("failed");
  expect(first.phase("coordination:c:2")).toBe("blocked");
  const second = await runWorld({ steps, run, deps: { rerun: ["b"] } });
  expect(second.executed).toEqual(["coordination:b:1", "coordination:c:2"]);
  expect(second.report).toMatchObject({
    outcome: "succeeded",
    counts: { succeeded: 4, failed: 0, blocked: 0 },
  });
  expect(second.report.lastError).toBeUndefined();
  const third = await runWorld({ steps, run, deps: { rerun: ["a"] } });
  expect(third.executed.toSorted()).toEqual([
    "coordination:a:0",
    "coordination:b:1",
    "coordination:c:2",
    "coordination:x:1",
  ]);
  const generations = run.events.filter(({ type }) => type === "runtime.kernel.rerun");
  expect(generations.map(({ payload }) => JSON.parse(payload).generation)).toEqual([1, 2]);
  await expect(runWorld({ steps, run, deps: { rerun: ["nobody"] } })).rejects.toMatchObject({
    code: "STEP_UNKNOWN",
  });
});

test("a step that runs again has a key of its own, so that nobody takes it for what it was", async () => {
  const keys: string[] = [];
  const run = createMemoryRun("rt-1");
  const execute = (request: ActionRequest) => {
    keys.push(request.action.idempotencyKey);
    return succeeded(request);
  };
  await runWorld({ steps: [step("a")], run, execute });
  await runWorld({ steps: [step("a")], run, execute, deps: { rerun: ["a"] } });
  await runWorld({ steps: [step("a")], run, execute, deps: { rerun: ["a"] } });
  expect(new Set(keys).size).toBe(3);
});

test("what a stop cancelled waits again when the run is resumed", async () => {
  const run = createMemoryRun("rt-1");
  const stop = new AbortController();
  const first = await runWorld({
    steps: chain,
    run,
    deps: { signal: stop.signal },
    execute: async (request) => {
      if (request.step?.stepId !== "b") return succeeded(request);
      stop.abort();
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve, { once: true }));
      return { status: "cancelled", outputs: {}, durationMs: 1 };
    },
  });
  expect(first.report.outcome).toBe("stopped");
  const second = await runWorld({ steps: chain, run });
  expect(second.report.outcome).toBe("succeeded");
  expect(second.executed).toEqual(["coordination:b:1", "coordination:c:2", "coordination:d:3"]);
});

const approval: WaitRoute = {
  kind: "wait",
  for: { kind: "signal", name: "go", approval: true, timeoutMs: 60_000 },
};
const nap: WaitRoute = { kind: "wait", for: { kind: "duration", durationMs: 50 } };

function signal(id: string, payload: string): Signal {
  return { id, name: "go", payload, sentAtMs: 1, sender: "ada@host" };
}

test("a wait outlives the process; one signal ends one wait, and its payload is handed on", async () => {
  const inbox: Signal[] = [];
  const waiting: WorldInput = {
    steps: [step("ask"), step("deploy", { layer: 1, predecessors: ["ask"], handoffFrom: ["ask"] })],
    deps: {
      routeOf: (item) => (item.step?.stepId === "ask" ? approval : { kind: "noop" }),
      openSignals: async () => inbox.splice(0),
    },
  };
  const run = createMemoryRun("rt-1");
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 30);
  const first = await runWorld({ ...waiting, run, deps: { ...waiting.deps, signal: stop.signal } });
  expect(first.report.outcome).toBe("stopped");
  expect(run.actions.get("coordination:ask:0")?.phase).toBe("suspended");
  inbox.push(signal("s1", '{"approved":true,"by":"ada"}'));
  const second = await runWorld({ ...waiting, run });
  expect(second.report.outcome).toBe("succeeded");
  expect(second.executed).toEqual(["coordination:deploy:1"]);
  const output = run.actions.get("coordination:ask:0")?.outputSha256 ?? "";
  expect(new TextDecoder().decode(await run.artifacts.read(output))).toBe('{"approved":true,"by":"ada"}');
});

test("a refused approval is a denial, and what waited for it is blocked", async () => {
  const world = await runWorld({
    steps: [step("ask"), step("deploy", { layer: 1, predecessors: ["ask"] })],
    deps: {
      routeOf: (item) => (item.step?.stepId === "ask" ? approval : { kind: "noop" }),
      openSignals: async () => [signal("s1", '{"approved":"yes","reason":"not today"}')],
    },
  });
  expect(world.phase("coordination:ask:0")).toBe("denied");
  expect(world.phase("coordination:deploy:1")).toBe("blocked");
  expect(world.report).toMatchObject({ outcome: "blocked", lastErrorCode: "APPROVAL_REFUSED" });
});

test("a signal that does not come in time fails the step; a clock that is waited for lets it succeed", async () => {
  const short: WaitRoute = {
    kind: "wait",
    for: { kind: "signal", name: "go", approval: false, timeoutMs: 20 },
  };
  const world = await runWorld({
    steps: [step("late"), step("nap")],
    deps: { routeOf: (item) => (item.step?.stepId === "nap" ? nap : short), openSignals: async () => [] },
  });
  expect(world.phase("coordination:late:0")).toBe("failed");
  expect(world.phase("coordination:nap:0")).toBe("succeeded");
  expect(world.report.lastErrorCode).toBe("WAIT_TIMEOUT");
});

test("waiting takes no place that a step could use", async () => {
  const steps = [...Array.from({ length: 20 }, (_, at) => step(`nap${at}`)), step("work")];
  const world = await runWorld({
    steps,
    caps: { steps: 1, perRole: 1, actionsInFlight: 1 },
    deps: { routeOf: (item) => (item.step?.stepId === "work" ? { kind: "noop" } : nap) },
  });
  expect(world.report.outcome).toBe("succeeded");
  const types = world.types();
  expect(types.lastIndexOf("runtime.action.wait_started")).toBeLessThan(
    types.indexOf("runtime.action.completed"),
  );
});

test("events that a policy refused are consumed by a later process that may", async () => {
  const run = createMemoryRun("rt-1");
  const nodes = [node("n", { contract: contract() })];
  const first = await runWorld({ nodes, run, policy: policy({ without: ["runtime.event.consume"] }) });
  expect(first.report.outcome).toBe("blocked");
  expect(first.executed).toEqual([]);
  const second = await runWorld({ nodes, run });
  expect(second.report.outcome).toBe("succeeded");
  expect(second.executed).toHaveLength(1);
});

function impatient() {
  const started = Date.now();
  let skipped = 0;
  return {
    nowMs: () => Date.now() + skipped,
    monotonicMs: () => Date.now() - started + skipped,
    async sleep(ms: number, abort?: AbortSignal) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (abort?.aborted !== true) skipped += ms;
    },
  };
}
