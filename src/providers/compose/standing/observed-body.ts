/**
 * What the documented observed hash of a service is made of. Pure; it judges nothing.
 *
 * Source: spec reconcile §4.4, §4.6, §4.8.
 */
import { textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";
import { composeLabels } from "../marks.ts";
import type { Container } from "./containers.ts";

/**
 * Of the first container of the service, as documented. `config_hash` is that of the definition the container was made from: what
 * Compose would make of the files now takes another call, and says nothing of what stands.
 * @param containers those of the service first; undefined where there is none of it
 */
export function composeObservedBody(service: string, [first]: readonly Container[]): JsonObject | undefined {
  if (first === undefined || first.service !== service) return undefined;
  const { status, imageId, config, labels } = first;
  const hash = labels[composeLabels.configHash];
  return {
    provider: "docker_compose_observe",
    service,
    state: status,
    image_digest: imageId === "" ? null : imageId,
    image_ref: textAt(config, "Image") ?? null,
    config_hash: hash === undefined ? null : `${service} ${hash}`,
  };
}
