/**
 * What a plugin imports as `akc/sdk`. Web-standard APIs only, so that it runs on Bun and on Deno alike.
 */
export type {
  Action,
  ActionOutcome,
  AdapterDefinition,
  DeclaredCapability,
  ExecuteRequest,
  Recovery,
  RunContext,
} from "./adapter.ts";
export {
  type Call,
  type FetchInit,
  type Handoff,
  type Log,
  type RunEnd,
  type RunOptions,
  truncatedHeader,
} from "./call.ts";
export {
  type ConfiguredDefinition,
  definePlugin,
  type HostInfo,
  isPlugin,
  type PlainDefinition,
  type Plugin,
  type PluginDefinition,
} from "./define.ts";
export {
  cancelled,
  denied,
  type FailureDetails,
  type FailureKind,
  failed,
  isPluginError,
  PluginError,
  type PluginErrorDetails,
  retryable,
} from "./errors.ts";
export {
  type Aggregate,
  aggregates,
  type Comparison,
  type Expectation,
  type Measure,
  type Measured,
  measure,
  type Sample,
  type Series,
} from "./measure.ts";
export type { Json, JsonMap, Offers, WireStep } from "./protocol.ts";
export type {
  Change,
  ChangeOptions,
  Observed,
  ProviderDefinition,
  Resource,
  ResourceName,
  SeenResource,
  Watched,
} from "./provider.ts";
export { type ServeOptions, serve } from "./serve.ts";
export type { Attached, ValidateRequest, ValidatorDefinition, Verdict } from "./validator.ts";
