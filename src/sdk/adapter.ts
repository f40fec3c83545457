/**
 * The contract of an adapter, as an author writes it: what does actions. An adapter never decides whether an action may run
 * and never tries again by itself; it carries out one attempt and says what came of it.
 */
import type { Call } from "./call.ts";
import type { Json, JsonMap, WireStep } from "./protocol.ts";

/** What cannot be told from the functions that an adapter has. */
export type DeclaredCapability = "durable_waits" | "compensation_hooks" | "stream";

export interface AdapterDefinition<Settings = JsonMap> {
  /**
   * `stream`: sends output while it works. `durable_waits`: a wait outlives the plugin's process. `compensation_hooks`: undoes.
   * `recover`, `cancel`, `external_signals` (`waitSignal`) and `external_checkpointing` (`checkpoint` with `restore`) need not be
   * said: having the function says it. The manifest must allow all of them.
   */
  readonly capabilities?: readonly DeclaredCapability[];

  /** Once before the first action of a run. @throws PluginError when the run must not start on this adapter */
  prepare?(context: RunContext, call: Call<Settings>): void | Promise<void>;

  /**
   * Carries out one attempt. Must be safe to be asked twice: `action.idempotencyKey` is the same over all attempts.
   * @returns what the action put out; nothing is `{}`
   * @throws PluginError `failed(…)`, `retryable(…)` or `denied(…)`
   */
  execute(request: ExecuteRequest, call: Call<Settings>): ActionOutcome | Promise<ActionOutcome>;

  /**
   * Asked before `execute` when akc died in the middle of the last attempt: has it come to an end?
   * To throw counts as not knowing.
   */
  recover?(request: ExecuteRequest, call: Call<Settings>): Recovery | Promise<Recovery>;

  /** Ends an action wherever it runs, also when no call is under way for it. What has ended already is no error. */
  cancel?(context: RunContext, actionId: string, call: Call<Settings>): void | Promise<void>;

  /** Resolves with the payload when the signal comes. Wait on `call.signal` too. */
  waitSignal?(context: RunContext, spec: JsonMap, call: Call<Settings>): Json | Promise<Json>;

  /** A token with which `restore` brings the adapter's state of this run back; null when there is none. */
  checkpoint?(context: RunContext, call: Call<Settings>): string | null | Promise<string | null>;
  restore?(context: RunContext, token: string, call: Call<Settings>): void | Promise<void>;
}

/** Who asks: one run in one scope. */
export interface RunContext {
  readonly tenantId: string;
  readonly repoId: string;
  readonly runId: string;
  /** Unique in the world; `runId` is the bundle's own word. */
  readonly runtimeRunId: string;
  readonly policyMode: string;
  readonly adapterId: string;
}

export interface ExecuteRequest {
  readonly context: RunContext;
  readonly action: Action;
  /** From 1. */
  readonly attempt: number;
  /** What the bundle says under `runtime_execution` for this step; {} when it says nothing. */
  readonly settings: JsonMap;
  /** Properties of the graph's node. */
  readonly node: JsonMap;
  /** Whose output can be read with `call.handoff(stepId)`. */
  readonly handoffs: readonly {
    readonly stepId: string;
    readonly sha256: string;
    readonly sizeBytes: number;
  }[];
  /** Wall clock; `call.signal` aborts when it is over. */
  readonly timeoutMs: number;
  /** Absolute path of the action's working directory. */
  readonly workdir: string;
  /** On coordination steps: what the bundle says about the step, as it came. */
  readonly step?: WireStep;
}

export interface Action {
  readonly actionId: string;
  readonly actionType: string;
  readonly nodeId: string;
  readonly nodeKind: string;
  readonly contractId: string;
  readonly inputsFingerprint: string;
  /** The same for all attempts of this action. */
  readonly idempotencyKey: string;
  /** All of it, as it came. */
  readonly wire: JsonMap;
}

export interface ActionOutcome {
  readonly outputs?: JsonMap;
  /** E.g. `{ input_tokens: 812, output_tokens: 64 }`. */
  readonly cost?: JsonMap;
  /** The output artifact in one piece; `call.output` is for what is large. Not both. */
  readonly output?: Uint8Array | string;
}

export type Recovery =
  /** It never happened, or nobody can tell: the attempt is made. */
  | { readonly kind: "unknown" }
  /** It ended well; nothing is to be done again. */
  | ({ readonly kind: "succeeded" } & ActionOutcome)
  | {
      readonly kind: "failed";
      readonly error: string;
      readonly retryable?: boolean;
      readonly outputs?: JsonMap;
    };
