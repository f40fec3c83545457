/**
 * Keeps a rollout: every step of it in one transaction with why it was made and with what follows from it for the inventory and
 * for what can be gone back to. It decides nothing.
 *
 * Source: architecture "Events are the truth"; W-06.
 */
import type { JsonObject } from "../json/value.ts";
import type { Observation, Provider, Revision } from "../providers/contract.ts";
import type { OwnedRow, RevisionRow } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { jsonOf } from "./json-of.ts";
import { type KeptRollout, ownedRow, revisionRow, rolloutRow, stateSha256 } from "./kept.ts";
import { type LedgerEntry, type ReconcileLedger, reconcileEvents } from "./model.ts";
import { absentHash } from "./plan.ts";
import { landmarkOf, rolloutPayload } from "./progress.ts";
import { revisionHash } from "./revision-hash.ts";
import type { Rollout, Unit } from "./rollout/model.ts";
import { observedHash } from "./statuses.ts";

export interface KeeperDeps {
  readonly provider: Provider;
  readonly runtimeRunId: string;
  readonly ledger: ReconcileLedger;
  readonly clock: Clock;
  /** Called after every step that was kept. */
  onRollout?(rollout: Rollout): void;
}

/** A unit with the revision that it is on its way to, and how it was seen last. */
export interface SeenUnit {
  readonly unit: Unit;
  readonly aim: Revision | undefined;
  readonly observation: Observation | undefined;
}

const outcomes = {
  rolled_back: "rollback_applied",
  rollback_failed: "rollback_failed",
  rollback_unsupported: "rollback_unsupported",
} as const;

function isBack(unit: Unit): unit is Unit & { readonly state: keyof typeof outcomes } {
  return Object.hasOwn(outcomes, unit.state);
}

export class Keeper {
  readonly #deps: KeeperDeps;
  readonly #corrections: KeptRollout["corrections"];
  #phase: string;
  #landmark: string;
  /** Units whose way back was told. */
  readonly #back: Set<string>;

  constructor({ rollout, corrections }: KeptRollout, deps: KeeperDeps) {
    this.#deps = deps;
    this.#corrections = corrections;
    this.#phase = rollout.phase;
    this.#landmark = landmarkOf(rollout);
    this.#back = new Set(rollout.units.filter(isBack).map(({ resourceId }) => resourceId));
  }

  /** Records the rollout as it is now. `by` is who asked for it. */
  async keep(
    rollout: Rollout,
    { events = [], decisions = [], deployment = {} }: Partial<LedgerEntry> = {},
    by?: string,
  ): Promise<void> {
    const { ledger, clock, onRollout } = this.#deps;
    const row = rolloutRow({ rollout, corrections: this.#corrections }, clock.nowMs());
    const payload = jsonOf({ ...rolloutPayload(rollout, this.#phase, stateSha256(row), by) });
    this.#phase = rollout.phase;
    this.#landmark = landmarkOf(rollout);
    await ledger.record({
      events: [...events, { type: reconcileEvents.rolloutChanged, payload }],
      decisions,
      deployment: { ...deployment, rollout: row },
    });
    onRollout?.(rollout);
  }

  /** Records what only time and looking have changed, if it is worth it. */
  async keepLandmark(rollout: Rollout, units: readonly SeenUnit[]): Promise<void> {
    if (landmarkOf(rollout) === this.#landmark) return;
    const revisions = rollout.phase === "completed" ? this.#proven(units) : [];
    const events = units.flatMap((seen) => this.#wentBack(seen) ?? []);
    await this.keep(rollout, { events, deployment: { owned: this.#found(units), revisions } });
  }

  /** It is akc's from the intent on: if akc dies now, what it made must be found again. */
  owning(revision: Revision, handle: JsonObject): OwnedRow {
    const { resourceId, resourceClass, dependsOn } = revision;
    const { provider, runtimeRunId, clock } = this.#deps;
    const desiredHash = revisionHash(revision);
    const resource = { providerId: provider.id, resourceId, resourceClass, desiredHash, dependsOn, handle };
    return ownedRow(resource, { runtimeRunId, atMs: clock.nowMs() });
  }

  /** What became of the way back of a unit, told once. */
  #wentBack({ unit, observation }: SeenUnit): LedgerEntry["events"][number] | undefined {
    const { resourceId, previousHash, operation, message } = unit;
    if (!isBack(unit)) {
      this.#back.delete(resourceId);
      return undefined;
    }
    const { state } = unit;
    if (this.#back.has(resourceId)) return undefined;
    this.#back.add(resourceId);
    const standing = observation?.standing;
    const target = operation === "create" ? absentHash : (previousHash ?? "unknown");
    const payload: JsonObject = {
      resource_id: resourceId,
      rollback_target_hash: target,
      rollback_outcome: outcomes[state],
      chain: previousHash === null ? [] : [previousHash],
      observed_hash: observedHash(observation),
      health_status: standing?.kind === "present" ? standing.health : "unknown",
      ...(state === "rolled_back" || message === undefined ? {} : { error: message }),
    };
    return { type: reconcileEvents.rolledBack, payload };
  }

  /** How what was made can be found again is known only now that it stands. */
  #found(units: readonly SeenUnit[]): readonly OwnedRow[] {
    return units.flatMap(({ unit, aim, observation }) => {
      const standing = observation?.standing;
      const arrived = unit.state === "settled" || unit.state === "rolled_back";
      if (!arrived || aim === undefined || standing?.kind !== "present") return [];
      return [this.owning(aim, standing.handle)];
    });
  }

  /** Of a rollout that is complete, every revision is one that can be gone back to. */
  #proven(units: readonly SeenUnit[]): readonly RevisionRow[] {
    const { provider, runtimeRunId, clock } = this.#deps;
    const atMs = clock.nowMs();
    const about = { runtimeRunId, atMs, goodAtMs: atMs };
    return units.flatMap(({ aim }) => (aim === undefined ? [] : [revisionRow(provider.id, aim, about)]));
  }
}
