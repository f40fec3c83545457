/** A small world for kernel tests: plans written by hand, an adapter that is told what to do, a clock that can be real. */
import type { ActionRequest, ActionResult, Adapter, RunContext } from "../../src/adapters/contract.ts";
import { noCapabilities } from "../../src/adapters/contract.ts";
import type { Bundle, Contract, GraphNode } from "../../src/bundle/model.ts";
import type { StepPlan } from "../../src/coordination/model.ts";
import { type KernelDeps, type KernelReport, runKernel } from "../../src/kernel/loop.ts";
import { readPast } from "../../src/kernel/past.ts";
import { type CapOverrides, planRun } from "../../src/kernel/plan.ts";
import { type PolicyAction, policyActions, type RunPolicy } from "../../src/policy/model.ts";
import { newRunRow } from "../../src/run/parts.ts";
import type { RunReader } from "../../src/store/contract.ts";
import { createMemoryRun, type MemoryRun } from "../../src/store/memory.ts";
import { type Clock, systemClock } from "../../src/system/clock.ts";

export function node(nodeId: string, fields: Partial<GraphNode> = {}): GraphNode {
  return {
    nodeId,
    kind: "workflow",
    name: nodeId,
    properties: {},
    dependsOn: [],
    contractId: fields.contract?.contractId ?? "unknown",
    initialState: "ready",
    terminalStates: ["completed"],
    ...fields,
  };
}

export function contract(fields: Partial<Contract> = {}): Contract {
  return {
    contractId: "c",
    category: "runtime",
    triggers: [{ triggerId: "boot", source: "runtime.kernel.started", eventType: "runtime.kernel.started" }],
    inputKeys: ["runtime_run_id"],
    outputKeys: ["action_id"],
    transitions: [],
    ...fields,
  };
}

export function step(stepId: string, fields: Partial<StepPlan> = {}): StepPlan {
  return {
    stepId,
    layer: 0,
    roleId: "worker",
    nodeId: "n",
    predecessors: [],
    handoffFrom: [],
    allowNetwork: false,
    allowedTools: [],
    policyContext: { coordination_step_id: stepId },
    ...fields,
  };
}

export function policy(fields: Partial<RunPolicy> & { without?: readonly PolicyAction[] } = {}): RunPolicy {
  const { without = [], ...rest } = fields;
  const http = {
    enabled: false,
    allowlist: [],
    narrowedBy: [],
    methods: [],
    bodyBytesMax: 0,
    responseBytesMax: 0,
  };
  return {
    mode: "enforce",
    allow: new Set(policyActions.filter((action) => !without.includes(action))),
    deny: new Set(),
    deniedBy: new Map(without.map((action) => [action, { rule: "/test", source: "envelope" as const }])),
    denyActionTypes: new Set(),
    unresolvedPolicyIds: [],
    subprocess: {
      enabled: false,
      allowlist: [],
      containment: "none",
      readOnlyRoots: [],
      outputBytesMax: 1024,
      processesMax: 1,
      openFilesMax: 1,
      fileBytesMax: 1,
    },
    http,
    allowNetwork: false,
    requireEffects: false,
    actionDeadlineMsMax: 60_000,
    actionsInFlightMax: 1_024,
    evidenceExpectations: [],
    effectiveEnvelope: {},
    envelopeSha256: "0".repeat(64),
    ...rest,
  };
}

export interface World {
  readonly run: MemoryRun;
  readonly report: KernelReport;
  /** Action ids in the order in which the adapter was asked. */
  readonly executed: readonly string[];
  /** The most that ran at once. */
  readonly widest: number;
  types(): readonly string[];
  phase(actionId: string): string | undefined;
}

export interface WorldInput {
  readonly nodes?: readonly GraphNode[];
  readonly steps?: readonly StepPlan[];
  readonly caps?: CapOverrides & { readonly steps?: number; readonly perRole?: number };
  readonly policy?: RunPolicy;
  readonly clock?: Clock;
  execute?(request: ActionRequest, timesAsked: number): Promise<ActionResult> | ActionResult;
  readonly deps?: Partial<KernelDeps>;
  /** What earlier lives left: the run goes on. */
  readonly run?: MemoryRun;
  /** Adapter members beside `execute`. */
  readonly adapter?: Partial<Adapter>;
}

export function succeeded(request: ActionRequest, fields: Partial<ActionResult> = {}): ActionResult {
  return { status: "succeeded", outputs: { action_id: request.action.actionId }, durationMs: 1, ...fields };
}

export function failed(retryable: boolean): ActionResult {
  return {
    status: "failed",
    outputs: {},
    durationMs: 1,
    error: { code: "SUBPROCESS_EXIT", message: "exit 1", retryable },
  };
}

export async function runWorld(input: WorldInput): Promise<World> {
  const executed: string[] = [];
  const asked = new Map<string, number>();
  let running = 0;
  let widest = 0;
  const adapter: Adapter = {
    id: "test",
    capabilities: noCapabilities,
    respectsRouting: true,
    async execute(request) {
      const { actionId } = request.action;
      executed.push(actionId);
      const times = (asked.get(actionId) ?? 0) + 1;
      asked.set(actionId, times);
      running += 1;
      widest = Math.max(widest, running);
      try {
        return await (input.execute ?? succeeded)(request, times);
      } finally {
        running -= 1;
      }
    },
    ...input.adapter,
  };
  const nodes = input.nodes ?? [node("n", { contract: contract() })];
  const steps = input.steps ?? [];
  const bundle: Pick<Bundle, "nodes" | "coordination" | "coordinationContract"> = {
    nodes,
    ...(steps.length === 0 ? {} : { coordination: coordinationStandIn }),
    coordinationContract: {
      parallelDispatchEnabled: true,
      maxInFlightSteps: input.caps?.steps ?? 64,
      maxInFlightPerRole: input.caps?.perRole ?? 64,
      completionFoldOrder: "coordination_step_id",
    },
  };
  const run = input.run ?? createMemoryRun("rt-1");
  const plan = planRun(bundle, steps, input.caps);
  const past = run.events.length === 0 ? {} : { past: await readPast(plan, memoryReader(run)) };
  const report = await runKernel(plan, {
    clock: input.clock ?? systemClock,
    writer: run,
    adapter,
    policy: input.policy ?? policy(),
    context,
    specSha256: "0".repeat(64),
    routeOf: () => ({ kind: "noop" }),
    hasEffect: () => true,
    workdirOf: () => "/nowhere",
    stopRequested: async () => false,
    signal: new AbortController().signal,
    budget: {},
    ...past,
    ...input.deps,
  });
  return {
    run,
    report,
    executed,
    widest,
    types: () => run.events.map((event) => event.type),
    phase: (actionId) => run.actions.get(actionId)?.phase,
  };
}

/** What resuming reads, out of memory. */
export function memoryReader(
  run: Pick<MemoryRun, "events" | "decisions">,
): Pick<RunReader, "run" | "events" | "decisions"> {
  return {
    run: async () => row,
    events: async (after, limit) =>
      run.events
        .filter(({ seq }) => seq > after)
        .slice(0, limit)
        .map((event) => ({ ...event, prevSha256: "", sha256: "" })),
    decisions: async (after, limit) =>
      run.decisions.slice(after, after + limit).map((decision, at) => ({ ...decision, row: after + at + 1 })),
  };
}

const context: RunContext = {
  scope: { tenantId: "acme", repoId: "shop" },
  runId: "run-1",
  runtimeRunId: "rt-1",
  mode: "enforce",
  adapterId: "test",
};

const row = newRunRow(context, { bundlePath: "/b", bundleSha256: "0".repeat(64) }, "0".repeat(32), 0);

/** Only its presence counts: the kernel never looks inside. */
export const coordinationStandIn: NonNullable<Bundle["coordination"]> = {
  spec: {
    version: 1,
    scope: { tenantId: "acme", repoId: "shop" },
    runId: "run-1",
    nodes: [],
    edges: [],
    bindings: [],
    roles: [],
  },
  sha256: "0".repeat(64),
  plan: { layers: [], stepOrder: [], precedence: [], loweredPrecedenceSha256: "0".repeat(64) },
  nodeOfStep: new Map(),
};
