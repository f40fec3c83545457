/**
 * One reconciliation: look, plan, and either tell the plan or drive a rollout of it to where it ends or waits. Everything it does
 * goes through the ledger; what it could not look at it does not touch.
 *
 * Source: spec reconcile §1.6, §16.
 */
import { AkcError } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { Decision } from "../policy/model.ts";
import type { DesiredResource, Observation, Provider, Revision } from "../providers/contract.ts";
import type { DeploymentReader, PlanRow, RolloutRow } from "../store/contract.ts";
import { steadyClock } from "../system/steady-clock.ts";
import { failedIn } from "./brought-back.ts";
import { unlisted } from "./change.ts";
import { correctionsIn } from "./corrections.ts";
import { diffFields, type FieldDiff, noDiff } from "./diff.ts";
import { Drive, type DriveDeps } from "./drive.ts";
import type { HealthGate } from "./gate.ts";
import { jsonOf } from "./json-of.ts";
import { type Looked, look, type Wanted, wantedOf } from "./look.ts";
import { reconcileEvents, type StatusPayload } from "./model.ts";
import { type OpeningInput, rolloutToDrive } from "./opening.ts";
import { isActive, planOf, type ReconcilePlan } from "./plan.ts";
import type { Rollout, Unit } from "./rollout/model.ts";
import { type PassFacts, statusOf } from "./statuses.ts";

export interface ReconcileInput extends DriveDeps, OpeningInput {
  readonly desired: readonly DesiredResource[];
  readonly gate: HealthGate;
  /** What is to stand, where it is known already: then the bundle's files are not read again. */
  readonly wanted?: Wanted | undefined;
  /** The provider that the bundle names; absent when it names none. */
  readonly declared?: string | undefined;
  /** Tells the plan and changes nothing. */
  readonly simulate: boolean;
  /** Take over what stands in a resource's place and bears no mark. */
  readonly adopt: boolean;
  /** Only this plan may be applied. */
  readonly planId?: string | undefined;
  /** Which pass of how many it is; `startedMs` is of the first, by the steady clock. */
  readonly attempt: PassFacts["resync"] & { readonly startedMs: number };
  /** Whether a plan was told before that nobody kept: one that was only looked at. */
  wasPlanned?(planId: string): Promise<boolean>;
  onPlan?(plan: ReconcilePlan): void;
}

/** What a look needs, and nothing by which anything could be changed. */
export type GlanceInput = Pick<
  ReconcileInput,
  "provider" | "desired" | "wanted" | "scope" | "bundleSha256" | "adopt" | "ignoredOf" | "clock" | "signal"
> & { readonly deployment: Pick<DeploymentReader, "owned" | "rollouts"> };

export interface Glance {
  readonly wanted: Wanted;
  readonly looked: Looked;
  readonly rollouts: readonly RolloutRow[];
  readonly plan: ReconcilePlan;
}

export interface Reconciled {
  readonly plan: ReconcilePlan;
  readonly statuses: readonly StatusPayload[];
  readonly converged: boolean;
  /** The rollout that was driven. */
  readonly rollout?: Rollout;
  readonly denied?: Decision;
}

/** What would be done now, without a word of it to anybody. @throws AkcError DEPENDENCY_CYCLE, DESIRED_STATE_INVALID */
export async function glance(input: GlanceInput): Promise<Glance> {
  const { provider, deployment, signal } = input;
  const wanted = input.wanted ?? (await wantedOf(provider, input.desired, signal));
  const looked = await look(provider, deployment, [...wanted.revisions.values()], signal);
  const rollouts = await deployment.rollouts(limits.rolloutsKeptMax);
  return { wanted, looked, rollouts, plan: await plannedFrom(input, wanted, looked, rollouts) };
}

/** @throws AkcError PLAN_STALE, PLAN_NOT_FOUND, DEPENDENCY_CYCLE, DESIRED_STATE_INVALID; whatever the ledger throws */
export async function reconcile(asked: ReconcileInput): Promise<Reconciled> {
  const { wanted, looked, rollouts, plan } = await glance(asked);
  // Waits and deadlines of a rollout count by the times that it keeps: a clock that was set back, now or since, makes none of them longer.
  const clock = steadyClock(asked.clock, Math.max(0, ...rollouts.map(({ updatedAtMs }) => updatedAtMs)));
  const input = { ...asked, clock };
  const { provider, deployment, signal, ledger } = input;
  input.onPlan?.(plan);
  await refuseOtherPlan(input, plan);
  const open = await deployment.openRollout();
  await ledger.record({
    events: [{ type: reconcileEvents.started, payload: startedPayload(input, plan, open) }],
    ...(input.simulate ? {} : { deployment: { plan: planRow(input, plan) } }),
  });
  const changes = new Map(plan.changes.map((change) => [change.resourceId, change]));
  if (input.simulate) return told(input, { plan, wanted, looked });
  const kept = await rolloutToDrive(input, {
    plan,
    desired: input.desired,
    revisions: wanted.revisions,
    observations: looked.observations,
    rollouts,
    open,
  });
  const failed = failedIn(rollouts);
  // What failed before and is not begun again is told of too.
  const left = plan.changes.flatMap((change) =>
    isActive(change) && !change.correction ? (failed(change) ?? []) : [],
  );
  if (kept === undefined) return told(input, { plan, wanted, looked, units: left });
  const { rollout, denied } = await new Drive(kept, changes, input).run();
  const leaving = plan.changes
    .filter(({ type }) => type === "delete")
    .map(({ resourceId }) => {
      const row = looked.owned.find((one) => one.resourceId === resourceId);
      return row ?? unlisted(provider.id, resourceId, looked.observations.get(resourceId));
    });
  const after = await look(provider, deployment, [...wanted.revisions.values()], signal, leaving);
  const result = await told(input, { plan, wanted, looked: after, units: [...left, ...rollout.units] });
  return { ...result, rollout, ...(denied === undefined ? {} : { denied }) };
}

async function plannedFrom(
  input: Pick<ReconcileInput, "scope" | "provider" | "bundleSha256" | "adopt" | "clock" | "ignoredOf">,
  wanted: Wanted,
  looked: Looked,
  rollouts: readonly RolloutRow[],
): Promise<ReconcilePlan> {
  const { scope, provider, bundleSha256, adopt, clock } = input;
  const corrections = correctionsIn(rollouts, clock.nowMs());
  return planOf({
    scope,
    providerId: provider.id,
    bundleSha256,
    revisions: [...wanted.revisions.values()],
    refused: wanted.refused,
    owned: looked.owned,
    observations: [...looked.observations.values()],
    ignoredOf: input.ignoredOf,
    loops: (resourceId, diff) => corrections.made(resourceId, diff) >= limits.correctionsMax,
    hasStood: corrections.hasStood,
    adopt,
    onlyLooks: onlyLooks(provider),
  });
}

function onlyLooks({ capabilities }: Provider): boolean {
  return !capabilities.has("apply");
}

async function refuseOtherPlan(
  { planId, deployment, wasPlanned }: ReconcileInput,
  plan: ReconcilePlan,
): Promise<void> {
  if (planId === undefined || planId === plan.planId) return;
  const known = (await deployment.plan(planId)) !== null || (await wasPlanned?.(planId)) === true;
  if (!known) {
    throw new AkcError("PLAN_NOT_FOUND", { details: { plan: planId, now: plan.planId } });
  }
  const would = plan.changes.filter(isActive).map((one) => one.operationId);
  const details = { plan: planId, now: plan.planId, ...(would.length === 0 ? {} : { would }) };
  throw new AkcError("PLAN_STALE", { details });
}

function startedPayload(
  { simulate, policy, provider, desired, declared }: ReconcileInput,
  { planId }: ReconcilePlan,
  open: RolloutRow | null,
): JsonObject {
  return {
    mode: simulate ? "simulate" : policy.mode,
    provider_id: provider.id,
    ...(declared === undefined ? {} : { provider_declared: declared }),
    resource_count: desired.length,
    plan_id: planId,
    ...(open === null ? {} : { rollout_id: open.rolloutId }),
  };
}

function planRow({ runtimeRunId, clock }: ReconcileInput, plan: ReconcilePlan): PlanRow {
  return { planId: plan.planId, runtimeRunId, plan: JSON.stringify(plan), atMs: clock.nowMs() };
}

/** Tells how everything stands, as the events of the pass. */
async function told(
  input: ReconcileInput,
  {
    plan,
    wanted,
    looked,
    units: known = [],
  }: {
    readonly plan: ReconcilePlan;
    readonly wanted: Wanted;
    readonly looked: Looked;
    readonly units?: readonly Unit[];
  },
): Promise<Reconciled> {
  const { provider, policy, gate, clock, attempt, simulate, ledger, ignoredOf } = input;
  const units = new Map(known.map((unit) => [unit.resourceId, unit]));
  const facts: PassFacts = {
    providerId: provider.id,
    onlyLooks: onlyLooks(provider),
    policyMode: policy.mode,
    gate,
    attempts: attempt.attempt,
    windowMs: clock.monotonicMs() - attempt.startedMs,
    resync: attempt,
    nowMs: clock.nowMs(),
  };
  const statuses = plan.changes.map((change) => {
    const observation = looked.observations.get(change.resourceId);
    const unit = units.get(change.resourceId);
    const diff = differenceOf(
      observation,
      wanted.revisions.get(change.resourceId),
      ignoredOf(change.resourceId),
    );
    return statusOf(
      { change, observation, diff, simulated: simulate, ...(unit === undefined ? {} : { unit }) },
      facts,
    );
  });
  await ledger.record({
    events: statuses.map((status) => ({
      type: reconcileEvents.resourceStatus,
      payload: jsonOf({ ...status }),
    })),
  });
  return { plan, statuses, converged: statuses.every(({ converged }) => converged) };
}

function differenceOf(
  observation: Observation | undefined,
  revision: Revision | undefined,
  ignored: readonly string[],
): FieldDiff {
  const standing = observation?.standing;
  if (standing?.kind !== "present" || revision === undefined) return noDiff;
  return diffFields(standing.fields, observation?.wanted ?? revision.fields, ignored);
}
