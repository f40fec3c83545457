/**
 * The documented envelope of an observed hash. Pure; nothing of akc decides by it, since no desired hash is ever equal to it: it is
 * there for readers of evidence.
 *
 * Source: spec reconcile §4.4, §4.8; W-02, W-19.
 */
import { fingerprint } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";

/**
 * @param body what was seen, in the provider's documented shape
 * @param contract `deployment_observe_hash_contract` of the bundle, whole; absent when it has none
 */
export function observedHash(resourceId: string, body: JsonObject, contract?: JsonObject): string {
  const version = contract?.["version"];
  const isInteger =
    typeof version === "bigint" || (typeof version === "number" && Number.isSafeInteger(version));
  return fingerprint({
    contract_version: isInteger ? version : 1,
    resource_id: resourceId,
    body,
    ...(contract === undefined ? {} : { contract }),
  });
}
