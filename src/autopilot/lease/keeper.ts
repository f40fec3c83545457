/**
 * Keeps the leases of a controller while it works: takes them, moves all of them on with one call at a third of their time, and says
 * the moment that one is over. What it says of a lease never rests on a timer that should have fired: it is worked out from the clocks
 * whenever it is asked, so it is right in the first line that runs after the process was stopped.
 *
 * A lease counts as lost when it was not moved on for five sixths of its time, by the monotonic clock or by the wall clock, whichever
 * is further: others may take it after all of it, and a wall clock that was set forward shows it to them as over.
 *
 * Source: spec cli §14.6; cli:W-17, W-18, W-19.
 */
import { AkcError } from "../../errors.ts";
import type { Clock } from "../../system/clock.ts";
import type { AutopilotStore, Fence } from "../contract.ts";
import { type ScopeId, scopeName } from "../model.ts";
import type { Held, LeaseAnswer, LeaseBackend, LeaseKeeper } from "./contract.ts";
import { createRenewal, type Refusal, type Renewable } from "./renewal.ts";

export interface KeeperParts {
  readonly store: Pick<AutopilotStore, "raiseFence" | "fence">;
  readonly backend: LeaseBackend;
  /** As in `Fence.holder`. */
  readonly holder: string;
  readonly clock: Clock;
  readonly ttlMs: number;
  /** Scopes whose leases have one name share one: it is asked for once. */
  readonly nameOf: (scope: ScopeId) => string;
  /** Each time that a scope's lease was taken, refused or lost. */
  readonly onAnswer?: (scope: ScopeId, answer: LeaseAnswer, streak: number) => void;
  /** Between 0 and 1; so that standbys do not all look at once. */
  readonly random?: () => number;
}

interface Place {
  readonly scope: ScopeId;
  right?: { readonly held: Held; readonly end: AbortController } | undefined;
  getting?: Promise<Held | undefined> | undefined;
}

interface Lease extends Renewable {
  readonly places: Map<string, Place>;
  last?: LeaseAnswer;
  /** How often in a row it was somebody else's. */
  streak: number;
  asking?: Promise<LeaseAnswer> | undefined;
  /** On the monotonic clock: not asked for again before. */
  nextLookMs: number;
}

/**
 * `hold` is cheap while a scope is somebody else's: it asks the backend once in a third of the time to live at most, and once more at the
 * end of a lease that was not moved on, so a standby calls it as often as it likes, every second or so. Ask `Held.lost` anew wherever something begins: reading it looks at the clocks.
 */
export function createLeaseKeeper(parts: KeeperParts): LeaseKeeper {
  const { store, backend, holder, clock, ttlMs, nameOf, random = Math.random } = parts;
  const leases = new Map<string, Lease>();
  let closed = false;

  const leaseOf = (scope: ScopeId): Lease | undefined => leases.get(nameOf(scope));

  const placeOf = (scope: ScopeId): { readonly lease: Lease; readonly place: Place } => {
    const name = nameOf(scope);
    const fresh = { name, places: new Map(), term: 0, streak: 0, nextLookMs: Number.NEGATIVE_INFINITY };
    const lease = leases.get(name) ?? fresh;
    leases.set(name, lease);
    const place = lease.places.get(scopeName(scope)) ?? { scope };
    lease.places.set(scopeName(scope), place);
    return { lease, place };
  };

  const tell = ({ streak }: Lease, { scope }: Place, answer: LeaseAnswer): void => {
    // Whoever listens must not be able to stop a renewal.
    queueMicrotask(() => parts.onAnswer?.(scope, answer, streak));
  };

  const endRight = (place: Place, message: string): boolean => {
    const { right } = place;
    place.right = undefined;
    right?.end.abort(
      new AkcError("LEASE_LOST", {
        message,
        hint: "What was under way stops; whoever holds the scope goes on with it.",
        details: { ...place.scope, holder, token: right.held.fence.token },
      }),
    );
    return right !== undefined;
  };

  const letGo = (lease: Lease): void => {
    lease.begun = undefined;
    lease.term += 1;
  };

  const lose = (lease: Lease, answer: Refusal): void => {
    letGo(lease);
    lease.last = answer;
    const { monotonicMs, wallMs } = renewal.now();
    if (answer.kind === "taken") lease.nextLookMs = nextLook(monotonicMs, wallMs, answer);
    const message =
      answer.kind === "taken" ? `another controller holds the lease: ${answer.by}` : answer.message;
    for (const place of lease.places.values()) if (endRight(place, message)) tell(lease, place, answer);
  };

  const renewal = createRenewal({
    backend,
    clock,
    ttlMs,
    held: () => [...leases.values()].filter(({ begun }) => begun !== undefined),
    renewed: (lease, answer) => {
      lease.last = answer;
    },
    lose,
  });

  const asked = async (lease: Lease): Promise<LeaseAnswer> => {
    const begun = renewal.now();
    const answer = await backend.acquire(lease.name, Math.floor(begun.wallMs)).catch(unknownFor);
    lease.last = answer;
    if (answer.kind === "held") {
      lease.streak = 0;
      lease.begun = begun;
      lease.term += 1;
      renewal.settle(lease);
      renewal.start();
      return lease.last;
    }
    if (answer.kind === "taken") lease.streak += 1;
    lease.nextLookMs = nextLook(begun.monotonicMs, begun.wallMs, answer);
    for (const place of lease.places.values()) tell(lease, place, answer);
    return answer;
  };

  /** Once in a third of the time, or at the very end of the other's time where that comes next. */
  const nextLook = (monotonicMs: number, wallMs: number, answer: LeaseAnswer): number => {
    const thirdMs = ttlMs / 3;
    const overMs = answer.kind === "taken" ? answer.expiresAtMs - wallMs : 0;
    // One that is moved on has more than two thirds left, whenever it is looked at.
    const atItsEnd = overMs > 0 && overMs < 2 * thirdMs;
    return monotonicMs + (atItsEnd ? overMs + random() * (ttlMs / 30) : thirdMs * (1 + random() / 5));
  };

  const get = async (lease: Lease, place: Place): Promise<Held | undefined> => {
    if (lease.begun === undefined) {
      if (lease.asking === undefined && clock.monotonicMs() < lease.nextLookMs) return undefined;
      lease.asking ??= asked(lease).finally(() => {
        lease.asking = undefined;
      });
      if ((await lease.asking).kind !== "held") return undefined;
    }
    const { term } = lease;
    let fence: Fence;
    try {
      fence = await store.raiseFence(place.scope, holder, clock.nowMs());
    } catch (cause) {
      await giveUp(lease, place, cause);
      return undefined;
    }
    renewal.settle(lease);
    // Lost, given back or taken anew meanwhile: this fence is nobody's.
    const still = !closed && lease.begun !== undefined && lease.term === term;
    if (!still || leases.get(lease.name)?.places.get(scopeName(place.scope)) !== place) return undefined;
    const end = new AbortController();
    const held: Held = {
      fence,
      get lost() {
        renewal.settle(lease);
        return end.signal;
      },
    };
    place.right = { held, end };
    if (lease.last !== undefined) tell(lease, place, lease.last);
    return held;
  };

  /** Whoever cannot write into a scope leaves it to others. */
  const giveUp = async (lease: Lease, place: Place, cause: unknown): Promise<void> => {
    lease.last = unknownFor(cause);
    tell(lease, place, lease.last);
    lease.nextLookMs = clock.monotonicMs() + (ttlMs / 3) * (1 + random() / 5);
    if (lease.begun === undefined || [...lease.places.values()].some(({ right }) => right !== undefined))
      return;
    letGo(lease);
    await giveBack([lease.name]);
  };

  /** After what is under way, which would take them once more. One that cannot be given back is over by itself soon. */
  const giveBack = async (names: readonly string[], asking: readonly unknown[] = []): Promise<void> => {
    const patience = new AbortController();
    const rest = Promise.all([renewal.underWay(), ...asking]);
    await Promise.race([rest, clock.sleep(ttlMs / 3, patience.signal)]);
    patience.abort();
    if (names.length > 0) await backend.release(names).catch(() => undefined);
  };

  return {
    async hold(scope) {
      if (closed) return undefined;
      const { lease, place } = placeOf(scope);
      renewal.settle(lease);
      const { right } = place;
      if (right !== undefined) {
        // A process that was stopped between taking a lease and raising its fence raises it when it is not its own any more.
        const fence = await store.fence(scope).catch(() => undefined);
        renewal.settle(lease);
        if (place.right === right && fence === undefined) return undefined;
        if (place.right === right && fence?.token === right.held.fence.token) return right.held;
        if (place.right === right) endRight(place, "another controller has raised the fence of the scope");
      }
      place.getting ??= get(lease, place).finally(() => {
        place.getting = undefined;
      });
      return place.getting;
    },
    last: (scope) => leaseOf(scope)?.last,
    deniedStreak: (scope) => leaseOf(scope)?.streak ?? 0,
    held() {
      for (const lease of leases.values()) renewal.settle(lease);
      return [...leases.values()].flatMap(({ places }) =>
        [...places.values()].flatMap(({ scope, right }) => (right === undefined ? [] : [scope])),
      );
    },
    async release(scope) {
      const free: string[] = [];
      const asking: unknown[] = [];
      for (const lease of leases.values()) {
        for (const [key, place] of lease.places) {
          if (scope !== undefined && key !== scopeName(scope)) continue;
          endRight(place, "the scope was given back");
          lease.places.delete(key);
        }
        if (lease.places.size > 0) continue;
        leases.delete(lease.name);
        asking.push(lease.asking);
        // Let go of because nobody heard that it was moved on: it may stand as ours all the same.
        const isDoubtful = lease.term > 0 && lease.last?.kind === "unknown";
        if (lease.begun !== undefined || lease.asking !== undefined || isDoubtful) free.push(lease.name);
        letGo(lease);
      }
      await giveBack(free, asking);
    },
    async close() {
      if (closed) return;
      closed = true;
      renewal.stop();
      await this.release();
      await backend.close();
    },
  };
}

function unknownFor(cause: unknown): LeaseAnswer {
  const message =
    cause instanceof AkcError
      ? `${cause.code}: ${cause.message}`
      : cause instanceof Error
        ? cause.message
        : String(cause);
  return { kind: "unknown", message, diagnostics: { error: message } };
}
