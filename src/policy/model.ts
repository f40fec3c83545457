/**
 * The nouns of the policy: what may be asked, what was answered, and by which rule. Data only.
 *
 * Source: spec bundle §8.
 */
import type { PolicyMode } from "../bundle/model.ts";
import type { JsonObject } from "../json/value.ts";

export const policyActions = [
  "runtime.event.consume",
  "runtime.action.dispatch",
  "runtime.action.retry",
  "runtime.action.execute.subprocess",
  "runtime.action.execute.http",
  "runtime.state.checkpoint.write",
  "service.reconcile.apply",
  "service.reconcile.rollback",
] as const;
export type PolicyAction = (typeof policyActions)[number];

/** `none` trusts the child, `limits` sets rlimits, `landlock` confines files and network by the kernel. */
export const containmentLevels = ["none", "limits", "landlock"] as const;
export type ContainmentLevel = (typeof containmentLevels)[number];

/** One answer of the policy. The kernel adds the time and a number when it stores it. */
export interface Decision {
  readonly action: string;
  readonly allowed: boolean;
  /** The documented token, e.g. `policy.default_deny.action_not_allowlisted`. */
  readonly reason: string;
  readonly source:
    | "allowlist"
    | "envelope"
    | "intent"
    | "ir"
    | "knowledge"
    | "contract"
    | "operator"
    | "capability";
  /**
   * Where the rule stands: a JSON pointer into the bundle, `ir:/nodes/<id>/…` into an IR file beside it,
   * `operator:/pointer`, or `baseline`.
   */
  readonly rule: string;
  readonly mode: "enforce" | "audit_only";
}

/** What a policy of the bundle without explicit lists means here, said by the operator. */
export interface PolicyResolution {
  readonly allowActions?: readonly string[];
  readonly denyActions?: readonly string[];
  /** It describes and narrows nothing; the operator has read it. */
  readonly acknowledge?: true;
}

/** What the operator's file says; absent fields do not narrow. Everything in it can only take away. */
export interface OperatorPolicy {
  /** Where it was read from, for explanations. */
  readonly path: string;
  readonly allowActions?: readonly string[];
  readonly denyActions?: readonly string[];
  /** Absolute paths of executables that may be started. */
  readonly subprocess?: readonly string[];
  /** URL or host patterns, as `http_allowlist`. */
  readonly http?: readonly string[];
  readonly providers?: readonly string[];
  /** The least containment a subprocess must get. */
  readonly containment?: ContainmentLevel;
  readonly requireEffects?: boolean;
  readonly strictIntentAuthority?: boolean;
  /** Folders a contained child may read beside the system's own and its working directory. */
  readonly readOnlyRoots?: readonly string[];
  /** Policy id → what it means; also narrows a policy that has lists of its own. */
  readonly policies?: ReadonlyMap<string, PolicyResolution>;
  readonly plugins?: PluginPolicy;
  readonly limits?: {
    readonly runSeconds?: number;
    readonly actionSeconds?: number;
    readonly actionsInFlight?: number;
    readonly outputBytes?: number;
    readonly memoryBytes?: number;
    readonly processes?: number;
    readonly openFiles?: number;
    readonly fileBytes?: number;
  };
}

export const pluginTrusts = ["locked", "signed", "any"] as const;
/** Which plugins may be started: those in plugins.lock, those that a known signer signed, or whichever are found. */
export type PluginTrust = (typeof pluginTrusts)[number];

/** What the operator lets one plugin touch; an absent list grants nothing. */
export interface PluginGrant {
  readonly net?: readonly string[];
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  readonly run?: readonly string[];
  readonly env?: readonly string[];
  readonly secrets?: readonly string[];
}

/** The operator's word on plugins. */
export interface PluginPolicy {
  /** `locked` when absent. */
  readonly trust?: PluginTrust;
  /** Name → public key, `ed25519:` and base64 of 32 bytes. */
  readonly signers?: ReadonlyMap<string, string>;
  /** Ids, or `vendor/*`; absent does not narrow. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Plugin id → what it may touch. A plugin without an entry may touch nothing. */
  readonly grants?: ReadonlyMap<string, PluginGrant>;
  /** Plugin id → its settings, which must be valid under the `config` of its manifest. */
  readonly settings?: ReadonlyMap<string, JsonObject>;
  /** Name → where its value is, looked up when a plugin asks for it. */
  readonly secrets?: ReadonlyMap<string, SecretSource>;
  /** The least containment of a plugin; `landlock` when absent, `none` only where the operator wrote it. */
  readonly containment?: ContainmentLevel;
}

/** A variable of akc's environment, or the absolute path of a file; a line break at a file's end does not count. */
export type SecretSource = ({ readonly env: string } | { readonly file: string }) & {
  /** Where bindings of validators may send it: hosts or URL prefixes, as `http_allowlist`; absent: nowhere. */
  readonly sendTo?: readonly string[];
};

export interface HttpLane {
  readonly enabled: boolean;
  /** The bundle's patterns; empty denies. */
  readonly allowlist: readonly string[];
  /** Further lists that must match too (envelope, operator); absent ones do not narrow. */
  readonly narrowedBy: readonly (readonly string[])[];
  readonly methods: readonly string[];
  readonly bodyBytesMax: number;
  readonly responseBytesMax: number;
}

export interface SubprocessLane {
  readonly enabled: boolean;
  /** The bundle's names and paths; empty denies. */
  readonly allowlist: readonly string[];
  /** The operator's absolute paths; absent does not narrow. */
  readonly operatorPaths?: readonly string[];
  /** What a child must be contained by at least; the strongest available is used anyway. */
  readonly containment: ContainmentLevel;
  readonly readOnlyRoots: readonly string[];
  readonly outputBytesMax: number;
  readonly memoryBytesMax?: number;
  readonly processesMax: number;
  readonly openFilesMax: number;
  readonly fileBytesMax: number;
}

/** The policy of one run: bundle ∩ operator, computed once, then only asked. */
export interface RunPolicy {
  readonly mode: PolicyMode;
  readonly allow: ReadonlySet<string>;
  readonly deny: ReadonlySet<string>;
  /** For every action that is not allowed: the rule that took it away. */
  readonly deniedBy: ReadonlyMap<string, { readonly rule: string; readonly source: Decision["source"] }>;
  readonly denyActionTypes: ReadonlySet<string>;
  readonly unresolvedPolicyIds: readonly string[];
  readonly subprocess: SubprocessLane;
  readonly http: HttpLane;
  /** Patterns for the HTTP agent worker; absent means that it may not run. */
  readonly agentWorkerHttp?: HttpLane;
  /** Kinds of deployment provider that the operator permits; absent does not narrow. */
  readonly providers?: readonly string[];
  readonly allowNetwork: boolean;
  readonly requireEffects: boolean;
  readonly runDeadlineMs?: number;
  readonly actionDeadlineMsMax: number;
  readonly actionsInFlightMax: number;
  readonly evidenceExpectations: readonly string[];
  /** The envelope with the three effective lists added (spec bundle §6.2 step 20). */
  readonly effectiveEnvelope: JsonObject;
  readonly envelopeSha256: string;
}
