/**
 * Drives one rollout to where it ends or waits for a person: shows the machine what stands, does what it wants done, keeps every
 * step before and after it is made. It decides nothing of its own but whether the policy allows a change.
 *
 * Source: architecture "How a run flows"; spec reconcile §1.6, §16 no. 2; W-06, W-07, W-30.
 */
import type { JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import { decide } from "../policy/decide.ts";
import type { Decision, RunPolicy } from "../policy/model.ts";
import type { OwnedResource, Revision } from "../providers/contract.ts";
import type { DeploymentReader, DeploymentTurn } from "../store/contract.ts";
import { failpoint } from "../system/failpoint.ts";
import {
  type ChangeAction,
  type ChangeFacts,
  carryOut,
  finishedPayload,
  isAsBefore,
  operationOf,
  operationType,
  reasonOf,
  refusalBefore,
} from "./change.ts";
import { jsonOf } from "./json-of.ts";
import { Keeper, type KeeperDeps, type SeenUnit } from "./keeper.ts";
import { type KeptRollout, revisionOf } from "./kept.ts";
import { askWithin, type Fault, faultOf, type Looked, look } from "./look.ts";
import { reconcileEvents } from "./model.ts";
import type { PlannedChange } from "./plan.ts";
import { revisionKey } from "./revision-hash.ts";
import { ended, fold, foldLooks, next, wakeAtMs, wants } from "./rollout/machine.ts";
import {
  type Analysis,
  type Rollout,
  type RolloutAction,
  type RolloutInput,
  rolloutCommands,
  type Unit,
} from "./rollout/model.ts";
import { aimOf, sightOf } from "./sight.ts";

export interface Measurement {
  readonly verdict: "pass" | "fail" | "inconclusive" | "error";
  readonly message: string;
  readonly evidence: JsonObject;
}

export interface DriveDeps extends KeeperDeps {
  /** `tenant_id/repo_id` */
  readonly scope: string;
  readonly policy: RunPolicy;
  readonly deployment: DeploymentReader;
  /** Leaves the rollout where it is: another process goes on with it. */
  readonly signal: AbortSignal;
  measure(analysis: Analysis, signal: AbortSignal): Promise<Measurement>;
  /** Whether to stay while the rollout waits for a person. */
  readonly waitForPerson: boolean;
  /** Whether a change that finds the world moved is given up instead of tried anew. */
  readonly exact: boolean;
  /** JSON pointers of fields that may differ. */
  ignoredOf(resourceId: string): readonly string[];
}

export interface Driven {
  readonly rollout: Rollout;
  /** The last denial. */
  readonly denied?: Decision;
}

export class Drive {
  readonly #deps: DriveDeps;
  readonly #keeper: Keeper;
  readonly #planned: ReadonlyMap<string, PlannedChange>;
  readonly #adopted: ReadonlySet<string>;
  readonly #revisions = new Map<string, Revision>();
  readonly #underWay = new Map<string, Promise<void>>();
  /** Ends the measurement under way. */
  #measurement: AbortController | undefined;
  /** All that the inventory ever had meanwhile: what is gone from it is looked at still. */
  readonly #known = new Map<string, OwnedResource>();
  #rollout: Rollout;
  #looked: Looked | undefined;
  #lookTookMs = 0;
  #denied: Decision | undefined;
  #failure: unknown;
  /** Of a change, since the last look began. */
  #ended = Promise.withResolvers<void>();

  /** @param planned of the plan, by resource: what is told of each change */
  constructor(kept: KeptRollout, planned: ReadonlyMap<string, PlannedChange>, deps: DriveDeps) {
    this.#deps = deps;
    this.#rollout = kept.rollout;
    this.#keeper = new Keeper(kept, deps);
    this.#planned = planned;
    this.#adopted = new Set(kept.adopted);
  }

  /** @throws whatever the store throws; the rollout is as it was kept last */
  async run(): Promise<Driven> {
    const { signal, clock } = this.#deps;
    await this.#loadRevisions();
    try {
      while (!signal.aborted && this.#failure === undefined) {
        await this.#takeCommands();
        await this.#observe();
        // Whoever skips the analysis or goes back does not wait for what it might still say.
        if (this.#rollout.phase !== "analysing") this.#measurement?.abort();
        this.#start(next(this.#rollout, clock.nowMs()));
        await this.#keeper.keepLandmark(this.#rollout, this.#seen());
        if (this.#underWay.size === 0 && this.#isOver()) break;
        await this.#rest();
      }
    } finally {
      // However it ends: whoever takes the scope next must not meet a change of this one.
      await Promise.allSettled(this.#underWay.values());
    }
    if (this.#failure !== undefined) throw this.#failure;
    return { rollout: this.#rollout, ...(this.#denied === undefined ? {} : { denied: this.#denied }) };
  }

  #isOver(): boolean {
    return ended(this.#rollout) || (this.#rollout.phase === "paused" && !this.#deps.waitForPerson);
  }

  #fold(input: RolloutInput): void {
    this.#rollout = fold(this.#rollout, input, this.#deps.clock.nowMs());
  }

  async #loadRevisions(): Promise<void> {
    const { deployment, provider } = this.#deps;
    for (const { resourceId, targetHash, previousHash } of this.#rollout.units) {
      for (const hash of [targetHash, previousHash]) {
        const row = hash === null ? null : await deployment.revision(provider.id, resourceId, hash);
        if (row !== null) this.#revisions.set(revisionKey(resourceId, row.desiredHash), revisionOf(row));
      }
    }
  }

  async #takeCommands(): Promise<void> {
    for (const { number, rolloutId, command, by } of await this.#deps.deployment.openRequests()) {
      if (rolloutId !== this.#rollout.rolloutId) continue;
      const known = rolloutCommands.find((one) => one === command);
      if (known !== undefined) this.#fold({ kind: "command", command: known, by });
      await this.#keeper.keep(this.#rollout, { deployment: { requestsTaken: [number] } }, by);
    }
  }

  async #observe(): Promise<void> {
    const { provider, deployment, signal, ignoredOf, clock } = this.#deps;
    const aims = this.#rollout.units.map((unit) => this.#aim(unit));
    const asked = aims.filter((aim) => aim !== undefined);
    const leaving = this.#rollout.units.flatMap((unit) =>
      aimOf(unit) === null ? (this.#known.get(unit.resourceId) ?? []) : [],
    );
    const changing = new Set(this.#underWay.keys());
    this.#ended = Promise.withResolvers();
    const beganMs = clock.monotonicMs();
    this.#looked = await look(provider, deployment, asked, signal, leaving);
    this.#lookTookMs = clock.monotonicMs() - beganMs;
    const { observations, owned } = this.#looked;
    for (const row of owned) this.#known.set(row.resourceId, row);
    // It says nothing of what was being changed meanwhile, nor of what is on its way to another revision by now.
    const looks = this.#rollout.units
      .filter((unit, index) => !changing.has(unit.resourceId) && aims[index] === this.#aim(unit))
      .map((unit) =>
        sightOf(unit, observations.get(unit.resourceId), this.#aim(unit), ignoredOf(unit.resourceId)),
      );
    this.#rollout = foldLooks(this.#rollout, looks, clock.nowMs());
  }

  #aim(unit: Unit): Revision | undefined {
    const hash = aimOf(unit);
    return hash === null ? undefined : this.#revisions.get(revisionKey(unit.resourceId, hash));
  }

  #start(actions: readonly RolloutAction[]): void {
    for (const action of actions) {
      const key = action.kind === "measure" ? measuring : action.resourceId;
      if (this.#underWay.has(key) || !this.#mayBegin(action)) continue;
      const work = action.kind === "measure" ? this.#measure(action.analysis) : this.#change(action);
      const settled = work
        .catch((cause) => {
          this.#failure ??= cause;
        })
        .finally(() => {
          this.#underWay.delete(key);
          this.#ended.resolve();
        });
      this.#underWay.set(key, settled);
    }
  }

  /** Not what is out of sight, since nobody knows what it would do there; nor what is wanted no more since the one before began. */
  #mayBegin(action: RolloutAction): boolean {
    const seen = action.kind === "measure" ? undefined : this.#looked?.observations.get(action.resourceId);
    return seen?.standing.kind !== "unobservable" && wants(this.#rollout, action, this.#deps.clock.nowMs());
  }

  async #measure(analysis: Analysis): Promise<void> {
    const { rolloutId, step } = this.#rollout;
    const unwanted = new AbortController();
    this.#measurement = unwanted;
    const signal = AbortSignal.any([this.#deps.signal, unwanted.signal]);
    const { verdict, message, evidence } = await this.#deps.measure(analysis, signal);
    if (signal.aborted) return;
    this.#fold({ kind: "measured", step, verdict, message });
    const payload = {
      rollout_id: rolloutId,
      step: step + 1,
      analysis: analysis.name,
      verdict,
      message,
      dry_run: analysis.dryRun,
      evidence,
    };
    await this.#keeper.keep(this.#rollout, { events: [{ type: reconcileEvents.rolloutMeasured, payload }] });
  }

  /** Until it is begun nothing is waited for: the rollout is still the one that wanted it. */
  async #change(action: ChangeAction): Promise<void> {
    const { provider, policy, clock, signal } = this.#deps;
    const { resourceId, why } = action;
    const facts = this.#factsOf(action);
    const decision = decide(
      policy,
      why === "rollback" ? "service.reconcile.rollback" : "service.reconcile.apply",
    );
    const about = { resource_id: resourceId, operation_type: operationType(action, facts) };
    const decisions = [{ decision, about }];
    if (!decision.allowed) this.#denied = decision;
    const refusal = refusalBefore(action, facts, decision);
    if (refusal !== undefined) {
      this.#fold({ kind: "refused", resourceId, why, ...refusal, retryable: false });
      await this.#keeper.keep(this.#rollout, { decisions });
      return;
    }
    const operation = operationOf(action, facts);
    const updated = action.kind === "apply" ? (action.copies?.updated ?? null) : null;
    this.#fold({ kind: "begun", resourceId, why, updated });
    await this.#keeper.keep(this.#rollout, {
      events: [{ type: reconcileEvents.operationStarted, payload: jsonOf({ ...operation }) }],
      decisions,
      deployment: this.#keeper.intended(resourceId, facts),
    });
    failpoint("reconcile.intent_recorded");
    const startedMs = clock.monotonicMs();
    let fault: Fault | undefined;
    try {
      await askWithin(signal, limits.providerChangeMsMax, (call) =>
        carryOut(provider, action, facts, operation.idempotency_key, call),
      );
    } catch (cause) {
      // Nobody knows how far it came: whoever goes on looks for himself.
      if (signal.aborted) return;
      fault = faultOf(cause);
    }
    failpoint("reconcile.change_made");
    let deployment: DeploymentTurn = {};
    if (fault === undefined) this.#fold({ kind: "applied", resourceId, why });
    else {
      const { code, message } = fault;
      const reason = reasonOf(code);
      const retryable = code === "PROVIDER_CONFLICT" ? !this.#deps.exact : fault.retryable;
      this.#fold({ kind: "refused", resourceId, why, reason, message, retryable });
      if (isAsBefore(resourceId, facts, reason)) deployment = this.#keeper.withdrawn(resourceId, facts);
    }
    const payload = finishedPayload(operation, fault, clock.monotonicMs() - startedMs);
    await this.#keeper.keep(this.#rollout, {
      events: [{ type: reconcileEvents.operationFinished, payload }],
      deployment,
    });
    failpoint("reconcile.change_recorded");
  }

  #factsOf(action: ChangeAction): ChangeFacts {
    const { resourceId, why } = action;
    const planned = this.#planned.get(resourceId);
    const unit = this.#rollout.units.find((one) => one.resourceId === resourceId);
    // Once it was touched, what stands is of this rollout's own making.
    const isFirst = why === "rollout" && unit?.state === "waiting" && !unit.touched;
    const adopt = planned?.adopt === true || this.#adopted.has(resourceId);
    return {
      scope: this.#deps.scope,
      rollout: this.#rollout,
      planned,
      adopt,
      ...(this.#deps.exact && isFirst && planned !== undefined
        ? { onlyVersion: planned.expectedVersion }
        : {}),
      observation: this.#looked?.observations.get(resourceId),
      owned: this.#looked?.owned.find((one) => one.resourceId === resourceId),
      revision:
        action.kind === "apply" ? this.#revisions.get(revisionKey(resourceId, action.hash)) : undefined,
    };
  }

  #seen(): readonly SeenUnit[] {
    return this.#rollout.units.map((unit) => ({
      unit,
      aim: this.#aim(unit),
      observation: this.#looked?.observations.get(unit.resourceId),
    }));
  }

  /** Until something is done, something is due, or it is time to look again. */
  async #rest(): Promise<void> {
    const { clock, signal } = this.#deps;
    const dueMs = wakeAtMs(this.#rollout, clock.nowMs());
    const untilDue = dueMs === null ? limits.rolloutPollMs : dueMs - clock.nowMs();
    // Many changes end shortly one after the other: looking at everything after each of them would be most of the work.
    const restMs = Math.min(limits.rolloutPollMs, this.#lookTookMs * restPerLook);
    if (this.#underWay.size > 0) await clock.sleep(restMs, signal);
    const pollMs = Math.max(pauseMsMin, restMs, Math.min(limits.rolloutPollMs, untilDue));
    await Promise.race([this.#ended.promise, clock.sleep(pollMs, signal)]);
  }
}

const measuring = "\nmeasuring";
const pauseMsMin = 10;
const restPerLook = 3;
