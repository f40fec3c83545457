/**
 * The mark on every object that akc applies: whose it is, which resource, which revision, which change. Never a secret, and
 * never anything of the object's own.
 *
 * Labels are what a cluster can be asked for, so they hold names that are safe there; annotations hold the names in full.
 */
import { objectAt, textAt } from "../../bundle/member.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";
import type { Mark } from "../contract.ts";

const prefix = "akc.run/";
export const scopeLabel = `${prefix}scope`;
const resourceLabel = `${prefix}resource`;
/** In a manifest: which resource an object is of. On what was applied: the same, as a mark. */
export const resourceIdKey = `${prefix}resource-id`;
const scopeAnnotation = `${prefix}scope`;
const classAnnotation = `${prefix}resource-class`;
const hashAnnotation = `${prefix}desired-hash`;
const changeAnnotation = `${prefix}change`;

export interface FullMark extends Mark {
  readonly resourceClass: string;
  /** Digest of the idempotency key of the change that put it there. */
  readonly change: string;
}

/** `text` where a label may hold it, else a digest that no such text looks like. */
export function labelValue(text: string): string {
  const safe = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(text) && !/^sha256-/.test(text);
  return safe ? text : `sha256-${sha256Hex(text).slice(0, 40)}`;
}

export function changeOf(idempotencyKey: string): string {
  return sha256Hex(idempotencyKey).slice(0, 40);
}

/** The object with this mark in place of any that it has. */
export function marked(object: JsonObject, mark: FullMark): JsonObject {
  const metadata = objectAt(object, "metadata");
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: {
        ...withoutMarks(objectAt(metadata, "labels")),
        [scopeLabel]: labelValue(mark.scope),
        [resourceLabel]: labelValue(mark.resourceId),
      },
      annotations: {
        ...withoutMarks(objectAt(metadata, "annotations")),
        [scopeAnnotation]: mark.scope,
        [resourceIdKey]: mark.resourceId,
        [classAnnotation]: mark.resourceClass,
        [hashAnnotation]: mark.desiredHash,
        [changeAnnotation]: mark.change,
      },
    },
  };
}

/** The mark of `scope` on a live object; undefined when it bears none, or only a part of one, or another's. */
export function markOn(object: JsonObject, scope: string): FullMark | undefined {
  const metadata = objectAt(object, "metadata");
  const annotations = objectAt(metadata, "annotations");
  const labels = objectAt(metadata, "labels");
  const resourceId = textAt(annotations, resourceIdKey);
  const desiredHash = textAt(annotations, hashAnnotation);
  if (textAt(annotations, scopeAnnotation) !== scope || labels[scopeLabel] !== labelValue(scope))
    return undefined;
  if (resourceId === undefined || desiredHash === undefined) return undefined;
  if (labels[resourceLabel] !== labelValue(resourceId)) return undefined;
  return {
    scope,
    resourceId,
    desiredHash,
    resourceClass: textAt(annotations, classAnnotation) ?? "service",
    change: textAt(annotations, changeAnnotation) ?? "",
  };
}

/** Labels or annotations without those of a mark. */
export function withoutMarks(members: JsonObject): { readonly [key: string]: JsonValue } {
  return Object.fromEntries(Object.entries(members).filter(([key]) => !key.startsWith(prefix)));
}
