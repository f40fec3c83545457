/**
 * A registry of bindings as it is once it was read: every path resolved, every default filled in, every secret a name.
 *
 * Source: spec reconcile §6.2; docs/validators.md.
 */
import type { JsonObject } from "../../json/value.ts";

export const documentedKinds = [
  "logql_query",
  "promql_query",
  "traceql_query",
  "maestro_flow",
  "android_helper",
  "ios_simulator_helper",
] as const;
export const builtinKinds = ["http_json", "command"] as const;

/** Operations of devices that prepare one and bring nothing home. Source: spec reconcile §6.2. */
export const preparations: ReadonlySet<string> = new Set([
  "install",
  "clear_data",
  "grant_permissions",
  "start_activity",
  "boot",
  "erase",
  "install_app",
  "launch_app",
]);

/** What a verdict leads to. Source: anchors §1.10. */
export const noDataPolicies = ["inconclusive", "fail", "pass"] as const;

export interface Binding {
  readonly id: string;
  readonly kind: string;
  readonly timeoutMs: number;
  /** Tries in all; only what was unreachable is tried again. */
  readonly tries: number;
  /** Measured and recorded, and gates nothing. */
  readonly dryRun: boolean;
  /**
   * All that the validator is told: the documented fields under their documented names, defaults filled in, absolute paths, and akc's
   * own (`aggregate`, `expect`, `range`, …). Header values that are secrets stand as `{"secret": NAME}` under `secret_headers`.
   */
  readonly settings: JsonObject;
  /** Files of it that must lie under the scope: absolute, links resolved. */
  readonly paths: readonly { readonly field: string; readonly path: string }[];
  /** Names of secrets that it needs. */
  readonly secrets: readonly string[];
  /** Where it stands in its file, counted from 1. */
  readonly line: number;
}

export interface BindingRegistry {
  /** Absolute; absent for the empty registry. */
  readonly path?: string;
  /** SHA-256 of the file's bytes. */
  readonly sha256?: string;
  readonly bindings: ReadonlyMap<string, Binding>;
}
