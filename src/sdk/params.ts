/**
 * The params and results of those calls that `protocol.ts` does not spell out. Types only, as they go over the wire.
 *
 * Source: docs/plugin-protocol.md
 */
import type { ExecuteResult, Json, JsonMap, WireContext, WireObserved, WireResource } from "./protocol.ts";

/** `adapter/prepare`: once before the first action of a run; result null. */
export interface PrepareParams {
  readonly adapter: string;
  readonly context: WireContext;
}

/** `adapter/cancel`: the action is to end wherever it runs, also when no call is under way for it; result null. */
export interface CancelParams {
  readonly adapter: string;
  readonly context: WireContext;
  readonly action_id: string;
}

/** `adapter/wait_signal`; the answer comes when the signal does. */
export interface WaitSignalParams {
  readonly adapter: string;
  readonly context: WireContext;
  /** Names the signal; the adapter's own. */
  readonly spec: JsonMap;
}
export interface WaitSignalResult {
  readonly payload: Json;
}

/** `adapter/checkpoint`; `adapter/restore` is given the token again and answers null. */
export interface CheckpointParams {
  readonly adapter: string;
  readonly context: WireContext;
}
export interface CheckpointResult {
  /** null: there is nothing to come back to. */
  readonly token: string | null;
}
export interface RestoreParams {
  readonly adapter: string;
  readonly context: WireContext;
  readonly token: string;
}

/** Result of `adapter/recover`. */
export type RecoverResult =
  | { readonly kind: "unknown" }
  | { readonly kind: "ended"; readonly result: ExecuteResult };

/** `provider/observe`; result WireObserved. Changes nothing. */
export interface ObserveParams {
  readonly provider: string;
  readonly resource_id: string;
  readonly resource_class?: string;
}

/** `provider/observe_all`; result ObserveAllResult. Changes nothing. */
export interface ObserveAllParams {
  readonly provider: string;
  readonly resources: readonly { readonly resource_id: string; readonly resource_class?: string }[];
}
export interface ObserveAllResult {
  /**
   * One row a resource that was asked about, in any order; and rows of others that were applied under a scope, with that scope.
   * With `unobservable` instead of `observed`: why it could not be seen.
   */
  readonly resources: readonly {
    readonly resource_id: string;
    readonly resource_class?: string;
    readonly observed?: WireObserved;
    readonly unobservable?: string;
  }[];
}

/** `provider/diff`: what `apply` would change; result DiffResult. Changes nothing. */
export interface DiffParams {
  readonly provider: string;
  readonly resource: WireResource;
  readonly observed: WireObserved;
}
export interface DiffResult {
  /** Empty: it stands as desired. */
  readonly changes: readonly WireChange[];
}
export interface WireChange {
  /** JSON pointer into the fields. */
  readonly path: string;
  /** Absent: there was none, there will be none. */
  readonly from?: Json;
  readonly to?: Json;
}

/** `provider/apply` and `provider/rollback` (where `resource` is what stood before); result WireObserved. */
export interface ApplyParams {
  readonly provider: string;
  readonly resource: WireResource;
  /** The same for each try of one change. */
  readonly idempotency_key: string;
  /** Compare-and-set: only while this is the resource's version. Absent: whatever stands there. */
  readonly expected_version?: string;
  /** Whose resource it is, `tenant_id/repo_id`: to be kept with it and told as `scope` of what stands. */
  readonly scope?: string;
}

/** `provider/delete`; result WireObserved, with `exists` false when it is gone. What is gone already is no error. */
export interface DeleteParams {
  readonly provider: string;
  readonly resource_id: string;
  readonly resource_class?: string;
  readonly idempotency_key: string;
  readonly expected_version?: string;
  readonly scope?: string;
}

/** `provider/watch`: answered when something changed after `cursor`, or with nothing when the provider sees fit. */
export interface WatchParams {
  readonly provider: string;
  /** Absent: from now on. */
  readonly cursor?: string;
}
export interface WatchResult {
  /** Ids of resources to be observed again; may name too many, never too few. */
  readonly changed: readonly string[];
  readonly cursor: string;
}
