/** A controller in the hand: what it shows and tells is what a test says. */

import type { Controller, ControllerStatus, ScopeStatus, Telling } from "../../../src/autopilot/contract.ts";
import { emptyState } from "../../../src/autopilot/machine.ts";
import type { Budgets, Entry, Fact, RunOutcome, ScopeId, ScopeState } from "../../../src/autopilot/model.ts";

export const shop: ScopeId = { tenantId: "acme", repoId: "shop" };

export const emptyScope: ScopeState = emptyState();

export const someBudgets: Budgets = {
  mutationsPerDay: 8,
  rollbacksPerDay: 4,
  rollbacksPerDayBeforeEscalation: 3,
  concurrentRollouts: 1,
  consecutiveFailures: 2,
  cooldownAfterFailureMs: 300_000,
  cooldownAfterPolicyDenyMs: 600_000,
};

export function scopeStatus(change: Partial<ScopeStatus> = {}): ScopeStatus {
  return { scope: shop, mode: "enforce", holding: true, state: emptyScope, visits: 3, ...change };
}

export class FakeController implements Controller {
  #listeners = new Set<(told: Telling) => void>();
  #seq = 0;
  readonly woken: (ScopeId | undefined)[] = [];
  now: ControllerStatus;

  constructor(change: Partial<ControllerStatus> = {}) {
    this.now = {
      holder: "ctl@host:1:0011",
      phase: "running",
      startedAtMs: Date.now() - 60_000,
      observedAtMs: Date.now(),
      turns: 7,
      lastTurnMonotonicMs: performance.now(),
      lastStoreProofMonotonicMs: performance.now(),
      config: { loadedAtMs: Date.now() - 60_000 },
      scopes: [scopeStatus()],
      ...change,
    };
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  show(change: Partial<ControllerStatus>): void {
    this.now = { ...this.now, ...change };
  }

  tell(told: Telling): void {
    for (const listener of this.#listeners) listener(told);
  }

  fact(fact: Fact, atMs = Date.now(), scope: ScopeId = shop): Entry {
    this.#seq += 1;
    const entry = { seq: this.#seq, atMs, writer: this.now.holder, token: 1, fact, sha256: "0".repeat(64) };
    this.tell({ kind: "entry", scope, entry });
    return entry;
  }

  status(): ControllerStatus {
    return this.now;
  }

  listen(listener: (told: Telling) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  wake(scope?: ScopeId): void {
    this.woken.push(scope);
  }

  async reload() {
    return { ok: true, message: "" };
  }

  async drain() {}
  abort() {}
}

export function runOutcome(change: Partial<RunOutcome> = {}): RunOutcome {
  return {
    healthy: true,
    outcome: "succeeded",
    exitCode: 0,
    converged: true,
    rollbacks: 0,
    rollbacksSucceeded: 0,
    convergenceMs: 1_500,
    startedAtMs: 1_000,
    finishedAtMs: 3_000,
    ...change,
  };
}

/** The life of one attempt, told: begun, deployed, ended. */
export function liveAttempt(
  controller: FakeController,
  attemptId: string,
  verdict: "kept" | "failed" | "rolled_back" = "kept",
  startedAtMs = Date.now() - 90_000,
): void {
  const bundleSha256 = "ab".repeat(32);
  controller.fact(
    {
      type: "attempt_started",
      attempt: {
        attemptId,
        kind: "rollout",
        bundlePath: "/srv/b.json",
        bundleSha256,
        runtimeRunId: Bun.randomUUIDv7(),
        triggerIds: [],
      },
      answers: [],
    },
    startedAtMs,
  );
  if (verdict !== "failed") {
    const run = runOutcome({ startedAtMs: startedAtMs + 500, finishedAtMs: startedAtMs + 3_000 });
    controller.fact(
      { type: "attempt_deployed", attemptId, run, bakeUntilMs: startedAtMs + 60_000 },
      startedAtMs + 3_000,
    );
  }
  const run =
    verdict === "failed"
      ? runOutcome({
          healthy: false,
          errorCode: "TOOL_TIMEOUT",
          startedAtMs: startedAtMs + 500,
          finishedAtMs: startedAtMs + 3_000,
        })
      : undefined;
  controller.fact(
    { type: "attempt_ended", attemptId, verdict, run, message: `it was ${verdict}` },
    startedAtMs + 63_000,
  );
}
