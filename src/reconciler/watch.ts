/**
 * Keeps what stands as it should stand: looks whenever the provider says that something may have changed, and at everything now
 * and then. A pass that finds nothing to do leaves no trace; only what failed waits longer each time.
 *
 * Source: controller-runtime (design only): level-based, keyed, de-duplicated; spec reconcile §3.
 */
import { limits } from "../limits.ts";
import { jittered } from "./backoff.ts";
import { wasBroughtBack } from "./opening.ts";
import { isActive, type ReconcilePlan } from "./plan.ts";
import { KeyQueue, priorities } from "./queue.ts";
import { glance, type Reconciled, type ReconcileInput, reconcile } from "./reconcile.ts";

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
  /** Whether the last look found nothing to do. */
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
  const listening = provider.watch?.(
    (ids) => {
      for (const id of ids.length === 0 ? keys : ids) queue.add(id, priorities.change, clock.nowMs());
      wake();
    },
    { signal },
  );
  // Without its word there is still the look now and then.
  listening?.catch(() => undefined);
  everything(priorities.resync, clock.nowMs());
  let looks = 0;
  let passes = 0;
  let last: Reconciled | undefined;
  let settled = false;
  let blockedNow = 0;
  while (!signal.aborted && looks < passesMax) {
    const due = queue.take(clock.nowMs());
    if (due.length > 0 || (await deployment.openRollout()) !== null) {
      looks += 1;
      const result = await pass(new Set(due));
      settled = result === undefined ? blockedNow === 0 : result.converged;
      if (result !== undefined) {
        passes += 1;
        last = result;
        onPass?.(result);
      }
      const key = `${input.runtimeRunId}\n${looks}`;
      everything(priorities.resync, clock.nowMs() + jittered(resyncMs, 0.1, key));
      if (looks >= passesMax) break;
    }
    await rest();
  }
  return { looks, passes, settled, ...(last === undefined ? {} : { last }) };

  async function pass(only: ReadonlySet<string>): Promise<Reconciled | undefined> {
    const { plan, rollouts } = await glance(input);
    onLook?.(plan, looks);
    blockedNow = plan.changes.filter(({ blocked }) => blocked !== undefined).length;
    for (const { resourceId, blocked } of plan.changes) {
      if (blocked?.reason === "unobservable") queue.failed(resourceId, clock.nowMs());
    }
    const active = plan.changes.filter(
      (change) =>
        isActive(change) &&
        (only.has(change.resourceId) || change.type === "delete") &&
        (change.correction || !wasBroughtBack(change, rollouts)),
    );
    if (active.length === 0 && (await deployment.openRollout()) === null) return undefined;
    const allowed = new Set(active.map(({ resourceId }) => resourceId));
    const attempt = { attempt: 1, max: 1, intervalMs: 0, startedMs: clock.monotonicMs() };
    const result = await reconcile({ ...input, insist: false, only: allowed, attempt });
    for (const { resource_id: id, converged } of result.statuses) {
      if (converged) queue.succeeded(id);
      else if (allowed.has(id)) queue.failed(id, clock.nowMs());
    }
    return result;
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

const pauseMsMin = 10;
