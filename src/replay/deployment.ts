/**
 * Folds what reconciling told in its events: which changes were begun and not concluded, and where each rollout stands. Pure; it
 * says what an event cannot say after those before it, and keeps nothing that is concluded.
 */
import type { ReconcileFact } from "../kernel/recorded-reconcile.ts";
import type { LedgerFault } from "./ledger.ts";

/** A rollout as an event told of it. */
export interface ToldRollout {
  readonly seq: number;
  readonly atMs: number;
  readonly phase: string;
  readonly stateSha256: string;
}

type Fact = Exclude<ReconcileFact, { kind: "reconcile_finished" }>;

export class Deployment {
  /** Changes whose making was announced: one that a process died in stays here until somebody concludes it. */
  readonly #begun = new Set<string>();
  readonly #rollouts = new Map<string, ToldRollout>();
  /** As told since somebody last took the scope: between two such times another run may have gone on with any of them. */
  readonly #phases = new Map<string, string>();

  add(fact: Fact, seq: number, atMs: number): LedgerFault | undefined {
    switch (fact.kind) {
      case "reconcile_started":
        this.#phases.clear();
        return undefined;
      case "operation_started":
        this.#begun.add(keyOf(fact));
        return undefined;
      case "operation_finished":
        if (this.#begun.delete(keyOf(fact))) return undefined;
        return faultOf(`${fact.operationId} before`, "an operation that was started", "none");
      case "rollout_changed": {
        const { rolloutId, phase, previousPhase, stateSha256 } = fact;
        const before = this.#phases.get(rolloutId);
        this.#phases.set(rolloutId, phase);
        this.#rollouts.set(rolloutId, { seq, atMs, phase, stateSha256 });
        if (before === undefined || before === previousPhase) return undefined;
        return faultOf(`rollout ${rolloutId} phase before`, before, previousPhase);
      }
    }
  }

  get rollouts(): ReadonlyMap<string, ToldRollout> {
    return this.#rollouts;
  }
}

/** Two tries of one change are one change. */
function keyOf({ operationId, idempotencyKey }: { operationId: string; idempotencyKey: string }): string {
  return JSON.stringify([operationId, idempotencyKey]);
}

function faultOf(name: string, expected: string, found: string): LedgerFault {
  return { about: "deployment", name, expected, found };
}
