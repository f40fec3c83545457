/**
 * The nouns of a run under way: items, the facts that move them, and how a run can end. Data only.
 */
import type { ActionError, ActionResult } from "../adapters/contract.ts";
import type { GraphNode, Transition } from "../bundle/model.ts";
import type { StepPlan } from "../coordination/model.ts";
import type { JsonObject } from "../json/value.ts";
import type { ActionPhase } from "../store/contract.ts";

/** The event that made an event action. */
export interface TriggeringEvent {
  readonly eventId: string;
  readonly type: string;
  readonly atMs: number;
  readonly payload: JsonObject;
}

/** One action of the run: a coordination step, or a node that an event triggered. */
export interface Item {
  readonly index: number;
  readonly actionId: string;
  readonly node: GraphNode;
  readonly step?: StepPlan;
  readonly trigger?: TriggeringEvent;
  readonly lane: Lane;
  /** Order among those that are ready: the smallest starts first. */
  readonly rank: number;
  readonly phase: ActionPhase;
  /** Attempts begun so far. */
  readonly attempt: number;
  /** Attempts that say nothing about the action and do not count against its tries: akc died, or the run was stopped. */
  readonly forgiven: number;
  /** Attempts that ended with akc itself. */
  readonly interruptions: number;
  /** 0 at first; one more each time the step is run again on request. */
  readonly generation: number;
  /** Predecessors and gates that have not succeeded yet. */
  readonly waitingFor: number;
  readonly outputSha256: string | null;
  /** Succeeded without having anything to execute. */
  readonly withoutEffect: boolean;
  /** While suspended: the signal it waits for; null when it waits for the clock alone. */
  readonly signal: string | null;
  /** When its retry or its wait is due, in milliseconds since the epoch; null when nothing but a signal ends the wait. */
  readonly dueAtMs: number | null;
}

/** Items that share a cap: one role's steps, or one node kind's event actions. */
export interface Lane {
  readonly name: string;
  readonly kind: "steps" | "events";
  readonly inFlightMax: number;
}

export type DeadLetterReason = "policy_denied" | "budget_exceeded" | "contract_violation" | "backend_error";

/** What can happen to an item. `index` is the item's. */
export type Fact =
  | { readonly kind: "allowed"; readonly index: number; readonly attempt: number }
  | {
      readonly kind: "completed";
      readonly index: number;
      readonly result: ActionResult;
      readonly transition: Transition;
    }
  | {
      readonly kind: "retried";
      readonly index: number;
      readonly reason: DeadLetterReason;
      readonly error: ActionError;
      readonly delayMs: number;
      readonly dueAtMs: number;
      /** What the attempt used. */
      readonly cost?: JsonObject;
    }
  | {
      readonly kind: "dead_lettered";
      readonly index: number;
      readonly reason: DeadLetterReason;
      readonly error: ActionError;
      readonly result?: ActionResult;
    }
  | {
      readonly kind: "blocked";
      readonly index: number;
      readonly by: readonly string[];
      readonly reason: BlockReason;
    }
  | { readonly kind: "cancelled"; readonly index: number; readonly reason: "stopped" | "deadline" }
  /** Its attempt was under way when the process that made it died. */
  | { readonly kind: "interrupted"; readonly index: number }
  | {
      readonly kind: "suspended";
      readonly index: number;
      /** Name of the signal it waits for; null when it waits for the clock alone. */
      readonly signal: string | null;
      /** When the clock ends the wait; null when only the signal does. */
      readonly dueAtMs: number | null;
    };

/** Why an item can never start. */
export type BlockReason = "predecessor_failed" | "dependency_failed" | "dependency_never_triggered";

export interface Counts {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly blocked: number;
  readonly denied: number;
  readonly cancelled: number;
  readonly retried: number;
  readonly running: number;
  readonly waiting: number;
  /** Succeeded without having anything to execute. */
  readonly withoutEffect: number;
}
