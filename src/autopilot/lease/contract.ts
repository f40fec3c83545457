/**
 * The right to work in a scope: what a backend of leases can do, what it answers, and who keeps leases while they are held.
 *
 * Source: spec cli §14.6.
 */
import type { JsonObject } from "../../json/value.ts";
import type { Fence } from "../contract.ts";
import type { ScopeId } from "../model.ts";

/** The right to work in a scope, of one backend. Names are lease names (spec cli §14.6). Times are wall clock milliseconds. */
export interface LeaseBackend {
  readonly kind: "sqlite" | "filesystem" | "k8s";
  /** Takes it when it is free, expired or mine. Writes nothing when it is somebody else's. Never throws for what a backend cannot tell: fail closed. */
  acquire(name: string, nowMs: number): Promise<LeaseAnswer>;
  /** Moves on all that are held, in as few writes as the backend can. What is not answered `held` is lost. */
  renew(names: readonly string[], nowMs: number): Promise<ReadonlyMap<string, LeaseAnswer>>;
  /** Gives back those that are mine; the others are left alone. */
  release(names: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Additive keys of the documented diagnostics: `{backend, namespace, name, holder_controller_id, acquired_at_ms, renewed_at_ms, expires_at_ms}` or `error`. */
export type LeaseAnswer =
  | { readonly kind: "held"; readonly expiresAtMs: number; readonly diagnostics: JsonObject }
  | {
      readonly kind: "taken";
      readonly by: string;
      readonly expiresAtMs: number;
      readonly diagnostics: JsonObject;
    }
  | { readonly kind: "unknown"; readonly message: string; readonly diagnostics: JsonObject };

/** A scope that is held: its fence, and the moment at which that is over. */
export interface Held {
  readonly fence: Fence;
  /** Aborts with LEASE_LOST as its reason: nothing new may begin and what is under way stops. */
  readonly lost: AbortSignal;
}

/** Keeps leases while they are held: one timer for all scopes, at a third of the time to live, on the monotonic clock. */
export interface LeaseKeeper {
  /** Undefined when somebody else has it, or when nobody can tell; `last` says why. Holding it already answers the same again. */
  hold(scope: ScopeId): Promise<Held | undefined>;
  last(scope: ScopeId): LeaseAnswer | undefined;
  /** How often in a row the scope was somebody else's (spec: `lease_denied_streak`). Kept in memory: a standby writes nothing. */
  deniedStreak(scope: ScopeId): number;
  held(): readonly ScopeId[];
  /** Of one scope that is no longer watched, or of all. */
  release(scope?: ScopeId): Promise<void>;
  close(): Promise<void>;
}
