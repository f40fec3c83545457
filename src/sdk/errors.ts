/**
 * How a call of a plugin can end, other than well: the whole algebra. To return is to succeed; to throw one of these is to say
 * how it failed; to throw anything else is a bug of the plugin's, is logged with its stack, and never ends the process.
 */
import type { JsonMap } from "./protocol.ts";

export type FailureKind =
  /** The plugin could not do what it was asked. `retryable` says whether trying again may help. */
  | "failed"
  /** It must not be done: not granted, not allowed. Never tried again. */
  | "denied"
  /** The call was told to end, and did. */
  | "cancelled";

export interface FailureDetails {
  /** For programs: upper case words such as `IMAGE_NOT_FOUND`. Its meaning never changes. */
  readonly code?: string;
  readonly cause?: unknown;
  /** What an action put out before it failed, e.g. `{ exit_code: 1 }`. Only an adapter's `execute` hands it on. */
  readonly outputs?: JsonMap;
  /** What it cost nevertheless, e.g. `{ input_tokens: 812 }`. Only an adapter's `execute` hands it on. */
  readonly cost?: JsonMap;
}

export interface PluginErrorDetails extends FailureDetails {
  readonly kind?: FailureKind;
  /** False unless said. */
  readonly retryable?: boolean;
}

// By name and not by class: a plugin may bring a copy of the SDK of its own.
const brand = Symbol.for("akc.sdk.PluginError");

/** The message is shown to people and stored: no secrets in it, no whole command lines. */
export class PluginError extends Error {
  override readonly name = "PluginError";
  readonly kind: FailureKind;
  readonly retryable: boolean;
  readonly code: string | undefined;
  readonly outputs: JsonMap | undefined;
  readonly cost: JsonMap | undefined;
  readonly [brand] = true;

  constructor(message: string, details: PluginErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = details.kind ?? "failed";
    this.retryable = this.kind === "failed" && details.retryable === true;
    this.code = details.code;
    this.outputs = details.outputs;
    this.cost = details.cost;
  }
}

/** Trying again would fail the same way. */
export function failed(message: string, details: FailureDetails = {}): PluginError {
  return new PluginError(message, { ...details, retryable: false });
}

/** Trying again may help: the network was away, a server was busy. */
export function retryable(message: string, details: FailureDetails = {}): PluginError {
  return new PluginError(message, { ...details, retryable: true });
}

export function denied(message: string, details: FailureDetails = {}): PluginError {
  return new PluginError(message, { ...details, kind: "denied" });
}

export function cancelled(message = "the call was cancelled"): PluginError {
  return new PluginError(message, { kind: "cancelled" });
}

export function isPluginError(cause: unknown): cause is PluginError {
  return typeof cause === "object" && cause !== null && brand in cause;
}
