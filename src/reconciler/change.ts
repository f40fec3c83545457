/**
 * One change of one resource, as a rollout asks for it: what is recorded of it, and how the provider is asked. It neither
 * decides nor records.
 */
import { AkcError } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import type { Decision } from "../policy/model.ts";
import type { Observation, OwnedResource, Provider, ProviderCall, Revision } from "../providers/contract.ts";
import { jsonOf } from "./json-of.ts";
import type { Fault } from "./look.ts";
import type { OperationPayload, OperationType } from "./model.ts";
import { absentHash, type PlannedChange } from "./plan.ts";
import type { Rollout, RolloutAction, RolloutReason } from "./rollout/model.ts";

export type ChangeAction = Exclude<RolloutAction, { kind: "measure" }>;

export interface ChangeFacts {
  readonly scope: string;
  readonly rollout: Rollout;
  /** Of the plan; absent where another process made that. */
  readonly planned: PlannedChange | undefined;
  readonly observation: Observation | undefined;
  readonly owned: OwnedResource | undefined;
  /** What is to stand; absent for a delete. */
  readonly revision: Revision | undefined;
  /** Take over what bears no mark. */
  readonly adopt: boolean;
  /** Only what has this version may be changed, also where another one stands by now; absent: what was seen last. */
  readonly onlyVersion?: string | null;
}

export function operationType(action: ChangeAction, { observation }: ChangeFacts): OperationType {
  if (action.kind === "delete") return "delete";
  return observation?.standing.kind === "present" ? "update" : "create";
}

export function operationOf(action: ChangeAction, facts: ChangeFacts): OperationPayload {
  const { resourceId, why } = action;
  const { rolloutId, planId, generation } = facts.rollout;
  const { planned, revision, owned, observation } = facts;
  const type = operationType(action, facts);
  const hash = action.kind === "delete" ? absentHash : (revision?.desiredHash ?? action.hash);
  const forward = why === "rollout";
  return {
    operation_id:
      forward && action.kind === "delete" && planned !== undefined
        ? planned.operationId
        : `${resourceId}:${forward ? type : "rollback"}:${hash.slice(0, 12)}`,
    operation_type: type,
    resource_id: resourceId,
    resource_class:
      revision?.resourceClass ?? owned?.resourceClass ?? observation?.resourceClass ?? "service",
    desired_hash: hash,
    why: forward && planned?.correction === true ? "correction" : why,
    plan_id: planId,
    rollout_id: rolloutId,
    idempotency_key: `${rolloutId}.${generation}:${resourceId}:${why}:${keyOf(action)}`,
    diff: forward ? (planned?.diff.changes ?? []).map((one) => jsonOf({ ...one })) : [],
    diff_omitted: forward ? (planned?.diff.omitted ?? 0) : 0,
  };
}

/** The same for every try, another for every step of a change in steps. */
function keyOf(action: ChangeAction): string {
  if (action.kind === "delete") return absentHash;
  const { hash, copies } = action;
  const split = copies === null ? "" : `:${copies.updated}+${copies.previous}`;
  return `${hash.slice(0, 12)}${split}`;
}

/** @throws AkcError as the provider; INTERNAL when the revision is not kept any more */
export async function carryOut(
  provider: Provider,
  action: ChangeAction,
  facts: ChangeFacts,
  idempotencyKey: string,
  call: ProviderCall,
): Promise<void> {
  const { resourceId } = action;
  const { scope, observation, owned, revision, adopt } = facts;
  const standing = observation?.standing;
  const seenVersion = standing?.kind === "present" ? standing.version : null;
  const expectedVersion = facts.onlyVersion === undefined ? seenVersion : facts.onlyVersion;
  if (action.kind === "delete") {
    const resource = owned ?? unlisted(provider.id, resourceId, observation);
    await provider.delete({ resource, mark: { scope, resourceId }, idempotencyKey, expectedVersion }, call);
    return;
  }
  if (revision === undefined) {
    throw new AkcError("INTERNAL", { message: `the revision ${action.hash} of ${resourceId} is not kept` });
  }
  await provider.apply(
    {
      kind: action.why === "rollback" ? "rollback" : expectedVersion === null ? "create" : "update",
      revision,
      mark: { scope, resourceId, desiredHash: revision.desiredHash },
      idempotencyKey,
      expectedVersion,
      adopt,
      ...(action.copies === null ? {} : { copies: action.copies }),
    },
    call,
  );
}

/** Why it must not even be begun. */
export function refusalBefore(
  action: ChangeAction,
  { revision }: ChangeFacts,
  decision: Decision,
): { readonly reason: RolloutReason; readonly message: string } | undefined {
  if (!decision.allowed) return { reason: "policy_denied", message: `the policy denies ${decision.action}` };
  if (action.kind === "delete" || revision !== undefined) return undefined;
  const reason = action.why === "rollback" ? "rollback_unsupported" : "apply_failed";
  return { reason, message: "the revision to apply is not kept any more" };
}

export function finishedPayload(
  operation: OperationPayload,
  fault: Fault | undefined,
  durationMs: number,
): JsonObject {
  return jsonOf({
    ...operation,
    applied: fault === undefined,
    error: fault?.message,
    error_code: fault?.code,
    retryable: fault?.retryable,
    duration_ms: Math.round(durationMs),
  });
}

/** Whether a change that was refused has left everything as it was before it was first begun. */
export function isAsBefore(resourceId: string, { rollout }: ChangeFacts, reason: RolloutReason): boolean {
  const unit = rollout.units.find((one) => one.resourceId === resourceId);
  const wasBegun = unit === undefined || unit.touched || unit.state !== "waiting";
  return !wasBegun && (reason === "world_moved" || reason === "not_owned" || reason === "provider_refused");
}

/** As the inventory would have it: bears our mark and is missing there. */
export function unlisted(
  providerId: string,
  resourceId: string,
  observation: Observation | undefined,
): OwnedResource {
  const standing = observation?.standing;
  const present = standing?.kind === "present" ? standing : undefined;
  return {
    providerId,
    resourceId,
    resourceClass: observation?.resourceClass ?? "service",
    desiredHash: present?.markedHash ?? "",
    dependsOn: [],
    handle: present?.handle ?? {},
  };
}

export function reasonOf(code: string): RolloutReason {
  switch (code) {
    case "PROVIDER_CONFLICT":
      return "world_moved";
    case "PROVIDER_NOT_OWNED":
      return "not_owned";
    case "TOOL_MISSING":
    case "DESIRED_STATE_INVALID":
      return "provider_refused";
    default:
      return "apply_failed";
  }
}
