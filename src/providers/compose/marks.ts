/**
 * The labels that say whose a container is and of which revision, and the override file that puts them there. Pure; the labels
 * of the manifest stay as they are.
 *
 * Source: spec reconcile §4.10; W-17.
 */
import { canonicalJson } from "../../json/canonical.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";

export const markPrefix = "run.akc.";
export const labels = {
  scope: `${markPrefix}scope`,
  resource: `${markPrefix}resource`,
  resourceClass: `${markPrefix}class`,
  desiredHash: `${markPrefix}desired-hash`,
  /** Digest of the definition that the container was made from (`definition` of its fields). */
  definition: `${markPrefix}definition`,
  /** Digest of the fields that were applied, without how many copies. */
  fields: `${markPrefix}fields`,
  /** Digest of the key of the change that made the container: a change that was cut off knows its own work again. */
  change: `${markPrefix}change`,
} as const;

export const composeLabels = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  oneoff: "com.docker.compose.oneoff",
  configHash: "com.docker.compose.config-hash",
} as const;

export interface ServiceMark {
  readonly scope: string;
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly desiredHash: string;
  readonly definition: string;
  readonly fieldsDigest: string;
  readonly changeDigest: string;
}

/** Fields that change while the containers stay what they are: a copy more makes no other revision of the ones that run. */
export const countFields: ReadonlySet<string> = new Set(["replicas", "stopped"]);

export function fieldsDigest(fields: JsonObject): string {
  return fingerprint(Object.fromEntries(Object.entries(fields).filter(([key]) => !countFields.has(key))));
}

export function changeDigest(idempotencyKey: string): string {
  return fingerprint(idempotencyKey);
}

/** The override file, merged behind the manifest. */
export function markFile(service: string, mark: ServiceMark): string {
  const marked = {
    [labels.scope]: mark.scope,
    [labels.resource]: mark.resourceId,
    [labels.resourceClass]: mark.resourceClass,
    [labels.desiredHash]: mark.desiredHash,
    [labels.definition]: mark.definition,
    [labels.fields]: mark.fieldsDigest,
    [labels.change]: mark.changeDigest,
  };
  // A dollar would be taken for a variable.
  const literal = Object.fromEntries(
    Object.entries(marked).map(([key, value]) => [key, value.replaceAll("$", "$$$$")]),
  );
  // JSON is YAML.
  return canonicalJson({ services: { [service]: { labels: literal } } });
}
