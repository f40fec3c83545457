/**
 * What the documented observed hash of a pod is made of. Only for evidence: it names the pod's uid, so nothing is ever judged by
 * comparing it with what is wanted.
 *
 * Source: spec reconcile §4.4, §4.7, §4.8; W-02.
 */
import { objectAt, objectsAt, textAt } from "../../bundle/member.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";
import { groupKind, refOf } from "./object.ts";

/**
 * Undefined unless the objects have exactly one pod. The documented hash of a Deployment is over one of its pods: those are looked
 * at only where something is not whole, and a hash that comes and goes says nothing.
 * @param home namespace of an object that names none
 */
export function kubernetesObservedBody(objects: readonly JsonObject[], home: string): JsonObject | undefined {
  const pods = objects.filter((object) => {
    const ref = refOf(object);
    return ref !== undefined && groupKind(ref) === "Pod";
  });
  const [pod, ...others] = pods;
  if (pod === undefined || others.length > 0) return undefined;
  const metadata = objectAt(pod, "metadata");
  const status = objectAt(pod, "status");
  const imageIds = objectsAt(status, "containerStatuses").flatMap((one) => textAt(one, "imageID") ?? []);
  return {
    provider: "kubernetes_observe",
    kind: "pod",
    namespace: textAt(metadata, "namespace") ?? home,
    phase: textAt(status, "phase") ?? "Unknown",
    uid: textAt(metadata, "uid") ?? null,
    container_image_ids: sortedByCodePoint(imageIds),
  };
}
