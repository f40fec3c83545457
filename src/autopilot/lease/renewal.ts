/**
 * Moves on all leases that are held, with one call at a third of their time, and ends those that were not moved on in time. It knows
 * nothing of scopes and fences, and nothing ticks while nothing is held.
 */
import type { Clock } from "../../system/clock.ts";
import type { LeaseAnswer, LeaseBackend } from "./contract.ts";

/** Both clocks at one moment. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface Renewable {
  readonly name: string;
  /** When the taking or the renewal that holds now was begun; absent while it is not held. */
  begun?: Moment | undefined;
  /** Grows whenever it is taken or let go, so that an answer that comes late is known as one. */
  term: number;
}

/** Why something is not held. */
export type Refusal = Exclude<LeaseAnswer, { readonly kind: "held" }>;

export interface RenewalParts<L extends Renewable> {
  readonly backend: LeaseBackend;
  readonly clock: Clock;
  readonly ttlMs: number;
  held(): readonly L[];
  renewed(lease: L, answer: LeaseAnswer): void;
  /** Must let it go. */
  lose(lease: L, answer: Refusal): void;
}

export interface Renewal<L extends Renewable> {
  now(): Moment;
  /** Loses it when the clocks say that it is over. Called before anything is said of a lease. */
  settle(lease: L): void;
  /** Something is held. */
  start(): void;
  /** Resolves when no call is under way. */
  underWay(): Promise<void>;
  stop(): void;
}

export function createRenewal<L extends Renewable>(parts: RenewalParts<L>): Renewal<L> {
  const { backend, clock, ttlMs } = parts;
  const renewMs = ttlMs / 3;
  const lostMs = (ttlMs * 5) / 6;
  const retryMs = ttlMs / 15;
  let wake = new AbortController();
  let keeping = false;
  let stopped = false;
  let call: Promise<void> | undefined;
  let nextMs = 0;

  const now = (): Moment => ({ monotonicMs: clock.monotonicMs(), wallMs: clock.nowMs() });

  /** Negative when it is over. */
  const leftMs = ({ begun }: Renewable): number =>
    begun === undefined
      ? 0
      : lostMs - Math.max(clock.monotonicMs() - begun.monotonicMs, clock.nowMs() - begun.wallMs);

  const settle = (lease: L): void => {
    if (lease.begun === undefined || leftMs(lease) > 0) return;
    const diagnostics = { error: "lease_renewal_late", name: lease.name };
    parts.lose(lease, { kind: "unknown", message: "the lease was not renewed in time", diagnostics });
  };

  /** Sleeps until the next renewal or the next end of a lease. */
  const keep = async (): Promise<void> => {
    for (;;) {
      const held = parts.held();
      if (stopped || held.length === 0) break;
      const dueMs = call === undefined ? nextMs - clock.monotonicMs() : Number.POSITIVE_INFINITY;
      wake = new AbortController();
      await clock.sleep(Math.max(Math.min(...held.map(leftMs), dueMs), 0) + 1, wake.signal);
      for (const lease of parts.held()) settle(lease);
      if (call === undefined && clock.monotonicMs() >= nextMs && !stopped) {
        call = renewAll().finally(() => {
          call = undefined;
          wake.abort();
        });
      }
    }
    keeping = false;
  };

  const renewAll = async (): Promise<void> => {
    const asked = parts.held().map((lease) => ({ lease, term: lease.term }));
    const names = asked.map(({ lease }) => lease.name);
    if (names.length === 0) return;
    const begun = now();
    const answers = await backend
      .renew(names, Math.floor(begun.wallMs))
      .catch((cause: unknown) => new Map(names.map((name) => [name, notTold(String(cause))])));
    let all = true;
    for (const { lease, term } of asked) {
      settle(lease);
      // An answer about a time that is over says nothing of now.
      if (lease.begun === undefined || lease.term !== term) continue;
      const answer = answers.get(lease.name) ?? notTold("lease_not_answered");
      if (answer.kind === "taken") {
        parts.lose(lease, answer);
        continue;
      }
      if (answer.kind === "held") lease.begun = begun;
      else all = false;
      parts.renewed(lease, answer);
    }
    // What nobody could tell is asked again soon; the clocks say when that is too late.
    nextMs = all ? begun.monotonicMs + renewMs : clock.monotonicMs() + retryMs;
  };

  return {
    now,
    settle,
    start() {
      if (!keeping) nextMs = clock.monotonicMs() + renewMs;
      wake.abort();
      if (keeping || stopped) return;
      keeping = true;
      void keep();
    },
    async underWay() {
      await call;
    },
    stop() {
      stopped = true;
      wake.abort();
    },
  };
}

function notTold(message: string): LeaseAnswer {
  return { kind: "unknown", message, diagnostics: { error: message } };
}
