/**
 * One pass over the desired resources: look, compare, change what differs, look again. In `simulate` it changes nothing;
 * a denied change is not made and is said to be denied.
 *
 * Source: spec reconcile §1.5–1.8, §1.11; bundle:W-13.
 */
import { decide } from "../policy/decide.ts";
import type { Decision, RunPolicy } from "../policy/model.ts";
import type { DesiredResource, Health, Provider } from "../providers/contract.ts";

export interface ResourceStatus {
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly operation: "create" | "update" | "noop";
  readonly operationId: string;
  readonly applied: boolean;
  readonly desiredHash: string;
  /** `absent` when nothing stands. */
  readonly observedHash: string;
  readonly health: Health;
  readonly converged: boolean;
  readonly error?: string;
}

export interface PassInput {
  readonly desired: readonly DesiredResource[];
  readonly provider: Provider;
  readonly policy: RunPolicy;
  onDecision(decision: Decision, resource: DesiredResource, operation: string): void;
}

export async function reconcilePass(input: PassInput): Promise<readonly ResourceStatus[]> {
  const statuses: ResourceStatus[] = [];
  for (const resource of input.desired) statuses.push(await reconcileOne(resource, input));
  return statuses;
}

async function reconcileOne(resource: DesiredResource, input: PassInput): Promise<ResourceStatus> {
  const { provider, policy, onDecision } = input;
  const before = await provider.observe(resource.resourceId);
  const operation =
    before === undefined ? "create" : before.observedHash === resource.desiredHash ? "noop" : "update";
  let applied = false;
  let error: string | undefined;
  if (operation !== "noop" && policy.mode !== "simulate") {
    const decision = decide(policy, "service.reconcile.apply");
    onDecision(decision, resource, operation);
    if (decision.allowed) {
      await provider.apply(resource);
      applied = true;
    } else {
      error = `policy denied: ${decision.reason}`;
    }
  }
  const after = await provider.observe(resource.resourceId);
  return {
    resourceId: resource.resourceId,
    resourceClass: resource.resourceClass,
    operation,
    operationId: `${resource.resourceId}:${operation}:${resource.desiredHash.slice(0, 12)}`,
    applied,
    desiredHash: resource.desiredHash,
    observedHash: after?.observedHash ?? "absent",
    health: after?.health ?? "unknown",
    converged:
      after?.observedHash === resource.desiredHash &&
      (after.health === "healthy" || after.health === "unknown"),
    ...(error === undefined ? {} : { error }),
  };
}
