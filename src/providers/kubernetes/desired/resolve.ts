/**
 * From what a bundle says of its resources to revisions: reads the manifest, proves its digest, and gives each resource its
 * objects. Asks no cluster.
 *
 * Source: spec reconcile §4.7, §4.9.
 */
import { isAbsolute, relative } from "node:path";
import { objectAt } from "../../../bundle/member.ts";
import { AkcError, type Issue } from "../../../errors.ts";
import { canonicalJson } from "../../../json/canonical.ts";
import { sha256Hex } from "../../../json/fingerprint.ts";
import { decodeUtf8 } from "../../../json/utf8.ts";
import type { JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import { readFileBounded, resolveConfined } from "../../../system/files.ts";
import type { DesiredResource, Resolution, Revision } from "../../contract.ts";
import { liveRef } from "../cluster/look.ts";
import { fieldsByObject, replicasOf } from "../fields.ts";
import { refOf, wordsFor } from "../object.ts";
import { assigned } from "./assignment.ts";
import { readManifest } from "./manifest.ts";
import {
  type KubernetesSettings,
  type ManifestFile,
  type ResourceSection,
  resourceSection,
} from "./settings.ts";
import { snapshotOf } from "./snapshot.ts";

export interface ResolveDeps {
  readonly settings: KubernetesSettings;
  readonly repoRoot: string;
}

/** `manifest`: absent where resources are only looked at. @throws AkcError DESIRED_STATE_INVALID with every issue */
export async function resolve(
  resources: readonly DesiredResource[],
  manifest: ManifestFile | undefined,
  { settings, repoRoot }: ResolveDeps,
): Promise<readonly Resolution[]> {
  const sections = new Map<string, ResourceSection>();
  const refused = new Map<string, string>();
  for (const { resourceId, settings: own } of resources) {
    const section = resourceSection(objectAt(own, "kubernetes"));
    if ("issues" in section) {
      const words = section.issues.map(({ path, message }) => `${path} ${message}`.trim()).join("; ");
      refused.set(resourceId, `runtime_deployment.kubernetes: ${words}`);
    } else sections.set(resourceId, section);
  }
  const nameOf = ({ resourceId }: DesiredResource) =>
    sections.get(resourceId)?.name ?? settings.names.get(resourceId) ?? resourceId;

  if (manifest === undefined) {
    return resources.map((resource) => {
      const message = refused.get(resource.resourceId);
      if (message !== undefined) return { kind: "refused", resourceId: resource.resourceId, message };
      const { apiVersion, kind } = sections.get(resource.resourceId)?.watched ?? settings.watched;
      const object = { apiVersion, kind, metadata: { name: nameOf(resource) } };
      return {
        kind: "resolved",
        revision: {
          ...about(resource),
          snapshot: snapshotOf({ objects: [object], watched: true }),
          fields: {},
        },
      };
    });
  }

  const objects = await readObjects(manifest, settings, repoRoot);
  const claimants = resources.map((resource) => ({
    resourceId: resource.resourceId,
    name: nameOf(resource),
  }));
  const { objects: byResource, issues } = assigned(objects, claimants);
  if (issues.length > 0) throw invalid("objects of the manifest belong to no one resource", issues);
  return resources.map((resource) => {
    const { resourceId } = resource;
    const own = byResource.get(resourceId) ?? [];
    const message = refused.get(resourceId) ?? refusal(own, nameOf(resource));
    if (message !== undefined) return { kind: "refused", resourceId, message };
    return { kind: "resolved", revision: revisionOf(resource, own, settings.namespace) };
  });
}

function revisionOf(resource: DesiredResource, objects: readonly JsonObject[], home: string): Revision {
  const counts = objects.flatMap((object) => replicasOf(object, liveRef(object)) ?? []);
  return {
    ...about(resource),
    snapshot: snapshotOf({ objects, watched: false }),
    fields: fieldsByObject(objects, home),
    ...(counts.length === 0 ? {} : { replicas: counts.reduce((sum, count) => sum + count) }),
  };
}

function about({ resourceId, resourceClass, desiredHash, dependsOn }: DesiredResource) {
  return { resourceId, resourceClass, desiredHash, dependsOn };
}

function refusal(objects: readonly JsonObject[], name: string): string | undefined {
  if (objects.length === 0) {
    return `the manifest has no object for it: none is called ${name}, or says that it belongs to it`;
  }
  const secret = objects.find((object) => object["kind"] === "Secret" && holdsData(object));
  if (secret !== undefined) {
    const ref = refOf(secret);
    return `${ref === undefined ? "a Secret" : wordsFor(ref)} has data in the manifest, which would be kept with its revision; put it into the cluster another way and only name it here`;
  }
  const bytes = objects.reduce((sum, object) => sum + canonicalJson(object).length, 0);
  if (bytes <= limits.resourceBytesMax) return undefined;
  return `its objects have ${bytes} characters; at most ${limits.resourceBytesMax} are kept`;
}

function holdsData(object: JsonObject): boolean {
  return ["data", "stringData"].some((key) => Object.keys(objectAt(object, key)).length > 0);
}

/** The digest is of the bytes as they lie there. */
async function readObjects(
  { path, sha256 }: ManifestFile,
  { namespace }: KubernetesSettings,
  repoRoot: string,
): Promise<readonly JsonObject[]> {
  const bytes = await readBytes(path, repoRoot);
  const found = sha256Hex(bytes);
  if (found !== sha256) {
    throw invalid("the manifest is not the one that the bundle was made for", [
      { path: "/deployment_provider/apply_manifest_sha256", message: `${path} has ${found}, not ${sha256}` },
    ]);
  }
  const reading = readManifest(decodeUtf8(bytes), namespace);
  if (reading.kind === "read") return reading.objects;
  throw invalid(`the manifest ${path} is not valid`, reading.issues);
}

async function readBytes(path: string, repoRoot: string): Promise<Uint8Array> {
  try {
    const within = isAbsolute(path) ? relative(repoRoot, path) : path;
    return await readFileBounded(await resolveConfined(repoRoot, within), limits.manifestBytesMax);
  } catch (cause) {
    if (!(cause instanceof AkcError)) throw cause;
    const issue = { path: "/deployment_provider/apply_manifest_path", message: `${path}: ${cause.message}` };
    throw invalid("the manifest cannot be read", [issue], cause);
  }
}

function invalid(message: string, issues: readonly Issue[], cause?: AkcError): AkcError {
  return new AkcError("DESIRED_STATE_INVALID", {
    message,
    issues: issues.slice(0, limits.issuesCollectedMax),
    ...(cause === undefined ? {} : { cause }),
  });
}
