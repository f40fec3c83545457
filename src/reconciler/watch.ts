/**
 * Keeps what stands as it should stand: looks whenever the provider says that something may have changed, and at everything now
 * and then. A pass that finds nothing to do leaves no trace; only what failed waits longer each time.
 *
 * Source: controller-runtime (design only): level-based, keyed, de-duplicated; spec reconcile §3.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { jittered } from "./backoff.ts";
import { broughtBackIn } from "./brought-back.ts";
import { type Wanted, wantedOf } from "./look.ts";
import { isActive, type ReconcilePlan } from "./plan.ts";
import { KeyQueue, priorities } from "./queue.ts";
import { type Glance, glance, type Reconciled, type ReconcileInput, reconcile } from "./reconcile.ts";
import { standsWell } from "./stands-well.ts";

export interface WatchOptions {
  /** Between two looks at everything, without a word from the provider. */
  readonly resyncMs: number;
  /** Passes at most; absent: until the signal aborts. */
  readonly passesMax?: number | undefined;
  /** Called after every look, whether or not anything was done. */
  onLook?(plan: ReconcilePlan, passes: number): void;
  /** Called when something was done. */
  onPass?(result: Reconciled): void;
}

export interface Watched {
  /** Looks in all. */
  readonly looks: number;
  /** Those in which something was done. */
  readonly passes: number;
  readonly last?: Reconciled;
  /** Whether all stood as it should when it was looked at last. */
  readonly settled: boolean;
}

/** @throws whatever the ledger throws; what goes wrong at the provider is tried again */
export async function watch(
  input: Omit<ReconcileInput, "attempt">,
  { resyncMs, passesMax = Number.POSITIVE_INFINITY, onLook, onPass }: WatchOptions,
): Promise<Watched> {
  const { provider, clock, signal, desired, deployment } = input;
  const queue = new KeyQueue();
  const keys = desired.map(({ resourceId }) => resourceId);
  const everything = (priority: number, dueMs: number) => {
    for (const key of keys) queue.add(key, priority, dueMs);
  };
  let wake = () => {};
  const changed = (ids: readonly string[]) => {
    for (const id of ids.length === 0 ? keys : ids) queue.add(id, priorities.change, clock.nowMs());
    wake();
  };
  const listen = async () => provider.watch?.(changed, { signal });
  // Without its word there is still the look now and then.
  listen().catch(() => undefined);
  everything(priorities.resync, clock.nowMs());
  let looks = 0;
  let made = 0;
  let last: Reconciled | undefined;
  let settled = false;
  let wanted: Wanted | undefined;
  while (!signal.aborted && looks < passesMax) {
    const due = queue.take(clock.nowMs());
    const open = await deployment.openRollout();
    const again = open === null ? await askedFor() : undefined;
    if (due.length > 0 || open !== null || again !== undefined) {
      looks += 1;
      const result = await pass(new Set(due), again).catch((cause) => {
        if (!signal.aborted || signal.reason instanceof AkcError) throw cause;
        return undefined;
      });
      if (result !== undefined) {
        settled = result.converged;
        made += 1;
        last = result;
        onPass?.(result);
      }
      const key = `${input.runtimeRunId}\n${looks}`;
      everything(priorities.resync, clock.nowMs() + jittered(resyncMs, 0.1, key));
      if (looks >= passesMax) break;
    }
    await rest();
  }
  return { looks, passes: made, settled, ...(last === undefined ? {} : { last }) };

  /** The rollout of this run that has ended and that a person wants to go on: to be undone, or anew. */
  async function askedFor(): Promise<string | undefined> {
    for (const { rolloutId } of await deployment.openRequests()) {
      if ((await deployment.rollout(rolloutId))?.runtimeRunId === input.runtimeRunId) return rolloutId;
    }
    return undefined;
  }

  async function pass(only: ReadonlySet<string>, again?: string): Promise<Reconciled | undefined> {
    // A bundle does not change; what it could not be read for may have come back.
    const complete = wanted?.refused.length === 0 ? wanted : await wantedNow();
    if (complete === undefined) {
      settled = false;
      for (const key of keys) if (only.has(key)) queue.failed(key, clock.nowMs());
      return undefined;
    }
    wanted = complete;
    const seen = await glance({ ...input, wanted });
    const { plan, rollouts } = seen;
    onLook?.(plan, looks);
    settled = standsAll(seen, input);
    for (const { resourceId, type, blocked } of plan.changes) {
      // Looked at because of others it has not been waited for.
      if (!only.has(resourceId)) continue;
      if (blocked?.reason === "unobservable") queue.failed(resourceId, clock.nowMs());
      else if (blocked === undefined && type === "noop") queue.succeeded(resourceId);
    }
    const wasBroughtBack = broughtBackIn(rollouts);
    const active = plan.changes.filter(
      (change) =>
        isActive(change) &&
        (only.has(change.resourceId) || change.type === "delete") &&
        (change.correction || !wasBroughtBack(change)),
    );
    const isIdle = again === undefined && active.length === 0;
    if (isIdle && (await deployment.openRollout()) === null) return undefined;
    const allowed = new Set(active.map(({ resourceId }) => resourceId));
    const attempt = { attempt: 1, max: 1, intervalMs: 0, startedMs: clock.monotonicMs() };
    const word = again === undefined ? {} : { rolloutId: again };
    const result = await reconcile({ ...input, ...word, wanted, insist: false, only: allowed, attempt });
    for (const { resource_id: id, converged } of result.statuses) {
      if (converged) queue.succeeded(id);
      else if (allowed.has(id)) queue.failed(id, clock.nowMs());
    }
    return result;
  }

  /** Undefined where nothing can be worked out now: that is tried again. */
  async function wantedNow(): Promise<Wanted | undefined> {
    try {
      return await wantedOf(provider, desired, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      return undefined;
    }
  }

  async function rest(): Promise<void> {
    const dueMs = queue.nextDueMs() ?? clock.nowMs() + resyncMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    // A rollout may be asked to go on at any moment.
    const ms = Math.max(pauseMsMin, Math.min(dueMs - clock.nowMs(), limits.watchPollMs));
    await Promise.race([promise, clock.sleep(ms, signal)]);
  }
}

/** Whether nothing is left to do and everything is healthy, also what is not begun again by itself. */
function standsAll({ plan, looked }: Glance, { gate }: Pick<ReconcileInput, "gate">): boolean {
  return plan.changes.every((change) => standsWell(change, looked, gate));
}

const pauseMsMin = 10;
