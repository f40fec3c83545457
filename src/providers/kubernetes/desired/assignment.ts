/**
 * Which object of a manifest belongs to which resource. Pure; an object that nobody claims is a fault, never left out in
 * silence and never given to a resource by guessing.
 *
 * First that fits: label or annotation `akc.run/resource-id` equal to the id; label `app.kubernetes.io/instance`, then
 * `app.kubernetes.io/name`, equal to the mapped name; the object's own name equal to the mapped name. A bundle with one
 * resource owns all that is left.
 */
import { objectAt, textAt } from "../../../bundle/member.ts";
import type { Issue } from "../../../errors.ts";
import type { JsonObject } from "../../../json/value.ts";
import { labelValue, resourceIdKey } from "../mark.ts";
import { refOf, wordsFor } from "../object.ts";

export interface Claimant {
  readonly resourceId: string;
  /** Its name in the cluster. */
  readonly name: string;
}

export interface Assignment {
  /** By resource id, in the order of the manifest. */
  readonly objects: ReadonlyMap<string, readonly JsonObject[]>;
  /** Objects that nobody claims, or two do. */
  readonly issues: readonly Issue[];
}

const appLabels = ["app.kubernetes.io/instance", "app.kubernetes.io/name"] as const;

export function assigned(objects: readonly JsonObject[], claimants: readonly Claimant[]): Assignment {
  const byId = new Map(claimants.map((claimant) => [claimant.resourceId, claimant]));
  const byLabelId = new Map(claimants.map((claimant) => [labelValue(claimant.resourceId), claimant]));
  const byName = new Map<string, Claimant[]>();
  for (const claimant of claimants)
    byName.set(claimant.name, [...(byName.get(claimant.name) ?? []), claimant]);

  const claim = (object: JsonObject): Claimant | string => {
    const metadata = objectAt(object, "metadata");
    const labels = objectAt(metadata, "labels");
    const named = textAt(objectAt(metadata, "annotations"), resourceIdKey) ?? textAt(labels, resourceIdKey);
    if (named !== undefined) {
      return (
        byId.get(named) ?? byLabelId.get(named) ?? `its ${resourceIdKey} names ${named}, which is no resource`
      );
    }
    const names = [...appLabels.map((label) => textAt(labels, label)), textAt(metadata, "name")];
    const found = names.map((name) => byName.get(name ?? "") ?? []).find((claiming) => claiming.length > 0);
    const only = claimants.length === 1 ? claimants[0] : undefined;
    const first = found?.[0] ?? only;
    if (first === undefined) return `no resource claims it; annotate it with ${resourceIdKey}`;
    if (found !== undefined && found.length > 1)
      return `${found.map(({ resourceId }) => resourceId).join(" and ")} claim it; annotate it with ${resourceIdKey}`;
    return first;
  };

  const owned = new Map<string, JsonObject[]>(claimants.map(({ resourceId }) => [resourceId, []]));
  const issues: Issue[] = [];
  for (const [at, object] of objects.entries()) {
    const claimed = claim(object);
    if (typeof claimed !== "string") owned.get(claimed.resourceId)?.push(object);
    else {
      const ref = refOf(object);
      issues.push({
        path: `/${at}`,
        message: `${ref === undefined ? "an object" : wordsFor(ref)}: ${claimed}`,
      });
    }
  }
  return { objects: owned, issues };
}
