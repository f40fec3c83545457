/**
 * Which rollout is to be driven: the one that is open, or a new one in its place. A new one is kept with the way there and the
 * way back before anything is changed.
 *
 * Source: spec reconcile §1.9, §16 no. 2; W-06.
 */
import { AkcError } from "../errors.ts";
import type { Revision } from "../providers/contract.ts";
import type { RolloutRow } from "../store/contract.ts";
import { broughtBackIn } from "./brought-back.ts";
import type { DriveDeps } from "./drive.ts";
import { jsonOf } from "./json-of.ts";
import { Keeper } from "./keeper.ts";
import {
  correctionKey,
  type KeptRollout,
  keptRollout,
  revisionRow,
  rolloutRow,
  stateSha256,
} from "./kept.ts";
import { reconcileEvents } from "./model.ts";
import { isActive, type PlannedChange, type ReconcilePlan } from "./plan.ts";
import { rolloutPayload } from "./progress.ts";
import { revisionKey } from "./revision-hash.ts";
import { begin, fold } from "./rollout/machine.ts";
import type { Strategy } from "./rollout/model.ts";
import { type WayBack, type Wished, waysBack } from "./way-back.ts";

export interface OpeningInput
  extends Pick<DriveDeps, "provider" | "deployment" | "ledger" | "clock" | "runtimeRunId" | "signal"> {
  readonly bundleSha256: string;
  readonly strategy: Strategy;
  /** Only go on with this one, also where it has ended: somebody asked for it. */
  readonly rolloutId?: string | undefined;
  /** Begin anew what was brought back before: a person asked for it. */
  readonly insist: boolean;
  /** Only these may be changed; absent: all. */
  readonly only?: ReadonlySet<string> | undefined;
  newRolloutId(): string;
}

export interface Found extends Wished {
  readonly plan: ReconcilePlan;
  readonly revisions: ReadonlyMap<string, Revision>;
  readonly rollouts: readonly RolloutRow[];
  readonly open: RolloutRow | null;
}

/** The rollout to drive: the one that is open, or a new one in its place; undefined when there is nothing to do. */
export async function rolloutToDrive(input: OpeningInput, found: Found): Promise<KeptRollout | undefined> {
  const { plan, open, rollouts } = found;
  if (input.rolloutId !== undefined) return named(input.rolloutId, input.provider.id, found);
  const kept = open === null ? undefined : keptRollout(open);
  if (kept?.rollout.bundleSha256 === input.bundleSha256) return kept;
  const wasBroughtBack = broughtBackIn(rollouts);
  const active = plan.changes.filter(
    (change) =>
      isActive(change) &&
      (input.only?.has(change.resourceId) ?? true) &&
      (input.insist || change.correction || !wasBroughtBack(change)),
  );
  // First of all, since it may refuse: then the rollout that is open stays what it is.
  const ways = await waysBack(active, found, input);
  if (kept !== undefined) await supersede(input, kept);
  if (active.length === 0) return undefined;
  return begun(input, found, active, ways);
}

/** @throws AkcError ROLLOUT_NOT_FOUND, ROLLOUT_ENDED where another one is open, PROVIDER_UNAVAILABLE where another provider made it */
function named(rolloutId: string, providerId: string, { rollouts, open }: Found): KeptRollout {
  const row = rollouts.find((one) => one.rolloutId === rolloutId);
  if (row === undefined) throw new AkcError("ROLLOUT_NOT_FOUND", { details: { rollout: rolloutId } });
  if (open !== null && open.rolloutId !== rolloutId) {
    throw new AkcError("ROLLOUT_ENDED", {
      message: "another rollout is under way in its place",
      details: { rollout: rolloutId, open: open.rolloutId },
    });
  }
  const kept = keptRollout(row);
  if (kept.rollout.providerId !== providerId) {
    throw new AkcError("PROVIDER_UNAVAILABLE", {
      message: "the rollout was made by another deployment provider than the bundle's",
      hint: "Name the rollout of a run whose bundle has the same provider.",
      details: { rollout: rolloutId, provider: kept.rollout.providerId, found: providerId },
    });
  }
  return kept;
}

/** Whoever is told of rollouts is told of the new one only. */
function supersede(
  { provider, runtimeRunId, ledger, clock, bundleSha256 }: OpeningInput,
  kept: KeptRollout,
): Promise<void> {
  const over = fold(kept.rollout, { kind: "superseded", by: bundleSha256 }, clock.nowMs());
  return new Keeper(kept, { provider, runtimeRunId, ledger, clock }).keep(over);
}

/** Keeps the way there and the way back before anything is changed. */
async function begun(
  input: OpeningInput,
  { plan, revisions }: Found,
  active: readonly PlannedChange[],
  ways: ReadonlyMap<string, WayBack>,
): Promise<KeptRollout> {
  const { provider, deployment, ledger, clock, runtimeRunId, bundleSha256, strategy } = input;
  const nowMs = clock.nowMs();
  const onlyCorrections = active.every(({ correction, type }) => correction && type !== "delete");
  const rollout = begin({
    rolloutId: input.newRolloutId(),
    runtimeRunId,
    planId: plan.planId,
    bundleSha256,
    providerId: provider.id,
    strategy: onlyCorrections ? correcting(strategy) : strategy,
    nowMs,
    units: active.map(({ resourceId, layer, type, revisionHash }) => ({
      resourceId,
      layer,
      operation: type === "noop" ? "update" : type,
      targetHash: revisionHash,
      previousHash: ways.get(resourceId)?.hash ?? null,
      replicas: provider.capabilities.has("copies") ? (revisions.get(resourceId)?.replicas ?? null) : null,
    })),
  });
  const corrections = Object.fromEntries(
    active.flatMap(({ resourceId, correction, diff }) =>
      correction ? [[resourceId, correctionKey(diff)]] : [],
    ),
  );
  const adopted = active.filter(({ adopt }) => adopt).map(({ resourceId }) => resourceId);
  const kept: KeptRollout = { rollout, corrections, adopted };
  const row = rolloutRow(kept, nowMs);
  const about = { runtimeRunId, atMs: nowMs, goodAtMs: null };
  const events = active
    .filter(({ correction }) => correction)
    .map(({ resourceId, diff }) => ({
      type: reconcileEvents.driftFound,
      payload: { resource_id: resourceId, drift: diff.changes.map((one) => jsonOf({ ...one })) },
    }));
  const known = await Promise.all(
    active.map(({ resourceId, revisionHash }) => deployment.revision(provider.id, resourceId, revisionHash)),
  );
  const wasGood = new Map(
    known.flatMap((one) =>
      one === null ? [] : [[revisionKey(one.resourceId, one.desiredHash), one.goodAtMs]],
    ),
  );
  await ledger.record({
    events: [
      ...events,
      {
        type: reconcileEvents.rolloutChanged,
        payload: jsonOf({ ...rolloutPayload(rollout, "", stateSha256(row)) }),
      },
    ],
    deployment: {
      rollout: row,
      revisions: active.flatMap(({ resourceId, revisionHash }) => {
        const stored = ways.get(resourceId)?.stored;
        const before = stored === undefined ? [] : [revisionRow(provider.id, stored, about)];
        const revision = revisions.get(resourceId);
        const goodAtMs = wasGood.get(revisionKey(resourceId, revisionHash)) ?? null;
        if (revision === undefined) return before;
        return [...before, revisionRow(provider.id, revision, { ...about, goodAtMs })];
      }),
    },
  });
  return kept;
}

/** Putting back what somebody changed needs no steps; should it not get healthy, there is nothing to go back to. */
function correcting(strategy: Strategy): Strategy {
  return {
    ...strategy,
    kind: "all_at_once",
    of: "resources",
    steps: [{ amount: { share: 1 }, bakeMs: 0, pause: false }],
    approval: false,
    rollbackOnFailure: false,
  };
}
