/**
 * A provider whose resources are only remembered, for tests and for bundles that name it. It reaches nothing outside and
 * says so by its id.
 *
 * Source: spec reconcile §4.5.
 */
import type { ObservedResource, Provider } from "./contract.ts";

export const inMemoryProviderId = "in_memory";

export function createInMemoryProvider(): Provider {
  const standing = new Map<string, ObservedResource>();
  return {
    id: inMemoryProviderId,
    observe: async (resourceId) => standing.get(resourceId),
    async apply(resource) {
      const observed: ObservedResource = { observedHash: resource.desiredHash, health: "healthy" };
      standing.set(resource.resourceId, observed);
      return observed;
    },
  };
}
