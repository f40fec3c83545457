/**
 * Kubernetes objects by name: which one is meant, and when two names mean the same. Never looks at a cluster.
 */
import { objectAt, textAt } from "../../bundle/member.ts";
import type { JsonObject } from "../../json/value.ts";

/** One object. Without `namespace` it is in the provider's own, or its kind has none. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Undefined when `object` lacks what every object has. */
export function refOf(object: JsonObject): ObjectRef | undefined {
  const apiVersion = textAt(object, "apiVersion");
  const kind = textAt(object, "kind");
  const metadata = objectAt(object, "metadata");
  const name = textAt(metadata, "name");
  const namespace = textAt(metadata, "namespace");
  if (apiVersion === undefined || kind === undefined || name === undefined) return undefined;
  return { apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** `Deployment.apps`, `Service`: one kind whatever its version, as the same object is served in several. */
export function groupKind({ apiVersion, kind }: Pick<ObjectRef, "apiVersion" | "kind">): string {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? kind : `${kind}.${apiVersion.slice(0, slash)}`;
}

/** The name within its kind: with the namespace only where that is not `home`. */
export function localName({ name, namespace }: ObjectRef, home: string): string {
  return namespace === undefined || namespace === home ? name : `${namespace}/${name}`;
}

/** Equal for two names of one object. */
export function keyOf(ref: ObjectRef, home: string): string {
  return `${groupKind(ref)} ${localName(ref, home)}`;
}

/** For people: `Deployment web`. */
export function wordsFor({ kind, name }: ObjectRef): string {
  return `${kind} ${name}`;
}

/** As little of an object as names it: what kubectl is asked with. */
export function stub(ref: ObjectRef, home: string): JsonObject {
  const { apiVersion, kind, name, namespace } = ref;
  const elsewhere = namespace !== undefined && namespace !== home;
  return { apiVersion, kind, metadata: { name, ...(elsewhere ? { namespace } : {}) } };
}

/** What `kubectl -f -` reads as many objects. */
export function listOf(objects: readonly JsonObject[]): JsonObject {
  return { apiVersion: "v1", kind: "List", items: objects };
}
