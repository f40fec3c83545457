/**
 * A scope's deployment in memory, with the lease of whoever deploys there: the same answers and refusals as the database's. It
 * changes nothing before the whole turn was looked at, and forgets with the process.
 */
import { limits } from "../../limits.ts";
import type {
  DeploymentReader,
  DeploymentTurn,
  Lease,
  OwnedRow,
  PlanRow,
  RevisionRow,
  RolloutRequest,
  RolloutRow,
  Store,
} from "../contract.ts";
import { lastGoodOf, namesIn, plansToDrop, revisionsToDrop, rolloutsToDrop } from "./kept.ts";
import {
  notToBeTaken,
  refuseRequest,
  rolloutIdCharsMin,
  rolloutOpen,
  scopeHeld,
  scopeLost,
  secondOpenRollout,
} from "./refusals.ts";

export interface MemoryScope extends Pick<Store, "deployment" | "scopeLease" | "requestRollout"> {
  /** @param held as the writer last had the scope. @throws AkcError SCOPE_HELD */
  hold(run: Lease, held: Lease | null, nowMs: number): Lease;
  /** @throws AkcError LEASE_LOST */
  renew(run: Lease, held: Lease, nowMs: number): Lease;
  /** Does nothing when somebody else has it. */
  release(held: Lease): void;
  /** Ends the hold of this run. */
  endHoldOf(runtimeRunId: string): void;
  /** Throws what is wrong with the turn; `apply` then cannot fail. @throws AkcError LEASE_LOST, INTERNAL */
  check(run: Lease, held: Lease | null, turn: DeploymentTurn): void;
  apply(turn: DeploymentTurn): void;
  /** @throws AkcError ROLLOUT_OPEN when the run's rollout is open */
  refuseNeededRun(runtimeRunId: string): void;
}

export interface MemoryScopeRules {
  /** How long a hold lasts without renewal. Without it, for ever: nobody dies alone within a process. */
  readonly leaseTtlMs?: number;
  /** Whether the holder is provably gone. */
  readonly isGone?: (lease: Lease) => boolean;
}

export function createMemoryScope({ leaseTtlMs, isGone = () => false }: MemoryScopeRules = {}): MemoryScope {
  // Maps keep the order in which keys came: what is put again as new is deleted first.
  const owned = new Map<string, OwnedRow>();
  const revisions = new Map<string, RevisionRow>();
  const rollouts = new Map<string, RolloutRow>();
  const plans = new Map<string, PlanRow>();
  const requests = new Map<number, RolloutRequest>();
  let lastRequest = 0;
  let lease: Lease | null = null;

  const open = () => [...rollouts.values()].find((row) => row.open) ?? null;
  const untilMs = (nowMs: number) =>
    leaseTtlMs === undefined ? Number.MAX_SAFE_INTEGER : nowMs + leaseTtlMs;
  const isOwn = (held: Lease | null): held is Lease => held !== null && lease?.token === held.token;
  const ofResource = (row: ResourceKey) =>
    newest(revisions).filter((one) => resourceKey(one) === resourceKey(row));

  const dropOld = (turn: DeploymentTurn): void => {
    const named = namesIn(open()?.state ?? null);
    // With its rollout's end what it named is needed no more.
    const touched = turn.rollout?.open === false ? [...revisions.values()] : (turn.revisions ?? []);
    for (const row of new Map(touched.map((one) => [resourceKey(one), one])).values()) {
      const standingHash = owned.get(resourceKey(row))?.desiredHash ?? null;
      for (const old of revisionsToDrop(ofResource(row), { named, standingHash }))
        revisions.delete(revisionKey(old));
    }
    for (const { rolloutId } of rolloutsToDrop(newest(rollouts))) rollouts.delete(rolloutId);
    if (turn.plan !== undefined || turn.rollout?.open === false) {
      for (const { planId } of plansToDrop(newest(plans), named)) plans.delete(planId);
    }
    for (const { number, rolloutId } of requests.values())
      if (!rollouts.has(rolloutId)) requests.delete(number);
  };

  return {
    deployment: {
      owned: async () => [...owned.values()].toSorted(byResource),
      revisions: async (providerId, resourceId) => ofResource({ providerId, resourceId }),
      revision: async (providerId, resourceId, desiredHash) =>
        revisions.get(revisionKey({ providerId, resourceId, desiredHash })) ?? null,
      async lastGood(providerId) {
        const ofProvider = newest(revisions).filter((row) => row.providerId === providerId);
        return [...Map.groupBy(ofProvider, resourceKey).values()]
          .flatMap((rows) => lastGoodOf(rows) ?? [])
          .toSorted(byResource);
      },
      rollouts: async (limit) => newest(rollouts).slice(0, limit),
      async rollout(id) {
        const whole = rollouts.get(id);
        if (whole !== undefined || id.length < rolloutIdCharsMin) return whole ?? null;
        const [only, ...others] = [...rollouts.values()].filter(({ rolloutId }) => rolloutId.startsWith(id));
        return others.length > 0 ? null : (only ?? null);
      },
      openRollout: async () => open(),
      plan: async (planId) => plans.get(planId) ?? null,
      openRequests: async () => [...requests.values()],
    } satisfies DeploymentReader,
    scopeLease: async () => (lease === null || lease.expiresAtMs === 0 ? null : lease),
    async requestRollout(request) {
      const ofRollout = [...requests.values()].filter(({ rolloutId }) => rolloutId === request.rolloutId);
      const same = ofRollout.find(({ command }) => command === request.command);
      if (same !== undefined) return same;
      refuseRequest(request, rollouts.get(request.rolloutId) ?? null, ofRollout.length);
      lastRequest += 1;
      const kept: RolloutRequest = { ...request, number: lastRequest };
      requests.set(kept.number, kept);
      return kept;
    },
    hold(run, held, nowMs) {
      const own = isOwn(held);
      if (lease !== null && !own && lease.expiresAtMs > nowMs && !isGone(lease)) throw scopeHeld(lease);
      const token = (lease?.token ?? 0) + (own ? 0 : 1);
      lease = { runtimeRunId: run.runtimeRunId, holder: run.holder, token, expiresAtMs: untilMs(nowMs) };
      return lease;
    },
    renew(run, held, nowMs) {
      if (!isOwn(held)) throw scopeLost(run, held);
      lease = { ...held, expiresAtMs: untilMs(nowMs) };
      return lease;
    },
    release(held) {
      if (isOwn(held)) lease = { ...held, expiresAtMs: 0 };
    },
    endHoldOf(runtimeRunId) {
      if (lease?.runtimeRunId !== runtimeRunId) return;
      lease = { ...lease, token: lease.token + 1, expiresAtMs: 0 };
    },
    check(run, held, { rollout, requestsTaken = [] }) {
      if (!isOwn(held)) throw scopeLost(run, held);
      const other = open();
      if (rollout?.open === true && other !== null && other.rolloutId !== rollout.rolloutId) {
        throw secondOpenRollout(rollout.rolloutId, other.rolloutId);
      }
      const seen = new Set<number>();
      for (const number of requestsTaken) {
        if (!requests.has(number) || seen.has(number)) throw notToBeTaken(number);
        seen.add(number);
      }
    },
    apply(turn) {
      for (const row of turn.owned ?? []) owned.set(resourceKey(row), { ...row });
      for (const row of turn.disowned ?? []) owned.delete(resourceKey(row));
      for (const row of turn.revisions ?? []) putNew(revisions, revisionKey(row), { ...row });
      if (turn.rollout !== undefined) rollouts.set(turn.rollout.rolloutId, { ...turn.rollout });
      if (turn.plan !== undefined) putNew(plans, turn.plan.planId, { ...turn.plan });
      for (const number of turn.requestsTaken ?? []) requests.delete(number);
      dropOld(turn);
    },
    refuseNeededRun(runtimeRunId) {
      const row = open();
      if (row?.runtimeRunId === runtimeRunId) throw rolloutOpen(runtimeRunId, row.rolloutId);
    },
  };
}

/** As the database holds leases: they end without renewal. */
export const leasesThatEnd: MemoryScopeRules = { leaseTtlMs: limits.leaseTtlMs };

type ResourceKey = Pick<RevisionRow, "providerId" | "resourceId">;

function resourceKey({ providerId, resourceId }: ResourceKey): string {
  return JSON.stringify([providerId, resourceId]);
}

function revisionKey(row: Pick<RevisionRow, "providerId" | "resourceId" | "desiredHash">): string {
  return JSON.stringify([row.providerId, row.resourceId, row.desiredHash]);
}

function newest<T>(rows: ReadonlyMap<unknown, T>): readonly T[] {
  return [...rows.values()].reverse();
}

function putNew<K, T>(rows: Map<K, T>, key: K, row: T): void {
  rows.delete(key);
  rows.set(key, row);
}

/** By code point, as SQLite compares text. */
function byResource(a: ResourceKey, b: ResourceKey): number {
  return (
    Buffer.compare(Buffer.from(a.providerId), Buffer.from(b.providerId)) ||
    Buffer.compare(Buffer.from(a.resourceId), Buffer.from(b.resourceId))
  );
}
