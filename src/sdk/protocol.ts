/**
 * The protocol between akc and a plugin, as types: JSON-RPC 2.0, one message a line, UTF-8, over the plugin's stdin and
 * stdout. Shared by the host and the SDK; it holds no code but the names. `docs/plugin-protocol.md` is the contract in words.
 *
 * Source: https://www.jsonrpc.org/specification
 */

/** Majors of the protocol that this akc speaks. A minor is a feature, never a number. */
export const protocolMajors = [1] as const;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonMap = { readonly [key: string]: Json };

export interface RpcRequest {
  readonly jsonrpc: "2.0";
  /** From 1, never used again on one connection. Host and plugin each count their own. */
  readonly id: number;
  readonly method: string;
  readonly params?: JsonMap;
}

export interface RpcNotification {
  readonly jsonrpc: "2.0";
  readonly method: string;
  readonly params?: JsonMap;
}

export type RpcResponse =
  | { readonly jsonrpc: "2.0"; readonly id: number; readonly result: Json }
  | { readonly jsonrpc: "2.0"; readonly id: number | null; readonly error: RpcError };

export interface RpcError {
  /** JSON-RPC's own codes, and those of `rpcErrors`. */
  readonly code: number;
  readonly message: string;
  readonly data?: { readonly retryable?: boolean; readonly code?: string };
}

export const rpcErrors = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** The call was cancelled with `$/cancel`. */
  cancelled: -32800,
  /** The host refused: not granted. */
  denied: -32001,
  /** The plugin failed at what it was asked to do; `data.retryable` says whether trying again may help. */
  failed: -32002,
} as const;

/** What the host asks of a plugin. A plugin answers `methodNotFound` for what it does not offer. */
export const hostCalls = {
  initialize: "initialize",
  ping: "ping",
  /** Answer, then end within `limits.stop_ms`. */
  shutdown: "shutdown",
  adapterPrepare: "adapter/prepare",
  adapterExecute: "adapter/execute",
  adapterRecover: "adapter/recover",
  adapterCancel: "adapter/cancel",
  adapterWaitSignal: "adapter/wait_signal",
  adapterCheckpoint: "adapter/checkpoint",
  adapterRestore: "adapter/restore",
  providerObserve: "provider/observe",
  providerObserveAll: "provider/observe_all",
  providerDiff: "provider/diff",
  providerApply: "provider/apply",
  providerDelete: "provider/delete",
  providerRollback: "provider/rollback",
  providerWatch: "provider/watch",
  validatorValidate: "validator/validate",
} as const;

/** What a plugin may ask of the host while a call of the host's (`call`, its id) is under way. */
export const pluginCalls = {
  /** params: call, url, method?, headers?, body? (text), body_base64?; result: status, headers, body_base64, truncated? */
  fetch: "host/fetch",
  /** params: call, name; result: value. */
  secret: "host/secret",
  /**
   * params: call, argv, timeout_ms, output_bytes_max?, interrupt_after_ms?, signal?; result: exit_code, signal, stdout_base64,
   * stdout_sha256, stderr_base64, stderr_sha256, truncated.
   */
  run: "host/run",
  /**
   * params: call, name, offset, length; result: data_base64, sha256 (of the whole), eof. A file that a program of `host/run`
   * made in the call's working folder; `offset` 0 reads it anew.
   */
  readMade: "host/read_made",
  /** params: call, sha256, offset, length; result: data_base64, eof. Only what the call was handed. */
  readHandoff: "host/read_handoff",
} as const;

/** Notifications; `call` is the id of the host's call that they belong to. */
export const notifications = {
  /** Host to plugin. params: id of the call to end. The call is still answered: with a result or with `cancelled`. */
  cancel: "$/cancel",
  /** Host to plugin. params: call, bytes: so many more bytes of output may be sent. */
  credit: "$/credit",
  /** Plugin to host. params: call?, level (debug|info|warn|error), message, fields? */
  log: "$/log",
  /** Plugin to host. params: call, message, fraction? (0 to 1) */
  progress: "$/progress",
  /** Plugin to host. params: call, data_base64. Output in pieces; what is sent becomes the action's output artifact. */
  output: "$/output",
} as const;

export type PluginKind = "adapter" | "provider" | "validator";

export const features = [
  "cancel",
  "progress",
  "log",
  "output",
  "fetch",
  "secrets",
  "handoffs",
  "run",
] as const;
export type Feature = (typeof features)[number];

export interface InitializeParams {
  readonly protocol: { readonly majors: readonly number[] };
  readonly host: { readonly name: "akc"; readonly version: string };
  readonly plugin: { readonly id: string; readonly version: string };
  /** The operator's settings, valid under the manifest's `config` schema. */
  readonly config: JsonMap;
  readonly features: readonly Feature[];
  readonly limits: {
    readonly message_bytes: number;
    /** Bytes of output that may be under way without credit. */
    readonly output_window_bytes: number;
    readonly stop_ms: number;
    readonly concurrency: number;
  };
  /** A folder of the plugin's own: writable, private, emptied at each start. Also its working directory. */
  readonly workdir: string;
}

export interface InitializeResult {
  /** The major that is spoken from here on; one of those offered. */
  readonly protocol: number;
  readonly plugin: { readonly id: string; readonly version: string };
  readonly features: readonly Feature[];
  /** Must be within what the manifest declares: who says more here is refused. */
  readonly offers: Offers;
}

/** By id: an adapter's id is what a run names, a provider's what a bundle names, a validator's what a binding names. */
export interface Offers {
  readonly adapters?: { readonly [id: string]: { readonly capabilities: readonly AdapterCapability[] } };
  readonly providers?: { readonly [id: string]: { readonly capabilities: readonly ProviderCapability[] } };
  readonly validators?: { readonly [id: string]: { readonly binding_kinds: readonly string[] } };
}

export const adapterCapabilities = [
  "durable_waits",
  "external_signals",
  "compensation_hooks",
  "external_checkpointing",
  "recover",
  "cancel",
  "stream",
] as const;
export type AdapterCapability = (typeof adapterCapabilities)[number];

export const providerCapabilities = [
  "observe",
  "apply",
  "rollback",
  "delete",
  "diff",
  "watch",
  /** Many resources in one call. */
  "observe_all",
] as const;
export type ProviderCapability = (typeof providerCapabilities)[number];

/** Whose run a call belongs to (spec kernel §4.1). */
export interface WireContext {
  readonly tenant_id: string;
  readonly repo_id: string;
  readonly run_id: string;
  readonly runtime_run_id: string;
  readonly policy_mode: string;
  readonly adapter_id: string;
}

/** params of `adapter/execute` and `adapter/recover`. */
export interface ExecuteParams {
  /** Id of the adapter that is meant. */
  readonly adapter: string;
  readonly context: WireContext;
  /** Spec kernel §4.4, with `node_id`, `node_kind` and `contract_id` in place of `node_ref`. */
  readonly action: JsonMap;
  /** From 1. `action.idempotency_key` stays the same over all attempts. */
  readonly attempt: number;
  /** The node's `runtime_execution`, or the adapter's own settings under it; {} when it has none. */
  readonly settings: JsonMap;
  /** Properties of the node, without what is only akc's affair. */
  readonly node: JsonMap;
  readonly handoffs: readonly {
    readonly step_id: string;
    readonly sha256: string;
    readonly size_bytes: number;
  }[];
  readonly timeout_ms: number;
  /** The action's working directory; readable and writable for the plugin while granted. */
  readonly workdir: string;
  /** On coordination steps: what the bundle says about the step and the action does not. */
  readonly step?: WireStep;
}

export interface WireStep {
  readonly step_id: string;
  readonly role_id: string;
  readonly allowed_tools: readonly string[];
  readonly allow_network: boolean;
  /** Of the bundle's intent. */
  readonly goal?: string;
  readonly label?: string;
  /** The name that the role is bound to. */
  readonly agent?: string;
  /** Of the bundle's intent, for one turn. */
  readonly bounds: {
    readonly max_seconds?: number;
    readonly max_input_tokens?: number;
    readonly max_output_tokens?: number;
    /** Body of a request by `host/fetch`. */
    readonly max_request_bytes?: number;
  };
}

/** Result of `adapter/execute` (spec kernel §4.5); `recover` answers `{ "kind": "unknown" }` or `{ "kind": "ended", "result": … }`. */
export interface ExecuteResult {
  readonly status: "succeeded" | "failed" | "cancelled";
  readonly outputs: JsonMap;
  readonly error?: string;
  /** Whether another attempt may help; false when absent. */
  readonly retryable?: boolean;
  /** e.g. input_tokens, output_tokens */
  readonly cost?: JsonMap;
  /** Small output in one piece, instead of `$/output`. */
  readonly output_base64?: string;
}

/** A resource as a provider is told of it and tells of it. Fields are the provider's own. */
export interface WireResource {
  readonly resource_id: string;
  readonly resource_class: string;
  readonly desired_hash: string;
  readonly intent: Json;
}

export interface WireObserved {
  readonly exists: boolean;
  /** Compare-and-set on it: changes whenever the resource does. */
  readonly version?: string;
  /** The fields that the provider owns, as they stand. */
  readonly fields?: JsonMap;
  readonly observed_hash?: string;
  readonly health: "healthy" | "unknown" | "degraded" | "failed";
  readonly message?: string;
  /** `scope` of the call that applied it last: whose it is. Absent: akc goes by its own inventory. */
  readonly scope?: string;
}

export type WireVerdict = "pass" | "fail" | "inconclusive" | "error";

/** params of `validator/validate`. */
export interface ValidateParams {
  /** Id of the validator that is meant. */
  readonly validator: string;
  readonly binding_id: string;
  readonly binding_kind: string;
  readonly binding: JsonMap;
  /** Milliseconds since the epoch: the now of the judgement. A validator that reads a clock cannot be replayed. */
  readonly evaluated_at_ms: number;
  readonly timeout_ms: number;
  readonly context?: WireContext;
}

/** Result of `validator/validate`. */
export interface ValidateResult {
  readonly verdict: WireVerdict;
  /** e.g. no-data, ambiguous, limited, stale, unreachable, denied, malformed, tool_missing */
  readonly reason?: string;
  /** For people: one sentence. */
  readonly message?: string;
  readonly observed?: Json;
  readonly evidence?: JsonMap;
  readonly attachments?: readonly {
    /** A file name, no folder. */
    readonly name: string;
    readonly media_type: string;
    readonly data_base64?: string;
    /** Instead of the data: of a content that akc handed over in this very call. */
    readonly sha256?: string;
  }[];
}
