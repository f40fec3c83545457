/**
 * Lets the reconciler make one pass at the end of a run, in the form in which the kernel records it. The kernel asks for it
 * only after every action has succeeded: a broken plan must not be deployed.
 */
import type { Converge } from "../kernel/loop.ts";
import type { RunPolicy } from "../policy/model.ts";
import type { DesiredResource, Provider } from "../providers/contract.ts";
import { type ResourceStatus, reconcilePass } from "../reconciler/pass.ts";

export interface Convergence {
  /** `tenant_id/repo_id` */
  readonly scope: string;
  readonly desired: readonly DesiredResource[];
  readonly provider: Provider;
}

export function createConverge({ scope, desired, provider }: Convergence, policy: RunPolicy): Converge {
  return async (onDecision) => {
    const statuses = await reconcilePass({
      scope,
      desired,
      provider,
      policy,
      onDecision: (decision, resource, operation) =>
        onDecision(decision, { resource_id: resource.resourceId, operation_type: operation }),
    });
    return statuses.map((status) => ({
      converged: status.converged,
      payload: resourcePayload(status, provider.id, policy),
    }));
  };
}

function resourcePayload(status: ResourceStatus, providerId: string, policy: RunPolicy): string {
  return JSON.stringify({
    resource_id: status.resourceId,
    resource_class: status.resourceClass,
    operation_id: status.operationId,
    operation_type: status.operation,
    applied: status.applied,
    desired_hash: status.desiredHash,
    observed_hash: status.observedHash,
    health_status: status.health,
    converged: status.converged,
    provider_id: providerId,
    policy_mode: policy.mode,
    error: status.error,
  });
}
