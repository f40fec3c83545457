/**
 * One pass over the desired resources: look, compare, change what differs, look again. In `simulate` it changes nothing;
 * a denied change is not made and is said to be denied.
 *
 * Source: spec reconcile §1.5–1.8, §1.11; bundle:W-13.
 */
import { decide } from "../policy/decide.ts";
import type { Decision, RunPolicy } from "../policy/model.ts";
import type { DesiredResource, Health, Provider, Revision, Standing } from "../providers/contract.ts";

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
  readonly scope: string;
  readonly desired: readonly DesiredResource[];
  readonly provider: Provider;
  readonly policy: RunPolicy;
  onDecision(decision: Decision, resource: Revision, operation: string): void;
}

export async function reconcilePass(input: PassInput): Promise<readonly ResourceStatus[]> {
  const { provider, desired } = input;
  const call = { signal: new AbortController().signal };
  const revisions = (await provider.resolve(desired, call)).flatMap((one) =>
    one.kind === "resolved" ? [one.revision] : [],
  );
  const look = async () =>
    new Map(
      (await provider.observe(revisions, [], call)).map(({ resourceId, standing }) => [resourceId, standing]),
    );
  const before = await look();
  const done = new Map<string, Pick<ResourceStatus, "operation" | "applied" | "error">>();
  for (const revision of revisions) {
    done.set(revision.resourceId, await change(revision, before.get(revision.resourceId), input));
  }
  const after = await look();
  return revisions.map((revision) => {
    const { resourceId, resourceClass, desiredHash } = revision;
    const did = done.get(resourceId) ?? { operation: "noop", applied: false };
    const stands = after.get(resourceId);
    const present = stands?.kind === "present" ? stands : undefined;
    const health = present?.health ?? "unknown";
    return {
      resourceId,
      resourceClass,
      operationId: `${resourceId}:${did.operation}:${desiredHash.slice(0, 12)}`,
      desiredHash,
      observedHash: present?.markedHash ?? "absent",
      health,
      converged: present?.markedHash === desiredHash && (health === "healthy" || health === "unknown"),
      ...did,
    };
  });
}

async function change(
  revision: Revision,
  stands: Standing | undefined,
  { scope, provider, policy, onDecision }: PassInput,
): Promise<Pick<ResourceStatus, "operation" | "applied" | "error">> {
  const { resourceId, desiredHash } = revision;
  const present = stands?.kind === "present" ? stands : undefined;
  const operation = present === undefined ? "create" : present.markedHash === desiredHash ? "noop" : "update";
  if (operation === "noop" || policy.mode === "simulate") return { operation, applied: false };
  const decision = decide(policy, "service.reconcile.apply");
  onDecision(decision, revision, operation);
  if (!decision.allowed) return { operation, applied: false, error: `policy denied: ${decision.reason}` };
  const key = `${resourceId}:${operation}:${desiredHash.slice(0, 12)}`;
  await provider.apply(
    {
      kind: operation,
      revision,
      mark: { scope, resourceId, desiredHash },
      idempotencyKey: key,
      expectedVersion: present?.version ?? null,
      adopt: false,
    },
    { signal: new AbortController().signal },
  );
  return { operation, applied: true };
}
