/**
 * Lets the reconciler make one pass at the end of a run and records what it found as events. It runs only after every
 * action has succeeded: a broken plan must not be deployed.
 */
import type { RunPolicy } from "../policy/model.ts";
import type { DesiredResource, Provider } from "../providers/contract.ts";
import { type ResourceStatus, reconcilePass } from "../reconciler/pass.ts";
import type { Clock } from "../system/clock.ts";
import type { Journal } from "./journal.ts";
import type { Recorder } from "./recorder.ts";
import { eventTypes } from "./wire.ts";

export interface Convergence {
  readonly desired: readonly DesiredResource[];
  readonly provider: Provider;
}

export interface ConvergeDeps {
  readonly policy: RunPolicy;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly recorder: Recorder;
}

export async function converge(
  { desired, provider }: Convergence,
  { policy, clock, journal, recorder }: ConvergeDeps,
): Promise<readonly ResourceStatus[]> {
  const statuses = await reconcilePass({
    desired,
    provider,
    policy,
    onDecision: (decision, resource, operation) => {
      journal.decision(
        decision,
        { resource_id: resource.resourceId, operation_type: operation },
        clock.nowMs(),
      );
      if (!decision.allowed) {
        recorder.deniedElsewhere = true;
        recorder.lastError ??= `runtime policy blocked action='${decision.action}' reason='${decision.reason}'`;
      }
    },
  });
  for (const status of statuses) {
    recorder.emit(eventTypes.resourceStatus, resourcePayload(status, provider.id, policy), clock.nowMs());
  }
  return statuses;
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
