/**
 * What the autopilot goes by, after flags, environment, file, project and defaults were put together. Types and plain lists only.
 *
 * Source: spec cli §14.2, §15.1; docs/autopilot.md.
 */
import type { JsonObject } from "../../json/value.ts";
import type { Budgets, EnvironmentProfile, Mode, Profile, ScopeId } from "../model.ts";

/** Times are milliseconds; paths are absolute. */
export interface AutopilotConfig {
  readonly outputsRoot: string;
  /** File that it was read from; absent when there is none. */
  readonly configPath?: string | undefined;
  readonly controllerId: string;
  readonly profile: Profile;
  readonly environment: EnvironmentProfile;
  readonly lease: LeaseConfig;
  /** Where scopes come from; looked at again at every turn. */
  readonly discovery: Discovery;
  /** What a scope goes by that the file says nothing else of. */
  readonly defaults: Omit<ScopeConfig, "scope" | "scopeRoot">;
  /** By `<tenant>/<repo>`: what differs there. */
  readonly scopes: ReadonlyMap<string, Partial<Omit<ScopeConfig, "scope" | "scopeRoot">>>;
  /** Scopes that are visited at a time. */
  readonly parallelMax: number;
  /** Passes over all scopes, then exit 0. */
  readonly iterationsMax?: number | undefined;
  readonly listen?: Listen | undefined;
  readonly webhook?: WebhookConfig | undefined;
  readonly telemetry: TelemetryConfig;
  readonly retention: {
    readonly entriesMs: number;
    readonly decisionFilesMax: number;
    readonly historyBytesMax: number;
  };
  /** How long a stop may take before what is under way is cut off. */
  readonly drainMs: number;
}

export type Listen =
  | { readonly kind: "unix"; readonly path: string; readonly mode: number }
  /** Loopback alone. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface LeaseConfig {
  readonly backend: "sqlite" | "filesystem" | "k8s";
  /** Overrides the scope's key for all scopes: one lease for all. */
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly ttlMs: number;
  /** How many controllers are meant to run; for the doctor. */
  readonly replicas: number;
  /** Absolute path of kubectl's configuration; absent: kubectl's own way. */
  readonly kubeconfig?: string | undefined;
}

export type Discovery =
  | { readonly kind: "registry"; readonly path: string }
  | { readonly kind: "one"; readonly scope: ScopeId }
  /** Every folder below the tenant that is no dot folder. */
  | { readonly kind: "tenant"; readonly tenantId: string }
  /** Every `<t>/<r>` with `.akc/living/baseline.json`, `.akc/autopilot` or a state database. */
  | { readonly kind: "all" };

/** Of one scope. */
export interface ScopeConfig {
  readonly scope: ScopeId;
  /** `<outputs_root>/<tenant>/<repo>` */
  readonly scopeRoot: string;
  readonly mode: Mode;
  /** Between two visits without a cause. */
  readonly intervalMs: number;
  readonly budgets: Budgets;
  /** The bundle to keep standing; absent: that of the newest manifest. */
  readonly bundlePath?: string | undefined;
  readonly policyPath?: string | undefined;
  readonly pluginsDirs: readonly string[];
  readonly bindingsPath?: string | undefined;
  readonly recompile?: RecompileConfig | undefined;
  readonly triggers: TriggersConfig;
  readonly gates: GatesConfig;
  readonly rollout: RolloutConfig;
  readonly score: ScoreConfig;
  readonly environment: EnvironmentProfile;
}

export interface RecompileBounds {
  readonly timeoutMs: number;
  readonly outputBytesMax: number;
  /** Told to the hook as they are: goal, modes and paths of the documented flags, and what the file says under `options`. */
  readonly options?: JsonObject | undefined;
}

export type RecompileConfig = RecompileBounds &
  (
    | {
        readonly kind: "command";
        /** The program's absolute path first; no shell. */
        readonly argv: readonly string[];
        /** Names of variables of akc's own environment that it gets, beside a fixed path and its folder. */
        readonly env: readonly string[];
        /** Absolute paths that it may write below, beside the scope's folder. */
        readonly write: readonly string[];
        /** Absolute paths that it may read below, beside the system's programs, the scope's folder and its own file. */
        readonly read: readonly string[];
        readonly network: boolean;
      }
    | {
        readonly kind: "http";
        readonly url: string;
        /** Absolute path of the secret that signs the body: `X-AKC-Signature: v1=<hex hmac-sha256>`. */
        readonly secretFile?: string | undefined;
        readonly caFile?: string | undefined;
      }
    | {
        readonly kind: "plugin";
        /** Id of an action adapter of a plugin; it is asked with the action type `autopilot.recompile`. */
        readonly adapter: string;
      }
  );

export interface TriggersConfig {
  readonly runtimeEvents: boolean;
  readonly drift: boolean;
  readonly validity: boolean;
  /** Files and folders, absolute or below the scope; their bytes are what is compared. */
  readonly sources: readonly string[];
  /** The intent of the newest manifest against that of the deployed bundle. */
  readonly intent: boolean;
  /** Five fields of cron, in the time zone. */
  readonly schedule?: { readonly cron: string; readonly timeZone: string } | undefined;
}

export interface GatesConfig {
  readonly promotion: {
    /** `when_mutating`: as `akc runtime start` itself asks for. `packet`: always. `signed`: with a signature of one of the keys. */
    readonly require: "when_mutating" | "packet" | "signed";
    /** Files with ed25519 public keys (PEM, or 32 bytes in base64). */
    readonly publicKeys: readonly string[];
    readonly maxAgeMs?: number | undefined;
  };
  readonly slo: SloGateConfig;
  /** Outside of all of them nothing is rolled out; empty: any time. */
  readonly windows: readonly MaintenanceWindow[];
  /** Nothing is rolled out or repaired within one. */
  readonly freezes: readonly {
    readonly fromMs: number;
    readonly toMs: number;
    readonly reason: string;
    readonly repairs: boolean;
  }[];
  /** Which attempts wait for a person's `approve`. */
  readonly approval: "never" | "rollouts" | "always";
}

export interface SloGateConfig {
  readonly enabled: boolean;
  readonly minRollouts: number;
  readonly minPolicyComplianceRate: number;
  readonly minRollbackSuccessRate: number;
  readonly maxChangeInstability: number;
  /** What too short a history means. */
  readonly insufficientHistory: "hold" | "allow";
}

export interface MaintenanceWindow {
  /** 0 Sunday … 6 Saturday. */
  readonly days: readonly number[];
  /** Minutes after midnight; `to` before `from` ends on the next day. */
  readonly fromMinute: number;
  readonly toMinute: number;
  readonly timeZone: string;
}

export interface RolloutConfig {
  /** How long what was rolled out is watched before it is kept. */
  readonly bakeMs: number;
  /** Between two looks while it is. */
  readonly bakeLookMs: number;
  /** Bindings of the registry that must pass at the end of the bake. */
  readonly bindings: readonly string[];
  readonly deadlineMs?: number | undefined;
}

export interface ScoreConfig {
  readonly windowMs: number;
  readonly slos: readonly SloDefinition[];
}

/** What counts as good, and how much of it is promised. */
export interface SloDefinition {
  readonly id: string;
  /** `rollouts`: kept of all that ended. `standing`: looks that found all in order of those that saw anything. `recompiles`: those that did not fail. */
  readonly indicator: "rollouts" | "standing" | "recompiles";
  /** Between 0 and 1. */
  readonly objective: number;
  readonly periodMs: number;
  /** Below so many events nothing is said. */
  readonly minSamples: number;
}

export interface WebhookConfig {
  /** File with the secret; a systemd credential. */
  readonly secretFile: string;
  readonly tenants: readonly string[] | "*";
  readonly outputsRoots: readonly string[];
  /** How far the sender's clock may be off. */
  readonly toleranceMs: number;
  /** Whether deliveries without a timestamp are taken, as the old senders send them; they are then known by their bytes. */
  readonly allowUnstamped: boolean;
}

export interface TelemetryConfig {
  readonly otlp?:
    | {
        /** Base, without `/v1/traces`. */
        readonly endpoint: string;
        /** File with header lines `Name: value`. */
        readonly headersFile?: string | undefined;
        readonly intervalMs: number;
        readonly caFile?: string | undefined;
      }
    | undefined;
  /** The documented mirrors (spec cli §13). */
  readonly mirrors: {
    readonly stdout: boolean;
    readonly httpUrl?: string | undefined;
    readonly httpTimeoutMs: number;
    readonly file?: string | undefined;
  };
}

/** The defaults of `--unattended-defaults` (spec cli §14.2). */
export interface UnattendedDefaults extends Budgets {
  readonly intervalMs: number;
}
