/**
 * The contract of an adapter: what does actions. An adapter never decides whether an action may run, never retries
 * and never writes state; it carries out one attempt and says what came of it.
 *
 * Source: spec bundle §14.1, spec kernel §4.
 */
import type { Bundle, GraphNode, PolicyMode, Route, Scope } from "../bundle/model.ts";
import type { StepPlan } from "../coordination/model.ts";
import type { ErrorCode } from "../errors.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import type { RunPolicy } from "../policy/model.ts";

export interface AdapterCapabilities {
  readonly durableWaits: boolean;
  readonly externalSignals: boolean;
  readonly compensationHooks: boolean;
  readonly externalCheckpointing: boolean;
}

export const noCapabilities: AdapterCapabilities = {
  durableWaits: false,
  externalSignals: false,
  compensationHooks: false,
  externalCheckpointing: false,
};

/** Who asks: one run in one scope. */
export interface RunContext {
  readonly scope: Scope;
  readonly runId: string;
  readonly runtimeRunId: string;
  readonly mode: PolicyMode;
  readonly adapterId: string;
}

/** The action as it appears on the wire (spec bundle §2.7). */
export interface RuntimeAction {
  readonly actionId: string;
  readonly actionType: string;
  readonly nodeId: string;
  readonly nodeKind: string;
  readonly contractId: string;
  readonly inputsFingerprint: string;
  readonly idempotencyKey: string;
  /** The `policy_context` of the wire; present on coordination steps. */
  readonly policyContext?: JsonObject;
}

/** What a predecessor handed over, readable by its content hash. */
export interface Handoff {
  readonly stepId: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Reads the whole content; bounded by what a step may write. */
  read(): Promise<Uint8Array>;
  /** What it left of its `files.outputs`; absent where no step takes files from it. */
  readonly files?: readonly FileRef[];
}

/** A file that a step left, by the path that it has in the step's folder. */
export interface FileRef extends ArtifactRef {
  readonly path: string;
}

/** Keeps what actions put out, by content. A content that is already there is not written twice. */
export interface ArtifactStore {
  put(bytes: Uint8Array): Promise<ArtifactRef>;
  /** For output that is not held in memory: feed it, then `finish`, or `discard` and nothing is kept. */
  begin(): ArtifactSink;
  read(sha256: string): Promise<Uint8Array>;
  sizeOf(sha256: string): Promise<number>;
}

export interface ArtifactRef {
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface ArtifactSink {
  write(chunk: Uint8Array): void;
  finish(): Promise<ArtifactRef>;
  discard(): void;
}

/** One attempt to be made. */
export interface ActionRequest {
  readonly context: RunContext;
  readonly action: RuntimeAction;
  /** From 1. The idempotency key stays the same over all attempts. */
  readonly attempt: number;
  readonly route: Route;
  readonly node: GraphNode;
  /** Present on coordination steps. */
  readonly step?: StepPlan;
  readonly handoffs: readonly Handoff[];
  /** Wall-clock budget of this attempt; the signal aborts when it is over. */
  readonly timeoutMs: number;
  readonly policy: RunPolicy;
  /** Absolute path of the action's working directory; it exists. */
  readonly workdir: string;
  readonly artifacts: ArtifactStore;
  /** Aborts when the run stops or the budget is over. An adapter must end soon after. */
  readonly signal: AbortSignal;
}

export interface ActionError {
  readonly code: ErrorCode;
  /** Safe to show and to store: no secrets, no whole command lines. */
  readonly message: string;
  /** Whether another attempt may help. Denials and malformed routes are never retried. */
  readonly retryable: boolean;
}

export interface ActionResult {
  readonly status: "succeeded" | "failed" | "cancelled";
  /** Documented output keys of the route (spec bundle §14.5, §15.4), and more. */
  readonly outputs: JsonObject;
  readonly error?: ActionError;
  readonly durationMs: number;
  /** Tokens used, e.g. `{ input_tokens, output_tokens }`. */
  readonly cost?: JsonObject;
  /** What a handoff successor will read. Absent on failure. */
  readonly output?: ArtifactRef;
  /** Files of the route that were kept for successors. Absent on failure, and where the route names none. */
  readonly files?: readonly FileRef[];
}

/** What an adapter knows of an attempt that akc lost sight of. */
export type Recovery =
  /** It came to this end; nothing is to be done again. */
  | { readonly kind: "ended"; readonly result: ActionResult }
  /** It never happened, or nobody can tell: the attempt is made. */
  | { readonly kind: "unknown" };

export interface Adapter {
  readonly id: string;
  readonly capabilities: AdapterCapabilities;
  /** Whether it carries out the resolved route; `native` does not. */
  readonly respectsRouting: boolean;
  /** Whether it moves the files of a route; steps with files or placeholders are given to no adapter that does not. */
  readonly movesFiles?: boolean;
  prepare?(context: RunContext, bundle: Bundle): Promise<void>;
  /** Never rejects for an action's own failure: that is a result. A rejection is the adapter's fault and is retried. */
  execute(request: ActionRequest): Promise<ActionResult>;
  /**
   * Asked before an action is carried out again whose last attempt was cut off by the death of akc. `request.attempt` is the
   * new one's number; the idempotency key is the old one's. A rejection counts as `unknown`.
   */
  recover?(request: ActionRequest): Promise<Recovery>;
  /** Notes that akc itself does what this adapter lacks. */
  fallBack?(context: RunContext, capability: "durable_waits" | "external_signals"): void;
  waitSignal?(context: RunContext, spec: JsonObject): Promise<JsonValue>;
  checkpoint?(context: RunContext): Promise<string | null>;
  restore?(context: RunContext, token: string): Promise<void>;
  cancel?(context: RunContext, actionId: string): Promise<void>;
  /** Ends what the adapter keeps warm. */
  close?(): Promise<void>;
}
