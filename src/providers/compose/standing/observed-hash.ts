/**
 * The observed hash of the documented contract. Pure; nothing of akc decides by it: it changes with every crash, and no desired
 * hash is ever equal to it (W-02, W-19). It is there for readers of old evidence.
 *
 * Source: spec reconcile §4.4, §4.6, §4.8.
 */
import { fingerprint } from "../../../json/fingerprint.ts";
import type { JsonObject } from "../../../json/value.ts";

export interface ComposeObserved {
  readonly service: string;
  readonly state: string;
  readonly imageDigest: string | null;
  readonly imageRef: string | null;
  readonly configHash: string | null;
}

export function composeObservedBody(observed: ComposeObserved): JsonObject {
  return {
    provider: "docker_compose_observe",
    service: observed.service,
    state: observed.state,
    image_digest: observed.imageDigest,
    image_ref: observed.imageRef,
    config_hash: observed.configHash,
  };
}

/** @param contract `deployment_observe_hash_contract` of the bundle, whole */
export function observedHash(resourceId: string, body: JsonObject, contract?: JsonObject): string {
  const version = contract?.["version"];
  return fingerprint({
    contract_version: typeof version === "number" && Number.isSafeInteger(version) ? version : 1,
    resource_id: resourceId,
    body,
    ...(contract === undefined ? {} : { contract }),
  });
}
