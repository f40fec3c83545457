/**
 * The documented hash of what a look at a cluster found. Only for evidence: it names a pod's uid, so nothing is ever judged
 * by comparing it with what is wanted.
 *
 * Source: spec reconcile §4.4, §4.7, §4.8; reconcile:W-02.
 */
import { fingerprint } from "../../json/fingerprint.ts";
import { sortedByCodePoint } from "../../json/order.ts";
import type { JsonObject } from "../../json/value.ts";

export interface ObservedBody {
  /** `pod`, `deployment`, … */
  readonly kind: string;
  readonly namespace: string;
  readonly phase: string;
  /** Of the pod that was looked at; null without one. */
  readonly uid: string | null;
  /** `imageID` of each container, in any order. */
  readonly containerImageIds: readonly string[];
}

export function observedHashBody({
  kind,
  namespace,
  phase,
  uid,
  containerImageIds,
}: ObservedBody): JsonObject {
  return {
    provider: "kubernetes_observe",
    kind,
    namespace,
    phase,
    uid,
    container_image_ids: sortedByCodePoint(containerImageIds),
  };
}

/** `contract`: the bundle's `deployment_observe_hash_contract`, where it has one. */
export function observedHash(resourceId: string, body: JsonObject, contract?: JsonObject): string {
  const version = contract?.["version"];
  return fingerprint({
    contract_version: typeof version === "number" && Number.isInteger(version) ? version : 1,
    resource_id: resourceId,
    body,
    ...(contract === undefined ? {} : { contract }),
  });
}
