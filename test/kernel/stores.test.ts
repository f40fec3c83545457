/**
 * Where a run is kept does not change the run: the same plan under the same clock has the same events, rows, decisions and
 * outputs in memory as in the database.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { ActionRequest, ActionResult } from "../../src/adapters/contract.ts";
import type { GraphNode } from "../../src/bundle/model.ts";
import type { StepPlan } from "../../src/coordination/model.ts";
import type { KernelReport } from "../../src/kernel/loop.ts";
import type { RunPolicy } from "../../src/policy/model.ts";
import type { ActionRow, DecisionRow, NewEvent, RunReader, RunWriter } from "../../src/store/contract.ts";
import { createMemoryRun } from "../../src/store/memory.ts";
import { thisProcess } from "../../src/store/sqlite/holder.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import type { Clock } from "../../src/system/clock.ts";
import { allEvents, chainHolds, runRow, scope, startedAtMs } from "../store/builders.ts";
import { contract, node, policy, runWorld, step } from "./world.ts";

test("a run in memory and the same run in the database hold the same facts", async () => {
  await fc.assert(
    fc.asyncProperty(plans(), async (plan) => {
      const inMemory = await keptInMemory(plan);
      expect(await keptInDatabase(plan)).toEqual(inMemory);
    }),
    { numRuns: 40 },
  );
});

test("the plans that are tried end in every way, and leave outputs, retries and denials", async () => {
  const seen = new Set<string>();
  for (const plan of fc.sample(plans(), { numRuns: 300, seed: 7 })) {
    const { report, events, decisions, outputs } = await keptInMemory(plan);
    seen.add(report.outcome);
    for (const { type } of events) seen.add(type);
    if (decisions.some(({ allowed }) => !allowed)) seen.add("denied");
    if (outputs.length > 0) seen.add("outputs");
  }
  expect([...seen].sort()).toEqual([
    "blocked",
    "denied",
    "failed",
    "outputs",
    "runtime.action.blocked",
    "runtime.action.cancelled",
    "runtime.action.completed",
    "runtime.action.dead_lettered",
    "runtime.action.policy_allowed",
    "runtime.action.retried",
    "runtime.adapter.fallback",
    "runtime.coordination.plan_enqueued",
    "runtime.coordination.step_blocked",
    "runtime.kernel.event_refused",
    "runtime.kernel.loop_finished",
    "runtime.kernel.started",
    "runtime.kernel.stop_requested",
    "stopped",
    "succeeded",
  ]);
});

type Ending = "succeeds" | "fails" | "fails once" | "fails always";

interface Plan {
  readonly steps: readonly {
    readonly needs: readonly number[];
    readonly role: string;
    readonly ending: Ending;
  }[];
  /** Nodes that the start of the kernel triggers; each may wait for the one before it. */
  readonly triggered: readonly { readonly waits: boolean; readonly ending: Ending }[];
  readonly caps: { readonly steps: number; readonly perRole: number; readonly actionsInFlight: number };
  readonly retryDenied: boolean;
  readonly consumeDenied: boolean;
  /** The run is told to stop while this attempt is under way, counted from 0. */
  readonly stopAt: number | undefined;
  /** The adapter notes a fallback at this attempt. */
  readonly fallbackAt: number | undefined;
}

function plans(): fc.Arbitrary<Plan> {
  const ending = fc.constantFrom<Ending>(
    "succeeds",
    "succeeds",
    "succeeds",
    "fails",
    "fails once",
    "fails always",
  );
  const steps = fc
    .array(
      fc.record({
        needs: fc.uniqueArray(fc.nat(20), { maxLength: 3 }),
        role: fc.constantFrom("planner", "builder", "reviewer"),
        ending,
      }),
      { maxLength: 10 },
    )
    // A step may need only steps before it.
    .map((drafts) =>
      drafts.map((draft, index) => ({
        ...draft,
        needs: index === 0 ? [] : [...new Set(draft.needs.map((need) => need % index))],
      })),
    );
  return fc.record({
    steps,
    triggered: fc.array(fc.record({ waits: fc.boolean(), ending }), { maxLength: 3 }),
    caps: fc.record({
      steps: fc.integer({ min: 1, max: 4 }),
      perRole: fc.integer({ min: 1, max: 3 }),
      actionsInFlight: fc.integer({ min: 1, max: 6 }),
    }),
    retryDenied: rarely(),
    consumeDenied: rarely(),
    stopAt: fc.option(fc.nat(15), { nil: undefined, freq: 2 }),
    fallbackAt: fc.option(fc.nat(5), { nil: undefined }),
  });
}

function rarely(): fc.Arbitrary<boolean> {
  return fc.nat(7).map((number) => number === 0);
}

/** Everything that a run left, whoever kept it. */
interface Kept {
  readonly report: KernelReport;
  readonly events: readonly NewEvent[];
  readonly actions: readonly ActionRow[];
  readonly decisions: readonly DecisionRow[];
  /** Text of every output that an action left, in order of action ids. */
  readonly outputs: readonly string[];
}

async function keptInMemory(plan: Plan): Promise<Kept> {
  const run = createMemoryRun("rt-1");
  const report = await carriedOut(plan, run);
  const { events, decisions, artifacts } = run;
  const actions = ordered([...run.actions.values()]);
  return { report, events, actions, decisions, outputs: await outputsOf(actions, artifacts) };
}

async function keptInDatabase(plan: Plan): Promise<Kept> {
  using place = scope();
  const store = await openStore(place.scopeRoot);
  try {
    const writer = await store.createRun(runRow("rt-1"), thisProcess(), startedAtMs);
    const report = await carriedOut(plan, writer);
    await writer.close();
    const reader = await store.openRun("rt-1");
    try {
      expect(await reader.run()).toMatchObject({
        status: report.status,
        outcome: report.outcome,
        finishedAtMs: report.finishedAtMs,
        lastError: report.lastError ?? null,
        lastSeq: report.lastSeq,
      });
      return { report, ...(await readFrom(reader)) };
    } finally {
      await reader.close();
    }
  } finally {
    await store.close();
  }
}

async function readFrom(reader: RunReader): Promise<Omit<Kept, "report">> {
  const stored = await allEvents(reader);
  expect(chainHolds(stored, await reader.run())).toBe(true);
  const actions = ordered(await reader.actions());
  const decisions = await reader.decisions(0, 10_000);
  return {
    events: stored.map(({ seq, type, atMs, payload }) => ({ seq, type, atMs, payload })),
    actions,
    decisions: decisions.map(({ row: _, ...decision }) => decision),
    outputs: await outputsOf(actions, reader.artifacts),
  };
}

async function carriedOut(plan: Plan, writer: RunWriter): Promise<KernelReport> {
  const stop = new AbortController();
  let attempts = 0;
  let notes: { readonly type: string; readonly payload: string }[] = [];
  const execute = async (request: ActionRequest): Promise<ActionResult> => {
    if (attempts === plan.stopAt) stop.abort();
    if (attempts === plan.fallbackAt)
      notes.push({ type: "runtime.adapter.fallback", payload: '{"reason":"x"}' });
    attempts += 1;
    if (stop.signal.aborted) return { status: "cancelled", outputs: {}, durationMs: 1 };
    return resultOf(plan, request);
  };
  const { report } = await runWorld({
    nodes: nodesOf(plan),
    steps: stepsOf(plan),
    caps: plan.caps,
    policy: policyOf(plan),
    clock: steppedClock(),
    execute,
    deps: {
      writer,
      signal: stop.signal,
      ...(plan.steps.length === 0 ? {} : { planEnqueued: '{"layer_count":1}' }),
      noted: () => {
        const taken = notes;
        notes = [];
        return taken;
      },
    },
  });
  return report;
}

async function resultOf(
  plan: Plan,
  { action, attempt, handoffs, artifacts }: ActionRequest,
): Promise<ActionResult> {
  const index = Number(/\d+/.exec(action.nodeId)?.[0]);
  const drafts = action.nodeId.startsWith("step") ? plan.steps : plan.triggered;
  const ending = drafts[index]?.ending ?? "succeeds";
  if (ending !== "succeeds" && (ending !== "fails once" || attempt === 1)) {
    const error = { code: "SUBPROCESS_EXIT" as const, message: "exit 1", retryable: ending !== "fails" };
    return { status: "failed", outputs: { exit_code: 1 }, error, durationMs: 1 };
  }
  const handed = await Promise.all(
    handoffs.map(async (handoff) => new TextDecoder().decode(await handoff.read())),
  );
  const text = `${action.nodeId} after [${handed.join(", ")}]`;
  return {
    status: "succeeded",
    outputs: { action_id: action.actionId, said: text },
    durationMs: 1,
    output: await artifacts.put(new TextEncoder().encode(text)),
  };
}

function nodesOf({ steps, triggered }: Plan): GraphNode[] {
  return [
    ...steps.map((_, index) => node(`step${index}`)),
    ...triggered.map(({ waits }, index) =>
      node(`service${index}`, {
        kind: "service",
        contract: contract({ contractId: `c${index}`, outputKeys: [] }),
        dependsOn: waits && index > 0 ? [`service${index - 1}`] : [],
      }),
    ),
  ];
}

function stepsOf({ steps }: Plan): StepPlan[] {
  return steps.map(({ needs, role }, index) => {
    const predecessors = needs.map((need) => `s${need}`);
    const nodeId = `step${index}`;
    return step(`s${index}`, { roleId: role, nodeId, predecessors, handoffFrom: predecessors });
  });
}

function policyOf({ retryDenied, consumeDenied }: Plan): RunPolicy {
  return policy({
    without: [
      ...(retryDenied ? (["runtime.action.retry"] as const) : []),
      ...(consumeDenied ? (["runtime.event.consume"] as const) : []),
    ],
  });
}

/** Time moves only when the kernel sleeps and nothing wakes it: as long as a store takes, no millisecond goes by. */
function steppedClock(): Clock {
  let ms = 0;
  return {
    nowMs: () => startedAtMs + ms,
    monotonicMs: () => ms,
    async sleep(forMs, signal) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (signal?.aborted !== true) ms += Math.max(1, Math.ceil(forMs));
    },
  };
}

async function outputsOf(
  actions: readonly ActionRow[],
  artifacts: RunReader["artifacts"],
): Promise<string[]> {
  const texts: string[] = [];
  for (const { outputSha256 } of actions) {
    if (outputSha256 !== null) texts.push(new TextDecoder().decode(await artifacts.read(outputSha256)));
  }
  return texts;
}

function ordered(actions: readonly ActionRow[]): ActionRow[] {
  return [...actions].sort((left, right) => (left.actionId < right.actionId ? -1 : 1));
}
