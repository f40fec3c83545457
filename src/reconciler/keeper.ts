/**
 * Keeps a rollout: every step of it in one transaction with why it was made and with what follows from it for the inventory and
 * for what can be gone back to. It decides nothing.
 *
 * Source: architecture "Events are the truth"; W-06.
 */
import type { JsonObject } from "../json/value.ts";
import type { Observation, OwnedResource, Provider, Revision } from "../providers/contract.ts";
import type { DeploymentTurn, OwnedRow, RevisionRow } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { type ChangeFacts, unlisted } from "./change.ts";
import { jsonOf } from "./json-of.ts";
import { type KeptRollout, ownedRow, revisionRow, rolloutRow, stateSha256 } from "./kept.ts";
import { type LedgerEntry, type ReconcileLedger, reconcileEvents } from "./model.ts";
import { absentHash } from "./plan.ts";
import { landmarkOf, rolloutPayload } from "./progress.ts";
import { revisionHash } from "./revision-hash.ts";
import type { Rollout, Unit } from "./rollout/model.ts";
import { aimOf } from "./sight.ts";
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

interface Waiting extends Partial<LedgerEntry> {
  readonly by: string | undefined;
}

/** A change that is about to be made. */
type Intended = Pick<ChangeFacts, "revision" | "observation" | "owned">;

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
  readonly #kept: Omit<KeptRollout, "rollout">;
  #phase: string;
  #landmark: string;
  /** Units whose way back was told. */
  readonly #back: Set<string>;
  /** Units of which the inventory says already that they arrived, with the state in which they did. */
  readonly #arrived = new Map<string, Unit["state"]>();

  /** As it is to be kept next, and what is to be kept with it. */
  #rollout: Rollout;
  #waiting: Waiting[] = [];
  #next: Promise<void> | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor({ rollout, ...kept }: KeptRollout, deps: KeeperDeps) {
    this.#deps = deps;
    this.#kept = kept;
    this.#rollout = rollout;
    this.#phase = rollout.phase;
    this.#landmark = landmarkOf(rollout);
    this.#back = new Set(rollout.units.filter(isBack).map(({ resourceId }) => resourceId));
  }

  /**
   * Records the rollout as it is now; `by` is who asked for it. What is kept at the same moment lands together: a rollout is
   * written whole each time, and of many changes at once each would write all of it.
   */
  keep(rollout: Rollout, entry: Partial<LedgerEntry> = {}, by?: string): Promise<void> {
    this.#rollout = rollout;
    this.#waiting.push({ ...entry, by });
    this.#next ??= this.#writeNext();
    return this.#next;
  }

  async #writeNext(): Promise<void> {
    await this.#written;
    // Whoever comes from here on is in the next one.
    this.#next = undefined;
    const entries = this.#waiting;
    this.#waiting = [];
    this.#written = this.#write(this.#rollout, entries);
    await this.#written;
  }

  async #write(rollout: Rollout, entries: readonly Waiting[]): Promise<void> {
    const { ledger, clock, onRollout } = this.#deps;
    const by = entries.findLast((entry) => entry.by !== undefined)?.by;
    const row = rolloutRow({ ...this.#kept, rollout }, clock.nowMs());
    const payload = jsonOf({ ...rolloutPayload(rollout, this.#phase, stateSha256(row), by) });
    this.#phase = rollout.phase;
    this.#landmark = landmarkOf(rollout);
    const events = entries.flatMap((entry) => entry.events ?? []);
    await ledger.record({
      events: [...events, { type: reconcileEvents.rolloutChanged, payload }],
      decisions: entries.flatMap((entry) => entry.decisions ?? []),
      deployment: { ...togetherOf(entries.map(({ deployment = {} }) => deployment)), rollout: row },
    });
    onRollout?.(rollout);
  }

  /** Records what only time and looking have changed, if it is worth it. */
  async keepLandmark(rollout: Rollout, units: readonly SeenUnit[]): Promise<void> {
    if (landmarkOf(rollout) === this.#landmark) return;
    const revisions = rollout.phase === "completed" ? this.#proven(units) : [];
    const events = units.flatMap((seen) => this.#wentBack(seen) ?? []);
    await this.keep(rollout, { events, deployment: { ...this.#arrivals(units), revisions } });
  }

  /** It is akc's from the intent on: if akc dies now, what it made or meant to delete must be found again. */
  intended(resourceId: string, { revision, observation, owned }: Intended): DeploymentTurn {
    const standing = observation?.standing;
    if (revision !== undefined) {
      const handle = standing?.kind === "present" ? standing.handle : (owned?.handle ?? {});
      return { owned: [this.#owning(revision, handle)] };
    }
    if (owned !== undefined) return {};
    return { owned: [this.#listed(unlisted(this.#deps.provider.id, resourceId, observation))] };
  }

  /** Of a change that was refused and has left everything as it was: then nothing is akc's that was not before. */
  withdrawn(resourceId: string, { owned }: Pick<Intended, "owned">): DeploymentTurn {
    if (owned !== undefined) return { owned: [this.#listed(owned)] };
    return { disowned: [{ providerId: this.#deps.provider.id, resourceId }] };
  }

  #owning(revision: Revision, handle: JsonObject): OwnedRow {
    const { resourceId, resourceClass, dependsOn } = revision;
    const desiredHash = revisionHash(revision);
    const providerId = this.#deps.provider.id;
    return this.#listed({ providerId, resourceId, resourceClass, desiredHash, dependsOn, handle });
  }

  #listed(resource: OwnedResource): OwnedRow {
    const { runtimeRunId, clock } = this.#deps;
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

  /**
   * How what was made can be found again is known only now that it stands; and what was deleted is akc's until it is seen to be
   * gone, since it may go slowly.
   */
  #arrivals(units: readonly SeenUnit[]): Pick<DeploymentTurn, "owned" | "disowned"> {
    const { id: providerId } = this.#deps.provider;
    const owned: OwnedRow[] = [];
    const disowned: { readonly providerId: string; readonly resourceId: string }[] = [];
    for (const { unit, aim, observation } of units) {
      const { resourceId, state } = unit;
      const standing = observation?.standing;
      if (state !== "settled" && state !== "rolled_back") this.#arrived.delete(resourceId);
      else if (this.#arrived.get(resourceId) !== state) {
        if (aimOf(unit) === null && standing?.kind === "absent") disowned.push({ providerId, resourceId });
        else if (aim !== undefined && standing?.kind === "present")
          owned.push(this.#owning(aim, standing.handle));
        else continue;
        this.#arrived.set(resourceId, state);
      }
    }
    return { owned, disowned };
  }

  /** Of a rollout that is complete, every revision is one that can be gone back to. */
  #proven(units: readonly SeenUnit[]): readonly RevisionRow[] {
    const { provider, runtimeRunId, clock } = this.#deps;
    const atMs = clock.nowMs();
    const about = { runtimeRunId, atMs, goodAtMs: atMs };
    return units.flatMap(({ aim }) => (aim === undefined ? [] : [revisionRow(provider.id, aim, about)]));
  }
}

function togetherOf(turns: readonly DeploymentTurn[]): DeploymentTurn {
  return {
    owned: turns.flatMap(({ owned = [] }) => owned),
    disowned: turns.flatMap(({ disowned = [] }) => disowned),
    revisions: turns.flatMap(({ revisions = [] }) => revisions),
    requestsTaken: turns.flatMap(({ requestsTaken = [] }) => requestsTaken),
  };
}
