/**
 * What a deployment provider of each kind may reach: nothing, what stands, or what is to stand. Never takes a kind that it does not
 * know for a harmless one: it is some plugin's, and plugins change things.
 *
 * Source: spec reconcile §4.2, §4.3.
 */

/** `nothing`: the process's own memory. `looks`: what stands outside. `changes`: looks, and makes what is wanted stand. */
export type ProviderReach = "nothing" | "looks" | "changes";

const memoryKinds: readonly string[] = ["in_memory"];
const observeKinds: readonly string[] = ["docker_compose_observe", "kubernetes_observe", "systemd_observe"];
/** They apply a manifest that was compiled elsewhere, so a promotion packet must vouch for it. */
const manifestKinds: readonly string[] = ["docker_compose_apply", "kubernetes_apply"];

export function providerReach(kind: string): ProviderReach {
  if (memoryKinds.includes(kind)) return "nothing";
  return observeKinds.includes(kind) ? "looks" : "changes";
}

/** Whether a change by a provider of this kind needs a promotion packet. */
export function needsPromotion(kind: string): boolean {
  return manifestKinds.includes(kind);
}
