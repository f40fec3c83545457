/**
 * The contract of a provider, as an author writes it: observes and changes resources. A provider never decides whether it may;
 * it is asked only for what the policy has allowed, and tells what stands, not what it was told.
 */
import type { Call } from "./call.ts";
import type { Json, JsonMap } from "./protocol.ts";

/** Having a function is saying that the provider can; the manifest must allow it. */
export interface ProviderDefinition<Settings = JsonMap> {
  /** What stands under this id, read anew. Changes nothing. @throws PluginError `retryable(…)` when it cannot be seen now */
  observe(resource: ResourceName, call: Call<Settings>): Observed | Promise<Observed>;

  /**
   * As `observe`, of many at once: one look a pass, however many there are. One answer a resource, in any order; what else was applied
   * under a scope may be told of too, with that scope. Without it akc asks one by one.
   */
  observeAll?(
    resources: readonly ResourceName[],
    call: Call<Settings>,
  ): readonly SeenResource[] | Promise<readonly SeenResource[]>;

  /** What `apply` would change; nothing when it stands as desired. Changes nothing. */
  diff?(
    resource: Resource,
    observed: Observed,
    call: Call<Settings>,
  ): readonly Change[] | Promise<readonly Change[]>;

  /**
   * Makes the resource what it should be and tells what stands then. Asked twice with one key, it must change once.
   * @throws PluginError with code VERSION_CONFLICT when `expectedVersion` is not the version any more
   */
  apply?(resource: Resource, change: ChangeOptions, call: Call<Settings>): Observed | Promise<Observed>;

  /** Brings back what stood before, given as `resource`. As `apply`. */
  rollback?(resource: Resource, change: ChangeOptions, call: Call<Settings>): Observed | Promise<Observed>;

  /** Resolves with `{ exists: false, … }` when it is gone. What is gone already is no error. */
  delete?(resource: ResourceName, change: ChangeOptions, call: Call<Settings>): Observed | Promise<Observed>;

  /**
   * Resolves when something may have changed since `cursor` (undefined: since now), or with no ids when it has waited long
   * enough. May name too many resources, never too few.
   */
  watch?(cursor: string | undefined, call: Call<Settings>): Watched | Promise<Watched>;
}

export interface ResourceName {
  readonly resourceId: string;
  /** Absent where the bundle says none. */
  readonly resourceClass?: string;
}

/** `unobservable`: why it could not be seen, which is never the same as not being there. */
export type SeenResource = ResourceName &
  ({ readonly observed: Observed } | { readonly unobservable: string });

export interface Resource {
  readonly resourceId: string;
  readonly resourceClass: string;
  /** Fingerprint of `intent`: once the resource stands as desired, `observed.observedHash` is this. */
  readonly desiredHash: string;
  /** What should stand; the provider's own. */
  readonly intent: Json;
}

export interface ChangeOptions {
  /** The same for each try of one change. */
  readonly idempotencyKey: string;
  /** Only while the resource has this version; absent: whatever stands there. */
  readonly expectedVersion?: string;
  /** Whose resource it is: keep it with the resource, and tell it as `observed.scope`. */
  readonly scope?: string;
}

export interface Observed {
  readonly exists: boolean;
  readonly health: "healthy" | "unknown" | "degraded" | "failed";
  /** Changes whenever the resource does. */
  readonly version?: string;
  /** The fields that the provider owns, as they stand. */
  readonly fields?: JsonMap;
  /** Equal to the `desiredHash` of what stands. */
  readonly observedHash?: string;
  /** For people: why it is not healthy. */
  readonly message?: string;
  /** The `scope` that it was applied under; with none akc goes by its own inventory. */
  readonly scope?: string;
}

export interface Change {
  /** JSON pointer into the fields, e.g. `/replicas`. */
  readonly path: string;
  /** Absent: nothing was there. */
  readonly from?: Json;
  /** Absent: nothing will be there. */
  readonly to?: Json;
}

export interface Watched {
  readonly changed: readonly string[];
  /** Given to the next `watch`. */
  readonly cursor: string;
}
