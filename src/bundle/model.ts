/**
 * What a bundle is once it has been read, checked and resolved: plain data that the kernel, the policy and the
 * commands share. Nothing here looks at a disk or a clock.
 *
 * Source: spec bundle §2, §3, §5, §6; spec kernel §5.
 */
import type { CoordinationPlan, CoordinationSpec, Orchestration } from "../coordination/model.ts";
import type { Issue } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";

export const policyModes = ["simulate", "enforce", "canary"] as const;
/** `simulate` has no side effects; `canary` is `enforce` on less. */
export type PolicyMode = (typeof policyModes)[number];

/** Nothing crosses it. */
export interface Scope {
  readonly tenantId: string;
  readonly repoId: string;
}

/** An event of `eventType` (and, if it names one, of source `source`) triggers the node (spec kernel §5.2). */
export interface Trigger {
  readonly triggerId: string;
  readonly source: string;
  readonly eventType: string;
}

export interface Transition {
  readonly transitionId: string;
  readonly fromState: string;
  readonly toState: string;
  readonly triggerId?: string;
  /** Equality conditions on the event's payload and the action's outputs (kernel §5.1, kernel:W-13). */
  readonly guard?: JsonObject;
}

export interface RuntimeBudget {
  readonly maxSeconds?: number;
  readonly maxSteps?: number;
  readonly maxTokens?: number;
}

export interface Contract {
  readonly contractId: string;
  readonly category: "runtime" | "deployment" | "authorization" | "acceptance";
  readonly triggers: readonly Trigger[];
  readonly inputKeys: readonly string[];
  readonly outputKeys: readonly string[];
  /** In document order; empty unless the category is `runtime` and there is a state machine. */
  readonly transitions: readonly Transition[];
  readonly initialState?: string;
  readonly budget?: RuntimeBudget;
  readonly acceptance?: JsonObject;
}

export type NodeKind =
  | "service"
  | "workflow"
  | "intent"
  | "entity"
  | "knowledge"
  | "integration"
  | "policy"
  | "agent"
  | "infrastructure"
  | "other";

/** A node of the runtime graph (spec kernel §5.3). */
export interface GraphNode {
  readonly nodeId: string;
  readonly kind: NodeKind;
  readonly name: string;
  readonly properties: JsonObject;
  readonly dependsOn: readonly string[];
  /** `"unknown"` when the node has no contract. */
  readonly contractId: string;
  readonly contract?: Contract;
  readonly initialState: string;
  readonly terminalStates: readonly string[];
}

export interface IrNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly name: string;
  readonly properties: JsonObject;
  readonly dependsOn: readonly string[];
  readonly contract?: Contract;
  /** The normalised node: what its fingerprint is taken over. */
  readonly document: JsonObject;
}

export interface IrDocument {
  readonly nodes: readonly IrNode[];
  /** Fingerprint of the normalised document (spec bundle §3.1), not of the file's bytes. */
  readonly sha256: string;
}

export interface CoordinationExecutionContract {
  readonly parallelDispatchEnabled: boolean;
  readonly maxInFlightSteps: number;
  readonly maxInFlightPerRole: number;
  readonly completionFoldOrder: "coordination_step_id";
}

export interface LoadedCoordination {
  readonly spec: CoordinationSpec;
  readonly sha256: string;
  readonly plan: CoordinationPlan;
  readonly orchestration?: Orchestration;
  readonly orchestrationSha256?: string;
  /** step id → node id, resolved for every step before anything runs (spec kernel §12.2). */
  readonly nodeOfStep: ReadonlyMap<string, string>;
  /** Steps of which others name files or values; absent when there are none. */
  readonly stepsRead?: ReadonlySet<string>;
}

/** A whole bundle: verified, resolved, and bound to one scope. */
export interface Bundle {
  readonly schemaVersion: 1 | 2 | 3 | 4;
  readonly scope: Scope;
  /** The compile run; one bundle may be run many times. */
  readonly runId: string;
  /** Absolute, symlinks resolved. */
  readonly path: string;
  /** `<repo>` of `<repo>/.akc/runtime/<run>.runtime_bundle.json`: the bundle's great-grandparent folder. */
  readonly repoRoot: string;
  /** Fingerprint of the file's JSON (spec bundle §1), called `manifest_hash` on the wire. */
  readonly sha256: string;
  /** The file as it was read; unknown keys are kept. */
  readonly document: JsonObject;
  readonly nodes: readonly GraphNode[];
  readonly ir?: IrDocument;
  readonly intentRef: JsonObject;
  /** The bundle's own projection, or the recomputed one under strict intent authority. */
  readonly intentProjection: JsonObject;
  readonly intentAuthorityStrict: boolean;
  readonly policyEnvelope: JsonObject;
  readonly coordination?: LoadedCoordination;
  readonly coordinationContract: CoordinationExecutionContract;
  readonly desiredStateSource: "ir" | "deployment_intents";
  /** The documented metadata keys (spec bundle §6.6) and those that the old loader dropped (bundle:W-1). */
  readonly metadata: JsonObject;
  /** Things worth saying that do not stop the bundle. */
  readonly warnings: readonly Issue[];
}

/** How an action is carried out (spec bundle §13). `malformed` and `refused` fail the action; neither falls back. */
export type Route =
  | { readonly kind: "delegate_adapter" }
  | { readonly kind: "noop" }
  | SubprocessRoute
  | HttpRoute
  | WaitRoute
  | { readonly kind: "malformed"; readonly wanted: "subprocess" | "http" | "wait"; readonly why: string }
  | { readonly kind: "refused"; readonly wanted: string; readonly why: string };

export interface SubprocessRoute {
  readonly kind: "subprocess";
  /** At least one item; blank ones removed. */
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  /** Text for the child's standard input; closed when absent. */
  readonly stdin?: string;
  /** Variables set for the child beside the fixed ones; names that steer the loader or Bun are refused at load. */
  readonly env?: Readonly<Record<string, string>>;
  /** An addition of akc's. */
  readonly files?: StepFiles;
  /** Whether `${{ … }}` in argv (but the first item), stdin and env is filled in when the step starts. An addition of akc's. */
  readonly placeholders?: true;
}

/** Files that go from step to step by content. Paths are relative to the step's working folder. */
export interface StepFiles {
  readonly inputs: readonly {
    /** The step before that left it. */
    readonly stepId: string;
    /** What that step calls it. */
    readonly path: string;
    /** Where it is put for this one. */
    readonly as: string;
  }[];
  /** Must be there when the process has ended well. */
  readonly outputs: readonly string[];
}

/** Waits for a person, another program or a clock; the wait outlives the process. An addition of akc's. */
export interface WaitRoute {
  readonly kind: "wait";
  readonly for:
    | {
        readonly kind: "signal";
        /** An identifier. */
        readonly name: string;
        /** Whether the signal is an answer: its payload says `approved: true` or the action is refused. */
        readonly approval: boolean;
        /** The action fails when no signal came by then; absent means that it waits as long as the run may. */
        readonly timeoutMs?: number;
      }
    | { readonly kind: "duration"; readonly durationMs: number }
    /** Milliseconds since the epoch. */
    | { readonly kind: "instant"; readonly atMs: number };
}

export interface HttpRoute {
  readonly kind: "http";
  readonly url: string;
  /** Upper case. */
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body?: string;
  readonly timeoutMs: number;
  /** Whether `${{ … }}` in the URL's path and query, in header values and in the body is filled in. An addition of akc's. */
  readonly placeholders?: true;
  /** What `body` is the JSON of, where it holds placeholders: they are filled into its texts, not into its JSON. */
  readonly bodyValue?: JsonValue;
}
