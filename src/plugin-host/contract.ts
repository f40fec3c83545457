/**
 * The nouns of plugins as the host knows them: what a manifest declares, where a plugin was found, and what it was granted.
 * Types and plain lists only; what a plugin and akc say to each other is in `sdk/protocol.ts`.
 *
 * Source: docs/plugins.md, docs/plugin.schema.json.
 */
import type { AkcError } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import type { ContainmentLevel } from "../policy/model.ts";
import type { Offers, PluginKind } from "../sdk/protocol.ts";

export type { Offers, PluginKind } from "../sdk/protocol.ts";

/** The manifest's file name, at the top of a plugin's folder. */
export const manifestFile = "plugin.yaml";

export interface PluginManifest {
  /** `vendor/name`. */
  readonly id: string;
  /** Semantic version, without build metadata. */
  readonly version: string;
  readonly description: string;
  readonly kinds: readonly PluginKind[];
  /** Majors of the protocol that it speaks, both ends included. */
  readonly api: { readonly min: number; readonly max: number };
  readonly runtime: PluginRuntime;
  /** The most that the plugin may offer when it starts. */
  readonly offers: Offers;
  readonly permissions: PluginPermissions;
  /** JSON Schema of the plugin's own settings; `{}` accepts any. */
  readonly config: JsonObject;
  readonly limits: PluginLimits;
  /** Path below the plugin's folder, with `/` → lowercase SHA-256; empty where the manifest lists none. Never has `plugin.yaml`. */
  readonly digests: ReadonlyMap<string, string>;
  readonly signature?: PluginSignature;
}

export type PluginRuntime =
  /** `entry` is a path below the plugin's folder, with `/`. */
  | { readonly kind: "bun" | "deno"; readonly entry: string }
  /** The first item is a path below the folder where it begins with `./`, else an absolute path or a name to be found in PATH. */
  | { readonly kind: "exec"; readonly command: readonly [string, ...string[]] };

/** What a plugin asks for, each list in the manifest's order and without repetition. */
export interface PluginPermissions {
  /** `host:port`; a host may be `*` or begin with `*.`, a port may be `*`. */
  readonly net: readonly string[];
  /** Absolute paths: a file, or a folder and all below. */
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Executables: absolute paths or names. */
  readonly run: readonly string[];
  /** Names of environment variables. */
  readonly env: readonly string[];
  /** Names that `host/secret` may be asked for. */
  readonly secrets: readonly string[];
}

export const permissionNames = ["net", "read", "write", "run", "env", "secrets"] as const;
export type PermissionName = (typeof permissionNames)[number];

/** Defaults and the most that a manifest may ask for are in `limits.ts`. */
export interface PluginLimits {
  /** Memory of all of the plugin's processes together, without what is mapped from files. */
  readonly memoryBytes: number;
  /** From start to the answer of `initialize`. */
  readonly startMs: number;
  /** The longest that one call may take; a call's own deadline may be sooner. */
  readonly callMs: number;
  /** Between being told to end and being killed. */
  readonly stopMs: number;
  /** Without a call for so long it is stopped. */
  readonly idleMs: number;
  /** Calls at the same time. */
  readonly concurrency: number;
  /** One line of the protocol. */
  readonly messageBytes: number;
}

/** Over the canonical JSON of the manifest without its `signature`; the digests in it stand for the files. */
export interface PluginSignature {
  readonly algorithm: "ed25519";
  /** The public key that made it: base64 of 32 bytes. */
  readonly key: string;
  /** Base64 of 64 bytes. */
  readonly value: string;
}

export type PluginSourceKind = "flag" | "env" | "user" | "etc" | "usr" | "embedded";

export interface PluginSource {
  readonly kind: PluginSourceKind;
  /** Absolute path of the plugins directory as it was searched; for `embedded` where the plugins were unpacked. */
  readonly directory: string;
}

export type PluginState =
  | { readonly kind: "ready" }
  | { readonly kind: "disabled" }
  | { readonly kind: "invalid"; readonly error: AkcError }
  | { readonly kind: "untrusted"; readonly why: string }
  /** Files that are changed, missing or added since they were locked or signed, by name. */
  | { readonly kind: "modified"; readonly files: readonly string[] };

/** A plugin whose manifest could be read. Only one that is `ready` may be started. */
export interface FoundPlugin {
  readonly manifest: PluginManifest;
  /** Absolute path without links. */
  readonly root: string;
  readonly source: PluginSource;
  /** SHA-256 over all of `files`: one value for the whole folder. */
  readonly digest: string;
  /** Every file of the folder, `plugin.yaml` too: path with `/` → SHA-256 as it was when the plugin was found. */
  readonly files: ReadonlyMap<string, string>;
  readonly state: PluginState;
  /** Name of the operator's signer whose signature holds. */
  readonly signer?: string;
  /** Others of the same id that this one keeps out. */
  readonly shadows: readonly ShadowedPlugin[];
}

/** One that stands in a plugins directory. */
export interface PlacedPlugin extends FoundPlugin {
  /** Its name there, which is a link's where a link leads to it. */
  readonly folder: string;
}

export interface ShadowedPlugin {
  readonly version: string;
  readonly root: string;
  readonly source: PluginSource;
}

/** A folder in a plugins directory whose manifest cannot be read, or that may not be looked at. It keeps nothing else out. */
export interface BrokenPlugin {
  readonly root: string;
  readonly source: PluginSource;
  readonly state: Extract<PluginState, { readonly kind: "invalid" | "untrusted" }>;
}

/** How a validator's plugin is held: to the network and to programs only through akc, which records what passes. */
export const doorOnly = { requestsOnly: true, toolsOnly: true } as const;

/** The permissions after intersection, and how they must be enforced. */
export interface Granted {
  readonly net: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Executables: absolute paths, or names to be found in PATH. */
  readonly run: readonly string[];
  readonly env: readonly string[];
  readonly secrets: readonly string[];
  /** `net` counts only for requests through akc (`host/fetch`): the plugin itself may connect nowhere. */
  readonly requestsOnly?: true;
  /** `run` counts only for programs that akc runs (`host/run`): the plugin itself may start nothing. */
  readonly toolsOnly?: true;
  /** The least containment; the strongest that the host has is used anyway. */
  readonly containment: ContainmentLevel;
}
