/**
 * Collects one turn: its events with their numbers, the rows that follow from them and the decisions made on the way.
 * It writes nothing itself; the loop hands the whole turn to the store at once.
 */
import type { JsonObject } from "../json/value.ts";
import type { Decision } from "../policy/model.ts";
import type { ActionRow, DecisionRow, NewEvent, RunRow, Turn } from "../store/contract.ts";
import type { Item } from "./model.ts";

export interface Journal {
  /** Appends an event and returns its number. */
  event(type: string, payload: string, atMs: number): number;
  /** Records where an item stands since event `seq`. */
  row(item: Item, seq: number): void;
  decision(decision: Decision, context: JsonObject, atMs: number): void;
  run(values: NonNullable<Turn["run"]>): void;
  eventId(type: string, atMs: number, seq: number): string;
  readonly lastSeq: number;
  readonly empty: boolean;
  /** The turn so far; the journal starts the next one. */
  take(): Turn;
}

export function createJournal(runtimeRunId: string, lastSeq: number): Journal {
  let seq = lastSeq;
  let events: NewEvent[] = [];
  let actions: ActionRow[] = [];
  let decisions: DecisionRow[] = [];
  let run: Partial<RunRow> | undefined;
  return {
    event(type, payload, atMs) {
      seq += 1;
      events.push({ seq, type, atMs, payload });
      return seq;
    },
    row(item, atSeq) {
      actions.push({
        actionId: item.actionId,
        nodeId: item.node.nodeId,
        stepId: item.step?.stepId ?? null,
        phase: item.phase,
        attempt: item.attempt,
        seq: atSeq,
        outputSha256: item.outputSha256,
      });
    },
    decision(decision, context, atMs) {
      const { action, allowed, reason, source, rule, mode } = decision;
      decisions.push({
        seq: seq + 1,
        atMs,
        action,
        allowed,
        reason,
        source,
        rule,
        mode,
        context: JSON.stringify(context),
      });
    },
    run(values) {
      run = { ...run, ...values };
    },
    eventId: (type, atMs, eventSeq) => `${runtimeRunId}:${type}:${atMs}:${eventSeq}`,
    get lastSeq() {
      return seq;
    },
    get empty() {
      return events.length === 0 && decisions.length === 0 && run === undefined;
    },
    take() {
      const turn: Turn = { events, actions, decisions, ...(run === undefined ? {} : { run }) };
      events = [];
      actions = [];
      decisions = [];
      run = undefined;
      return turn;
    },
  };
}
