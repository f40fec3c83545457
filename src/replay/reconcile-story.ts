/**
 * What reconciling did, in the order in which it happened: operations, rollbacks with their chains, rollouts with their phases. It
 * is fed event by event and reads nothing itself.
 *
 * Source: spec reconcile §5.6; reconcile:W-22.
 */
import { listAt, textAt } from "../bundle/member.ts";
import { present } from "../evidence/reconcile-status.ts";
import type { JsonObject } from "../json/value.ts";
import { reconcileEvents } from "../reconciler/model.ts";

export interface ToldEvent {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly payload: JsonObject;
}

interface ToldRollout {
  /** Of the last word about it. */
  payload: JsonObject;
  readonly phases: JsonObject[];
  readonly measurements: JsonObject[];
}

export class ReconcileStory {
  readonly #operations: { readonly id: string | undefined; told: JsonObject }[] = [];
  readonly #rollbacks: JsonObject[] = [];
  readonly #rollouts = new Map<string, ToldRollout>();

  /** Call it with every event, in order. */
  event(event: ToldEvent): void {
    const { type, payload } = event;
    switch (type) {
      case reconcileEvents.operationStarted: {
        const told = { ...placed(event, operationKeys), concluded: false };
        this.#operations.push({ id: textAt(payload, "operation_id"), told });
        return;
      }
      case reconcileEvents.operationFinished: {
        const told = { ...placed(event, operationKeys), concluded: true };
        const id = textAt(payload, "operation_id");
        const begun = this.#operations.findLast((one) => one.id === id && one.told["concluded"] === false);
        if (begun === undefined) {
          this.#operations.push({ id, told });
          return;
        }
        begun.told = { ...told, started_seq: begun.told["event_seq"] ?? 0 };
        return;
      }
      case reconcileEvents.rolledBack:
        this.#rollbacks.push({ ...placed(event, rollbackKeys), chain: listAt(payload, "chain") });
        return;
      case reconcileEvents.rolloutChanged: {
        const rollout = this.#rollout(payload);
        rollout.payload = payload;
        rollout.phases.push(placed(event, phaseKeys));
        return;
      }
      case reconcileEvents.rolloutMeasured:
        this.#rollout(payload).measurements.push(placed(event, measurementKeys));
        return;
    }
  }

  /** Keys in their order; empty when no event told a step of reconciling. */
  members(): JsonObject {
    if (this.#operations.length + this.#rollbacks.length + this.#rollouts.size === 0) return {};
    return {
      operations: this.#operations.map(({ told }) => told),
      rollbacks: this.#rollbacks,
      rollouts: [...this.#rollouts].map(([rollout_id, { payload, phases, measurements }]) => ({
        rollout_id,
        ...present(payload, ["plan_id", "strategy", "phase"]),
        phases,
        measurements,
      })),
    };
  }

  #rollout(payload: JsonObject): ToldRollout {
    const id = textAt(payload, "rollout_id") ?? "";
    const known = this.#rollouts.get(id);
    if (known !== undefined) return known;
    const fresh: ToldRollout = { payload: {}, phases: [], measurements: [] };
    this.#rollouts.set(id, fresh);
    return fresh;
  }
}

const operationKeys = [
  "operation_id",
  "operation_type",
  "resource_id",
  "resource_class",
  "desired_hash",
  "why",
  "plan_id",
  "rollout_id",
  "applied",
  "error",
  "error_code",
  "duration_ms",
];
const rollbackKeys = [
  "resource_id",
  "rollback_target_hash",
  "rollback_outcome",
  "observed_hash",
  "health_status",
  "error",
];
const phaseKeys = ["phase", "previous_phase", "step", "steps", "reason", "message", "by", "units"];
const measurementKeys = ["step", "analysis", "verdict", "message", "dry_run"];

function placed({ seq, atMs, payload }: ToldEvent, keys: readonly string[]): JsonObject {
  return { event_seq: seq, at_ms: atMs, ...present(payload, keys) };
}
