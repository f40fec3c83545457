/**
 * Plans out of a seed, each with a script of what the world does to every action. The script depends on the tries that
 * count and on nothing else, so that crashes, delays and duplicates cannot change what becomes of an action.
 */
import type { GraphNode, PolicyMode, Route } from "../../src/bundle/model.ts";
import type { StepPlan } from "../../src/coordination/model.ts";
import { type CapOverrides, planRun, type RunPlan } from "../../src/kernel/plan.ts";
import type { RunBudget } from "../../src/kernel/spending.ts";
import type { PolicyAction } from "../../src/policy/model.ts";
import { contract, coordinationStandIn, node, step } from "../kernel/world.ts";
import type { Random } from "./random.ts";

/** What one try comes to. */
export type Ending =
  | "succeeds"
  | "fails"
  | "fails for good"
  | "throws"
  /** Ends itself when its time is over, as an adapter should. */
  | "times out"
  /** Knows nothing of its time and ends when it is told to. */
  | "hangs until told to end"
  /** Does not even do that. */
  | "hangs for ever"
  | "leaves out an output";

export interface Script {
  /** Ending of the first try that counts, the second, …; the last one stands for all later ones. */
  readonly endings: readonly Ending[];
  readonly delayMsMax: number;
  /** Whether what it does happens at once in the world, or only when it ends. */
  readonly actsEarly: boolean;
  /** Whether it ends with the process that started it, as a child does; otherwise the world goes on without akc. */
  readonly diesWithProcess: boolean;
}

/** What somebody outside sends to the run, again and again until it is taken in. */
export interface SentSignal {
  readonly id: string;
  readonly name: string;
  readonly payload: string;
  readonly atMs: number;
}

export interface Scenario {
  readonly nodes: readonly GraphNode[];
  readonly steps: readonly StepPlan[];
  readonly caps: CapOverrides & { readonly steps: number; readonly perRole: number };
  readonly budget: RunBudget;
  readonly mode: PolicyMode;
  readonly without: readonly PolicyAction[];
  readonly denyActionTypes: readonly string[];
  /** By node id: one node, one script. */
  readonly scripts: ReadonlyMap<string, Script>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly signals: readonly SentSignal[];
  /** Whether some signals come about when the wait for them is over: which of the two is first may differ. */
  readonly closeCall: boolean;
  /** Of every process, from its start. */
  readonly deadlineMs: number | undefined;
  /** What the adapter can say about attempts that akc lost sight of. */
  readonly recovers: "never" | "honestly" | "sometimes" | "throws";
  /** How long the world takes for what it is asked. */
  readonly hurryMs: number;
}

const roles = ["planner", "builder", "reviewer", "deployer"] as const;

export function scenarioOf(random: Random): Scenario {
  const scripts = new Map<string, Script>();
  const routes = new Map<string, Route>();
  const steps = stepsOf(random.fork("steps"));
  const nodes: GraphNode[] = steps.map(({ nodeId }) => node(nodeId));
  const triggered = triggeredNodes(random.fork("triggers"));
  nodes.push(...triggered);
  gateSteps(nodes, triggered, random.fork("gates"));
  const signals: SentSignal[] = [];
  const closeCall = waitsOf(steps, routes, signals, random.fork("waits"));
  const scripting = random.fork("scripts");
  const trouble = scripting.pick([0, 0.1, 0.3, 0.5]);
  for (const { nodeId, kind } of nodes) {
    // What reacts to failures must not fail, or it would set itself off without end.
    const reacts = kind === "agent";
    scripts.set(nodeId, scriptOf(scripting, reacts ? 0 : trouble));
    if (reacts || routes.has(nodeId)) continue;
    const route = routeOf(scripting, kind === "workflow");
    if (route !== undefined) routes.set(nodeId, route);
  }
  const ways = random.fork("ways");
  return {
    nodes,
    steps,
    caps: {
      steps: ways.between(1, 8),
      perRole: ways.between(1, 4),
      actionsInFlight: ways.between(1, 10),
    },
    budget: ways.chance(0.05) ? { dispatches: ways.between(1, 30) } : {},
    mode: ways.chance(0.05) ? "simulate" : "enforce",
    without: withoutOf(ways, triggered),
    denyActionTypes: ways.chance(0.1) ? ["service.execute"] : [],
    scripts,
    routes,
    signals,
    closeCall,
    deadlineMs: ways.chance(0.03) ? ways.between(50, 5_000) : undefined,
    recovers: ways.pick(["never", "honestly", "sometimes", "throws"]),
    hurryMs: ways.pick([5, 50, 500, 5_000]),
  };
}

export function planOf({ nodes, steps, caps }: Scenario): RunPlan {
  const coordinationContract = {
    parallelDispatchEnabled: true,
    maxInFlightSteps: caps.steps,
    maxInFlightPerRole: caps.perRole,
    completionFoldOrder: "coordination_step_id" as const,
  };
  const bundle = { nodes, coordinationContract };
  return planRun(steps.length === 0 ? bundle : { ...bundle, coordination: coordinationStandIn }, steps, caps);
}

function stepsOf(random: Random): StepPlan[] {
  const count = random.chance(0.1) ? random.between(15, 40) : random.between(0, 14);
  const density = random.pick([0, 1, 2, 4]);
  return Array.from({ length: count }, (_, index) => {
    const predecessors = new Set<string>();
    for (let arc = 0; arc < density && index > 0; arc += 1) {
      if (random.chance(0.7)) predecessors.add(`s${random.between(Math.max(0, index - 6), index - 1)}`);
    }
    const before = [...predecessors].sort();
    return step(`s${index}`, {
      layer: index,
      roleId: random.pick(roles),
      nodeId: `step${index}`,
      predecessors: before,
      handoffFrom: before.filter(() => random.chance(0.6)),
    });
  });
}

/** A node that its own end sets off again never comes to rest and is cut: made on purpose, and rarely. */
function triggeredNodes(random: Random): GraphNode[] {
  const count = random.chance(0.5) ? 0 : random.between(1, 4);
  const endless = random.chance(0.02);
  return Array.from({ length: count }, (_, index) => {
    const reacts = index > 0 && random.chance(0.5);
    const eventType = endless
      ? "runtime.action.completed"
      : reacts
        ? random.pick([
            "runtime.action.retried",
            "runtime.action.dead_lettered",
            "runtime.coordination.step_blocked",
          ])
        : "runtime.kernel.started";
    return node(`service${index}`, {
      kind: reacts ? "agent" : "service",
      contract: contract({
        contractId: `c${index}`,
        triggers: [{ triggerId: "t", source: eventType, eventType }],
        inputKeys: !reacts && random.chance(0.1) ? ["no_such_key"] : [],
        outputKeys: ["action_id"],
        transitions: random.chance(0.5)
          ? [{ transitionId: "up", fromState: "ready", toState: "up", triggerId: "t" }]
          : [],
      }),
      dependsOn: index > 0 && random.chance(0.4) ? [`service${random.between(0, index - 1)}`] : [],
    });
  });
}

/** Some steps wait for the first success of a node that only an event sets off. */
function gateSteps(nodes: GraphNode[], triggered: readonly GraphNode[], random: Random): void {
  const gate = triggered[0];
  if (gate === undefined) return;
  for (const [index, one] of nodes.entries()) {
    if (one.kind === "workflow" && random.chance(0.1)) {
      nodes[index] = { ...one, dependsOn: [gate.nodeId] };
    }
  }
}

/**
 * Some steps wait: for a signal that comes soon, long before the wait is over; for one that never comes; for a clock. So
 * which of them end how does not hang on how long akc was away.
 */
function waitsOf(
  steps: readonly StepPlan[],
  routes: Map<string, Route>,
  signals: SentSignal[],
  random: Random,
): boolean {
  if (random.chance(0.7)) return false;
  const closeCall = random.chance(0.15);
  for (const { nodeId } of steps) {
    if (!random.chance(0.3)) continue;
    const own = random.chance(0.7);
    const name = own ? `go-${nodeId}` : "go";
    const approval = own && random.chance(0.4);
    const comes = random.chance(0.8);
    if (random.chance(0.3)) {
      routes.set(nodeId, { kind: "wait", for: { kind: "duration", durationMs: random.between(1, 8_000) } });
    } else if (own && !comes) {
      const timeoutMs = random.between(1, 8_000);
      routes.set(nodeId, { kind: "wait", for: { kind: "signal", name, approval, timeoutMs } });
    } else {
      const timeoutMs = closeCall ? random.between(1, 3_000) : 600_000;
      routes.set(nodeId, { kind: "wait", for: { kind: "signal", name, approval, timeoutMs } });
      const payload = JSON.stringify(approval ? { approved: random.chance(0.7) } : { go: name });
      const signal = { id: `id-${nodeId}`, name, payload, atMs: random.between(0, 3_000) };
      signals.push(signal);
      if (random.chance(0.5)) signals.push({ ...signal, atMs: random.between(0, 10_000) });
    }
  }
  return closeCall;
}

function scriptOf(random: Random, trouble: number): Script {
  return {
    endings: random.chance(trouble) ? endingsOf(random) : ["succeeds"],
    delayMsMax: random.pick([0, 1, 20, 300, 2_000]),
    actsEarly: random.chance(0.5),
    diesWithProcess: random.chance(0.5),
  };
}

function endingsOf(random: Random): Ending[] {
  const passing: Ending[] = ["fails", "fails", "throws", "times out", "hangs until told to end"];
  const [first, ...rest] = passing;
  const failing = (): Ending => random.pick([first ?? "fails", ...rest]);
  switch (random.between(0, 5)) {
    case 0:
    case 1:
      return [failing(), "succeeds"];
    case 2:
      return [failing(), failing(), "succeeds"];
    case 3:
      return [failing(), failing(), failing()];
    case 4:
      return [failing(), random.pick(["fails for good", "leaves out an output", "hangs for ever"])];
    default:
      return ["fails for good"];
  }
}

function routeOf(random: Random, isStep: boolean): Route | undefined {
  if (random.chance(0.1)) return { kind: "noop" };
  if (random.chance(0.02)) return { kind: "malformed", wanted: "subprocess", why: "argv is empty" };
  if (isStep && random.chance(0.02)) return { kind: "refused", wanted: "http", why: "not on the list" };
  return undefined;
}

function withoutOf(random: Random, triggered: readonly GraphNode[]): PolicyAction[] {
  const without: PolicyAction[] = [];
  if (random.chance(0.05)) without.push("runtime.action.retry");
  if (random.chance(0.05)) without.push("runtime.event.consume");
  if (triggered.length === 0 && random.chance(0.05)) without.push("runtime.action.dispatch");
  return without;
}
