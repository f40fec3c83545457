/** A world in memory to reconcile: a provider that can be slow, blind or stubborn, a scope, a ledger, and time that jumps. */

import { AkcError } from "../../src/errors.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import { createJournal } from "../../src/kernel/journal.ts";
import { createReconcileLedger } from "../../src/kernel/reconcile-ledger.ts";
import type { RunPolicy } from "../../src/policy/model.ts";
import type { DesiredResource, Observation, Provider } from "../../src/providers/contract.ts";
import { createInMemoryProvider } from "../../src/providers/in-memory.ts";
import type { Measurement } from "../../src/reconciler/drive.ts";
import { type Reconciled, type ReconcileInput, reconcile } from "../../src/reconciler/reconcile.ts";
import { strategyOf } from "../../src/reconciler/rollout/strategy.ts";
import { createMemoryScope, type MemoryScope } from "../../src/store/deployment/memory.ts";
import { createMemoryRun, type MemoryRun } from "../../src/store/memory.ts";
import type { Clock } from "../../src/system/clock.ts";
import { policy } from "../kernel/world.ts";

/** Sleeps take no time; the clock does. */
export function jumpingClock(): Clock {
  let nowMs = 1_700_000_000_000;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
      await Promise.resolve();
    },
  };
}

export function desired(
  id: string,
  more: { spec?: JsonObject; dependsOn?: readonly string[] } = {},
): DesiredResource {
  const { spec = {}, dependsOn = [] } = more;
  const intent = { node_id: id, spec, depends_on: [...dependsOn] };
  return {
    resourceId: id,
    resourceClass: "service",
    name: id,
    desiredHash: fingerprint(intent),
    intent,
    settings: {},
    dependsOn,
  };
}

/** What a change did, in order: `apply a`, `delete b`. */
export interface World {
  readonly provider: Provider;
  readonly log: string[];
  /** Looks at everything. */
  looks: number;
  /** What is seen instead of what stands. */
  readonly sights: Map<string, (seen: Observation) => Observation>;
  /** Throws instead of changing. */
  readonly refusals: Map<string, () => void>;
}

export function inMemoryWorld(inner: Provider = createInMemoryProvider()): World {
  const log: string[] = [];
  const sights: World["sights"] = new Map();
  const refusals: World["refusals"] = new Map();
  const world: World = {
    log,
    looks: 0,
    sights,
    refusals,
    provider: {
      ...inner,
      async observe(revisions, owned, call) {
        world.looks += 1;
        const seen = await inner.observe(revisions, owned, call);
        return seen.map((one) => sights.get(one.resourceId)?.(one) ?? one);
      },
      async apply(change, call) {
        refusals.get(change.revision.resourceId)?.();
        await inner.apply(change, call);
        log.push(`apply ${change.revision.resourceId}`);
      },
      async delete(deletion, call) {
        refusals.get(deletion.resource.resourceId)?.();
        await inner.delete(deletion, call);
        log.push(`delete ${deletion.resource.resourceId}`);
      },
    },
  };
  return world;
}

export const unhealthy =
  (health: "degraded" | "failed" | "unknown") =>
  (seen: Observation): Observation => {
    const { standing } = seen;
    return standing.kind === "present" ? { ...seen, standing: { ...standing, health } } : seen;
  };

/** Bears no mark of akc's. */
export const anothers = (seen: Observation): Observation => {
  const { standing } = seen;
  return standing.kind === "present" ? { ...seen, standing: { ...standing, owner: "other" } } : seen;
};

export const unseen = (seen: Observation): Observation => ({
  ...seen,
  standing: { kind: "unobservable", reason: "unreachable", message: "nobody answers" },
});

export function unavailable(): never {
  throw new AkcError("PROVIDER_FAILED", { message: "not now", details: { retryable: true } });
}

export interface PassOptions
  extends Partial<
    Pick<
      ReconcileInput,
      | "simulate"
      | "adopt"
      | "planId"
      | "insist"
      | "rolloutId"
      | "signal"
      | "exact"
      | "ignoredOf"
      | "waitForPerson"
    >
  > {
  readonly metadata?: JsonObject;
  readonly bundle?: string;
  readonly policy?: RunPolicy;
  readonly run?: MemoryRun;
  readonly clock?: Clock;
  readonly measure?: () => Promise<Measurement>;
  readonly onRollout?: ReconcileInput["onRollout"];
}

export interface Pass extends Reconciled {
  readonly events: readonly { readonly type: string; readonly payload: JsonObject }[];
}

/** One reconciliation of these resources, as another process would make it. */
export async function pass(
  world: World,
  wanted: readonly DesiredResource[],
  scope: MemoryScope = createMemoryScope(),
  options: PassOptions = {},
): Promise<Pass> {
  const process = await startProcess(world, wanted, scope, options);
  try {
    return { ...(await reconcile(process.input)), events: process.events };
  } finally {
    await process.end();
  }
}

/** A process that holds the scope: all that it reconciles with, and what it has recorded until now. */
export async function startProcess(
  world: World,
  wanted: readonly DesiredResource[],
  scope: MemoryScope = createMemoryScope(),
  options: PassOptions = {},
) {
  const { clock = jumpingClock(), metadata = {}, onRollout } = options;
  const run = options.run ?? createMemoryRun("rt-1", scope);
  await run.holdScope(clock.nowMs());
  const journal = createJournal("rt-1");
  const events: Pass["events"][number][] = [];
  const ledger = createReconcileLedger({
    journal,
    clock,
    emit(type, payload, text, atMs) {
      events.push({ type, payload });
      journal.event(type, text, atMs);
    },
    commit: () => run.commit(journal.take()),
  });
  const input: ReconcileInput = {
    provider: world.provider,
    scope: "acme/shop",
    runtimeRunId: "rt-1",
    policy: options.policy ?? policy(),
    deployment: scope.deployment,
    ledger,
    clock,
    signal: options.signal ?? new AbortController().signal,
    measure: options.measure ?? (async () => ({ verdict: "pass", message: "", evidence: {} })),
    waitForPerson: options.waitForPerson ?? false,
    exact: options.exact ?? false,
    ignoredOf: options.ignoredOf ?? (() => []),
    desired: wanted,
    bundleSha256: options.bundle ?? fingerprint(wanted.map(({ desiredHash }) => desiredHash)),
    strategy: strategyOf(metadata, { mode: "enforce", resources: wanted.length }),
    gate: { kind: "permissive", unknownGraceMs: 0 },
    simulate: options.simulate ?? false,
    adopt: options.adopt ?? false,
    insist: options.insist ?? false,
    newRolloutId: () => Bun.randomUUIDv7(),
    attempt: { attempt: 1, max: 1, intervalMs: 0, startedMs: clock.monotonicMs() },
    ...(options.planId === undefined ? {} : { planId: options.planId }),
    ...(options.rolloutId === undefined ? {} : { rolloutId: options.rolloutId }),
    ...(onRollout === undefined ? {} : { onRollout }),
  };
  return { input, run, events, end: () => run.close() };
}
