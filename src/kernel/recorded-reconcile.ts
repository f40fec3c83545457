/**
 * Reads back what the events of reconciling say, as far as a run's history is held against them: which change was begun and
 * which was made, how a rollout went on, which decisions an end of a pass covers. Pure; it throws for `recorded.ts` to answer.
 *
 * Source: `reconciler/model.ts` says what is read here.
 */
import type { ArtifactRef } from "../adapters/contract.ts";
import { objectAt, objectsAt } from "../bundle/member.ts";
import type { JsonObject } from "../json/value.ts";
import { reconcileEvents } from "../reconciler/model.ts";
import { artifactRef, count, digest, optionalText, text } from "./payload-members.ts";

export type ReconcileFact =
  | { readonly kind: "reconcile_started" }
  | ({ readonly kind: "operation_started" } & OperationNames)
  | ({ readonly kind: "operation_finished" } & OperationNames)
  | {
      readonly kind: "rollout_changed";
      readonly rolloutId: string;
      readonly phase: string;
      /** Empty where the rollout began. */
      readonly previousPhase: string;
      /** Of the text of its state as the store keeps it from here on. */
      readonly stateSha256: string;
    }
  | {
      readonly kind: "rollout_measured";
      /** What outside systems said. */
      readonly files: readonly ArtifactRef[];
    }
  | {
      readonly kind: "reconcile_finished";
      readonly decisionCount: number;
      readonly decisionsSha256: string;
    };

interface OperationNames {
  readonly operationId: string;
  /** The same for every try of one change. */
  readonly idempotencyKey: string;
}

export const reconcileDecoders: readonly (readonly [string, (payload: JsonObject) => ReconcileFact])[] = [
  [reconcileEvents.started, () => ({ kind: "reconcile_started" })],
  [
    reconcileEvents.operationStarted,
    (payload) => ({ kind: "operation_started", ...operationNames(payload) }),
  ],
  [
    reconcileEvents.operationFinished,
    (payload) => ({ kind: "operation_finished", ...operationNames(payload) }),
  ],
  [
    reconcileEvents.rolloutChanged,
    (payload) => ({
      kind: "rollout_changed",
      rolloutId: text(payload, "rollout_id"),
      phase: text(payload, "phase"),
      previousPhase: optionalText(payload, "previous_phase") ?? "",
      stateSha256: digest(payload, "state_sha256"),
    }),
  ],
  [
    reconcileEvents.rolloutMeasured,
    (payload) => ({
      kind: "rollout_measured",
      files: objectsAt(objectAt(payload, "evidence"), "checks").flatMap((check) =>
        objectsAt(check, "files").map(artifactRef),
      ),
    }),
  ],
  [
    reconcileEvents.finished,
    (payload) => ({
      kind: "reconcile_finished",
      decisionCount: count(payload, "decision_count"),
      decisionsSha256: digest(payload, "decisions_sha256"),
    }),
  ],
];

function operationNames(payload: JsonObject): OperationNames {
  return {
    operationId: text(payload, "operation_id"),
    idempotencyKey: text(payload, "idempotency_key"),
  };
}
