/**
 * The contract of a provider: observes and changes resources. A provider never decides whether it may; it is asked only
 * for what the policy has allowed.
 *
 * Source: spec reconcile §4.1.
 */
import type { JsonValue } from "../json/value.ts";

export interface DesiredResource {
  readonly resourceId: string;
  readonly resourceClass: string;
  /** Fingerprint of what should stand (spec reconcile §1.4). */
  readonly desiredHash: string;
  readonly intent: JsonValue;
}

export type Health = "healthy" | "unknown" | "degraded" | "failed";

export interface ObservedResource {
  readonly observedHash: string;
  readonly health: Health;
}

export interface Provider {
  readonly id: string;
  /** undefined when nothing stands under this id. */
  observe(resourceId: string): Promise<ObservedResource | undefined>;
  apply(resource: DesiredResource): Promise<ObservedResource>;
}
