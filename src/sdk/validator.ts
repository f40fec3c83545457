/**
 * The contract of a validator, as an author writes it: asks an outside system and gives a verdict. It changes nothing, and it
 * never turns not knowing into a pass or a fail.
 */
import type { RunContext } from "./adapter.ts";
import type { Call } from "./call.ts";
import type { Json, JsonMap, WireVerdict } from "./protocol.ts";

export interface ValidatorDefinition<Settings = JsonMap> {
  /** The kinds of bindings that it judges, at least one; the manifest must allow them. */
  readonly bindingKinds: readonly string[];

  /**
   * `pass` and `fail` are for what was seen; `inconclusive` for what could not be told (`reason`: no-data, ambiguous, limited,
   * stale); `error` for what went wrong on the way (`reason`: unreachable, denied, malformed, tool_missing).
   * To throw is the plugin's own failure.
   */
  validate(request: ValidateRequest, call: Call<Settings>): Verdict | Promise<Verdict>;
}

export interface ValidateRequest {
  /** One of `bindingKinds`. */
  readonly bindingKind: string;
  readonly bindingId: string;
  /** The binding as the registry has it, normalised; the validator's own. */
  readonly binding: JsonMap;
  /** Milliseconds since the epoch. Take it for now: a validator that reads a clock cannot be replayed. */
  readonly evaluatedAtMs: number;
  /** For all of it. */
  readonly timeoutMs: number;
  readonly context?: RunContext;
}

export interface Verdict {
  readonly verdict: WireVerdict;
  readonly reason?: string;
  /** For people: one sentence, no secrets. */
  readonly message?: string;
  /** What was seen, e.g. `{ free_bytes: 7516192768 }`. */
  readonly observed?: Json;
  /** How it was seen, for whoever checks later. */
  readonly evidence?: JsonMap;
  /** What it made beside its verdict: a screenshot, a log, a report. */
  readonly attachments?: readonly Attached[];
}

export interface Attached {
  /** A file name, no folder. */
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}
