/**
 * What a bundle says about its Kubernetes provider: every key that is understood, and nothing else. Reads no file.
 *
 * Source: spec reconcile §4.7, §4.9.
 */
import * as v from "valibot";
import { AkcError, type Issue } from "../../../errors.ts";
import { toPlain } from "../../../json/plain.ts";
import { pointer } from "../../../json/pointer.ts";
import type { JsonObject } from "../../../json/value.ts";

const kubernetesKinds = ["kubernetes_apply", "kubernetes_observe"] as const;
export type KubernetesKind = (typeof kubernetesKinds)[number];

/** A file of the repository, by the SHA-256 of its bytes. */
export interface ManifestFile {
  readonly path: string;
  readonly sha256: string;
}

export interface KubernetesSettings {
  readonly kind: KubernetesKind;
  readonly namespace: string;
  readonly context?: string;
  /** Name in the cluster of a resource id; of an id that is not here it is the id. */
  readonly names: ReadonlyMap<string, string>;
  /** What is looked at where there is no manifest. */
  readonly watched: WatchedKind;
  readonly manifest?: ManifestFile;
  /** Manifests of earlier desired hashes, for a rollback to one that akc has not applied itself. */
  readonly earlier: ReadonlyMap<string, ManifestFile>;
  readonly probes: readonly JsonObject[];
}

export interface WatchedKind {
  readonly apiVersion: string;
  readonly kind: string;
}

const Sha256 = v.pipe(
  v.string("must be a text"),
  v.trim(),
  v.toLowerCase(),
  v.regex(/^[0-9a-f]{64}$/, "must be a SHA-256: 64 hexadecimal digits"),
);
const Text = v.pipe(v.string("must be a text"), v.trim(), v.minLength(1, "must not be blank"));
const Name = v.pipe(
  Text,
  v.maxLength(253, "must be a name of at most 253 characters"),
  v.regex(/^[a-z0-9A-Z]([a-z0-9A-Z.:_-]*[a-z0-9A-Z])?$/, "must be a name that Kubernetes allows"),
);
const Namespace = v.pipe(
  Text,
  v.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be a namespace: a DNS label in lower case"),
);
const Manifest = v.strictObject({ apply_manifest_path: Text, apply_manifest_sha256: Sha256 });

const shortKinds: ReadonlyMap<string, WatchedKind> = new Map([
  ["pod", { apiVersion: "v1", kind: "Pod" }],
  ["deployment", { apiVersion: "apps/v1", kind: "Deployment" }],
  ["statefulset", { apiVersion: "apps/v1", kind: "StatefulSet" }],
  ["daemonset", { apiVersion: "apps/v1", kind: "DaemonSet" }],
  ["job", { apiVersion: "batch/v1", kind: "Job" }],
]);
/** `Widget.v1.example.com`; of the core group `Service.v1`. */
const longKind = /^([A-Z][A-Za-z0-9]*)\.(v[0-9][a-z0-9]*)(?:\.([a-z0-9][a-z0-9.-]*))?$/;
const kindWords =
  "must be pod, deployment, statefulset, daemonset, job, or a kind with its version and group, e.g. Widget.v1.example.com";

const ResourceKind = v.pipe(
  Text,
  v.transform((text): WatchedKind | undefined => {
    const [, kind, version, group] = longKind.exec(text) ?? [];
    if (kind === undefined || version === undefined) return shortKinds.get(text.toLowerCase());
    return { kind, apiVersion: group === undefined ? version : `${group}/${version}` };
  }),
  v.check((kind) => kind !== undefined, kindWords),
);

const Settings = v.strictObject({
  kind: v.picklist(kubernetesKinds),
  namespace: Namespace,
  kube_context: v.optional(Text),
  resource_map: v.optional(v.record(v.string(), Name)),
  service_map: v.optional(v.record(v.string(), Name)),
  resource_kind: v.optional(ResourceKind, "pod"),
  observe_probes: v.optional(
    v.array(v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()]))),
    [],
  ),
  apply_manifest_path: v.optional(Text),
  apply_manifest_sha256: v.optional(Sha256),
  rollback_apply_manifest_by_desired_hash: v.optional(v.record(Sha256, Manifest), {}),
});

/** `settings`: the bundle's `deployment_provider`. @throws AkcError DESIRED_STATE_INVALID with every issue */
export function kubernetesSettings(settings: JsonObject): KubernetesSettings {
  const read = v.safeParse(Settings, toPlain(settings));
  if (!read.success) throw invalid(read.issues.map(issueOf));
  const said = read.output;
  const missing = [
    ...(said.kind === "kubernetes_apply" && said.apply_manifest_path === undefined
      ? ["apply_manifest_path"]
      : []),
    ...((said.kind === "kubernetes_apply" || said.apply_manifest_path !== undefined) &&
    said.apply_manifest_sha256 === undefined
      ? ["apply_manifest_sha256"]
      : []),
  ];
  if (missing.length > 0) {
    throw invalid(missing.map((key) => ({ path: at(key), message: `${said.kind} needs it` })));
  }
  const { apply_manifest_path: path, apply_manifest_sha256: sha256, kube_context: context } = said;
  return {
    kind: said.kind,
    namespace: said.namespace,
    ...(context === undefined ? {} : { context }),
    names: new Map(Object.entries(said.resource_map ?? said.service_map ?? {})),
    watched: said.resource_kind ?? { apiVersion: "v1", kind: "Pod" },
    ...(path === undefined || sha256 === undefined ? {} : { manifest: { path, sha256 } }),
    earlier: new Map(
      Object.entries(said.rollback_apply_manifest_by_desired_hash).map(([hash, file]) => [
        hash,
        { path: file.apply_manifest_path, sha256: file.apply_manifest_sha256 },
      ]),
    ),
    probes: said.observe_probes,
  };
}

/** What one resource says for itself: `runtime_deployment.kubernetes`. */
const Section = v.strictObject({ name: v.optional(Name), resource_kind: v.optional(ResourceKind) });
export interface ResourceSection {
  readonly name?: string;
  readonly watched?: WatchedKind;
}

export function resourceSection(
  section: JsonObject,
): ResourceSection | { readonly issues: readonly Issue[] } {
  const read = v.safeParse(Section, toPlain(section));
  if (!read.success) {
    return {
      issues: read.issues.map(({ message, path }) => ({
        path: pointer(...(path ?? []).map(({ key }) => String(key))),
        message,
      })),
    };
  }
  const { name, resource_kind: watched } = read.output;
  return { ...(name === undefined ? {} : { name }), ...(watched === undefined ? {} : { watched }) };
}

function issueOf(issue: v.BaseIssue<unknown>): Issue {
  const unknown = issue.expected === "never";
  return {
    path: at(...(issue.path ?? []).map(({ key }) => String(key))),
    message: unknown ? "is not a setting of this provider" : issue.message,
  };
}

function at(...keys: readonly string[]): string {
  return pointer("deployment_provider", ...keys);
}

function invalid(issues: readonly Issue[]): AkcError {
  return new AkcError("DESIRED_STATE_INVALID", {
    message: "the settings of the Kubernetes provider are not valid",
    issues,
  });
}
