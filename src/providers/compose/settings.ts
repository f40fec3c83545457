/**
 * The settings of the Compose providers, as a bundle's `deployment_provider` states them. Every key is known or refused; it
 * reads no file and guesses no default that the documented contract does not name.
 *
 * Source: spec reconcile §4.6, §4.9.
 */
import * as v from "valibot";
import { AkcError, type Issue } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { readPart } from "../../policy/border.ts";

const composeKinds = ["docker_compose_apply", "docker_compose_observe"] as const;
export type ComposeKind = (typeof composeKinds)[number];

/** A file of the repository and the SHA-256 of its bytes. */
export interface PinnedManifest {
  readonly path: string;
  readonly sha256: string;
}

export interface ComposeSettings {
  readonly kind: ComposeKind;
  readonly project: string;
  /** Relative to the repository, in the order in which Compose merges them. */
  readonly composeFiles: readonly string[];
  /** Relative to the repository; `.` is the repository itself. */
  readonly workingDir: string;
  /** Service of a resource; one that is not named has its own id as service. */
  readonly serviceMap: ReadonlyMap<string, string>;
  readonly observeProbes: readonly JsonObject[];
  /** Always there for `docker_compose_apply`. */
  readonly manifest?: PinnedManifest;
  /** By desired hash, lower case. */
  readonly rollbackManifests: ReadonlyMap<string, PinnedManifest>;
}

/** `runtime_deployment.docker_compose` of one resource. */
export interface ServiceSettings {
  readonly service?: string;
  /** Runs once and ends: an exit with code 0 is what is wanted. */
  readonly job: boolean;
  /** In place of the probes of all resources. */
  readonly observeProbes?: readonly JsonObject[];
}

const filled = v.pipe(
  v.string("must be a string"),
  v.trim(),
  v.nonEmpty("must not be blank"),
  v.check((text) => !text.includes("\0"), "must not hold a NUL"),
);
const sha256 = v.pipe(
  v.string("must be a string"),
  v.toLowerCase(),
  v.regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits"),
);
const asObject = v.custom<JsonObject>(isObject, "must be an object");
const Probes = v.array(asObject, "must be a list of objects");
const Pinned = v.strictObject({ apply_manifest_path: filled, apply_manifest_sha256: sha256 });

const Settings = v.strictObject({
  kind: v.picklist(composeKinds, `must be one of ${composeKinds.join(", ")}`),
  // Compose's own rule for project names.
  project: v.pipe(filled, v.regex(/^[a-z0-9][a-z0-9_-]*$/, "must be lower-case letters, digits, - and _")),
  compose_files: v.optional(v.array(filled, "must be a list of paths"), []),
  compose_working_dir: v.optional(filled, "."),
  service_map: v.optional(v.pipe(asObject, v.record(v.string(), filled)), {}),
  observe_probes: v.optional(Probes, []),
  apply_manifest_path: v.optional(filled),
  apply_manifest_sha256: v.optional(sha256),
  rollback_apply_manifest_by_desired_hash: v.optional(v.pipe(asObject, v.record(sha256, Pinned)), {}),
});

const Service = v.strictObject({
  service: v.optional(filled),
  job: v.optional(v.boolean("must be true or false"), false),
  observe_probes: v.optional(Probes),
});

/** @throws AkcError DESIRED_STATE_INVALID with every fault and its JSON pointer */
export function readComposeSettings(settings: JsonObject): ComposeSettings {
  const issues: Issue[] = [];
  const at = "/deployment_provider";
  const read = readPart(Settings, settings, at, issues);
  if (read?.kind === "docker_compose_apply") {
    for (const key of ["apply_manifest_path", "apply_manifest_sha256"] as const) {
      if (read[key] === undefined)
        issues.push({ path: `${at}/${key}`, message: "must be there for docker_compose_apply" });
    }
  }
  if (read === undefined || issues.length > 0) {
    throw new AkcError("DESIRED_STATE_INVALID", {
      message: "the settings of the Compose provider are not valid",
      issues,
    });
  }
  const { apply_manifest_path: path, apply_manifest_sha256: sum } = read;
  return {
    kind: read.kind,
    project: read.project,
    composeFiles: read.compose_files,
    workingDir: read.compose_working_dir,
    serviceMap: new Map(Object.entries(read.service_map)),
    observeProbes: read.observe_probes,
    ...(path === undefined || sum === undefined ? {} : { manifest: { path, sha256: sum } }),
    rollbackManifests: new Map(
      Object.entries(read.rollback_apply_manifest_by_desired_hash).map(([hash, row]) => [
        hash.toLowerCase(),
        { path: row.apply_manifest_path, sha256: row.apply_manifest_sha256 },
      ]),
    ),
  };
}

/** What one resource says of itself, or why it cannot be understood. */
export function readServiceSettings(
  runtimeDeployment: JsonObject,
):
  | { readonly kind: "read"; readonly settings: ServiceSettings }
  | { readonly kind: "faulty"; readonly message: string } {
  const issues: Issue[] = [];
  const at = "/runtime_deployment/docker_compose";
  const section = runtimeDeployment["docker_compose"] ?? {};
  // To valibot a list is an object without members.
  if (Array.isArray(section)) return { kind: "faulty", message: `${at} must be an object` };
  const read = readPart(Service, section, at, issues);
  if (read === undefined) {
    return { kind: "faulty", message: issues.map(({ path, message }) => `${path} ${message}`).join("; ") };
  }
  return {
    kind: "read",
    settings: {
      ...(read.service === undefined ? {} : { service: read.service }),
      job: read.job,
      ...(read.observe_probes === undefined ? {} : { observeProbes: read.observe_probes }),
    },
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
