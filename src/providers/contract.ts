/**
 * The contract of a provider: says what a resource needs, observes what stands, changes one resource at a time. It never
 * decides whether it may; it is asked only for what the policy has allowed, and tells what stands, not what it was told.
 *
 * Source: spec reconcile §4.1, §4.10, §16.
 */
import type { JsonObject } from "../json/value.ts";
import type { Clock } from "../system/clock.ts";

/** What a bundle wants to stand. */
export interface DesiredResource {
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly name: string;
  /** Fingerprint of `intent` (spec reconcile §1.4): the documented `desired_hash`. */
  readonly desiredHash: string;
  /** The IR node or the row of `deployment_intents`. */
  readonly intent: JsonObject;
  /** `runtime_deployment` of the intent or of the node's properties; `{}` without one. How a provider is told what to run. */
  readonly settings: JsonObject;
  /** Ids of resources of the same bundle that must stand first. */
  readonly dependsOn: readonly string[];
}

export type Health = "healthy" | "unknown" | "degraded" | "failed";

/**
 * A resource as it is to stand, complete in itself: applying it again later, with every file changed or gone, makes the same.
 * Kept in the store; what a rollback brings back.
 */
export interface Revision {
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly desiredHash: string;
  readonly dependsOn: readonly string[];
  /** The provider's own: all that it needs to apply it. Holds no secret, only names of secrets. */
  readonly snapshot: JsonObject;
  /** The owned fields as they are to stand, normalised (defaults, units, order): what is compared, field by field. */
  readonly fields: JsonObject;
  /** How many copies it is to have; absent where that means nothing. */
  readonly replicas?: number;
}

export type Resolution =
  | { readonly kind: "resolved"; readonly revision: Revision }
  /** This resource alone cannot be done; the message says why and what to do. */
  | { readonly kind: "refused"; readonly resourceId: string; readonly message: string };

/** Of something akc has applied and not deleted since: the inventory's row. */
export interface OwnedResource {
  readonly providerId: string;
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly desiredHash: string;
  readonly dependsOn: readonly string[];
  /** The provider's own: how to find the object again, e.g. kind, namespace and name. */
  readonly handle: JsonObject;
}

export interface HealthCondition {
  readonly type: string;
  readonly status: "true" | "false" | "unknown";
  readonly reason?: string;
  readonly message?: string;
  /** Milliseconds since the epoch. */
  readonly lastTransitionMs?: number;
}

/** Copies of one resource. `ready` counts those that may be used. */
export interface Copies {
  readonly total: number;
  readonly ready: number;
  /** Of the revision asked about. */
  readonly updated: number;
  readonly updatedReady: number;
}

export type Standing =
  | { readonly kind: "absent" }
  /** Nobody knows what stands: never taken for absence. `reason` is a short code, e.g. `unreachable`, `timeout`, `denied`. */
  | { readonly kind: "unobservable"; readonly reason: string; readonly message: string }
  | {
      readonly kind: "present";
      /** `akc`: it bears this scope's mark. `other`: it does not, or another scope's. */
      readonly owner: "akc" | "other";
      /** The `desiredHash` that its mark names: which revision was applied last. */
      readonly markedHash?: string;
      /** Changes whenever the owned fields do; what a plan is compared and set on. */
      readonly version: string;
      /** The owned fields as they stand, normalised like `Revision.fields`. */
      readonly fields: JsonObject;
      readonly health: Health;
      /** Why, for people; one line. */
      readonly message?: string;
      readonly conditions: readonly HealthCondition[];
      readonly copies?: Copies;
      /**
       * The documented hash of what was seen (`observed-hash.ts`), where one look tells all that is in it. Only to be told: it is no
       * desired hash, and changes with every crash.
       */
      readonly observedHash?: string;
      /** How to find it again: becomes the inventory's `handle`. */
      readonly handle: JsonObject;
    };

export interface Observation {
  readonly resourceId: string;
  readonly resourceClass: string;
  /** In place of the revision's `fields` where only the world knows its defaults (server-side dry run). */
  readonly wanted?: JsonObject;
  readonly standing: Standing;
}

/** What is put on every object: whose it is, and of which revision. */
export interface Mark {
  /** `tenant_id/repo_id` */
  readonly scope: string;
  readonly resourceId: string;
  readonly desiredHash: string;
}

export interface Change {
  readonly kind: "create" | "update" | "rollback";
  readonly revision: Revision;
  readonly mark: Mark;
  /** The same for every try of one change, also after a crash: asked twice with it, the provider changes once. */
  readonly idempotencyKey: string;
  /** Only while it has this version; null: only while it is absent. @throws PROVIDER_CONFLICT otherwise */
  readonly expectedVersion: string | null;
  /** Take over what bears no mark. Without it such an object is left alone: PROVIDER_NOT_OWNED. */
  readonly adopt: boolean;
  /**
   * How many copies are of the new revision after this change, and how many of the one before; absent: all new, none old.
   * Only for providers with the capability `copies`.
   */
  readonly copies?: { readonly updated: number; readonly previous: number };
}

export interface Deletion {
  readonly resource: OwnedResource;
  readonly mark: Pick<Mark, "scope" | "resourceId">;
  readonly idempotencyKey: string;
  /** Only while it has this version; null: whatever stands, if it bears the mark. */
  readonly expectedVersion: string | null;
}

export const providerCapabilities = [
  "observe",
  "apply",
  "delete",
  "diff",
  "rollback",
  "watch",
  /** May run copies of two revisions side by side. */
  "copies",
] as const;
export type ProviderCapability = (typeof providerCapabilities)[number];

export interface ProviderCall {
  /** Aborts at the call's deadline or when akc is told to end. Every process and request under way ends with it. */
  readonly signal: AbortSignal;
}

/** What a provider is given that works through a tool of the host. */
export interface ToolDeps {
  /** Of akc itself; may name another program in the tool's place, as `AKC_SYSTEMCTL` does. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute; every path of the settings lies below it. */
  readonly repoRoot: string;
  /** `tenant_id/repo_id` */
  readonly scope: string;
  readonly clock: Clock;
}

/** What the kinds are given that the documented contract knows. */
export interface DocumentedDeps extends ToolDeps {
  /** Runs rows of `observe_probes`. */
  readonly probe?: (rows: readonly JsonObject[], call: ProviderCall) => Promise<readonly HealthCondition[]>;
  /** `deployment_observe_hash_contract` of the bundle; part of every observed hash. */
  readonly observeHashContract?: JsonObject;
}

/**
 * One kind of place where resources stand. Errors are AkcErrors: PROVIDER_CONFLICT (the world moved), PROVIDER_NOT_OWNED,
 * PROVIDER_FAILED (`details.retryable`), TOOL_MISSING, TOOL_TIMEOUT. What is refused leaves everything as it was.
 */
export interface Provider {
  readonly id: string;
  readonly capabilities: ReadonlySet<ProviderCapability>;
  /** Reads what the resources refer to and works out what is to stand. One answer a resource; touches nothing outside. */
  resolve(resources: readonly DesiredResource[], call: ProviderCall): Promise<readonly Resolution[]>;
  /**
   * The revision that the settings hold ready for an earlier `desiredHash`, to go back to where akc has kept none. Asked after
   * `resolve` of the whole bundle. Undefined where they hold none; what they hold and cannot be used is refused, or an error.
   */
  resolveStored?(
    resource: DesiredResource,
    desiredHash: string,
    call: ProviderCall,
  ): Promise<Resolution | undefined>;
  /**
   * What stands of all these, and of everything else that bears the scope's mark, in one look: a bounded number of calls
   * whatever the number of resources. One observation an id of `revisions` and of `owned`.
   */
  observe(
    revisions: readonly Revision[],
    owned: readonly OwnedResource[],
    call: ProviderCall,
  ): Promise<readonly Observation[]>;
  /** Resolves when the change was made; whether it then stands and is healthy only `observe` says. */
  apply(change: Change, call: ProviderCall): Promise<void>;
  /** Resolves when it is gone or going; what is gone already is no error. */
  delete(deletion: Deletion, call: ProviderCall): Promise<void>;
  /** Calls `changed` whenever something may have changed, until the signal aborts. May name too many, never too few; none: any. */
  watch?(changed: (resourceIds: readonly string[]) => void, call: ProviderCall): Promise<void>;
  /** Ends what serves the provider; never what it has applied. */
  close(): Promise<void>;
}
