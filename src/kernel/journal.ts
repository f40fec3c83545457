/**
 * Collects one turn: its events with their numbers, the rows that follow from them and the decisions made on the way.
 * It writes nothing itself; the loop hands the whole turn to the store at once.
 */
import { eventIdOf } from "../evidence/project.ts";
import type { JsonObject } from "../json/value.ts";
import type { Decision } from "../policy/model.ts";
import type { ActionRow, DecisionRow, DeploymentTurn, NewEvent, RunRow, Turn } from "../store/contract.ts";
import { DecisionDigest } from "./decision-digest.ts";
import type { Item } from "./model.ts";

export interface Journal {
  /** Appends an event and returns its number. */
  event(type: string, payload: string, atMs: number): number;
  /** Records where an item stands since event `seq`. */
  row(item: Item, seq: number): void;
  decision(decision: Decision, context: JsonObject, atMs: number): void;
  run(values: NonNullable<Turn["run"]>): void;
  /** Records that the event `seq` says that the signal was taken. */
  signal(id: string, seq: number): void;
  /** What changes in the scope's deployment with this turn; one a turn. */
  deployment(changes: DeploymentTurn): void;
  /** The number of all decisions of the run so far and the digest over them. */
  decisions(): { readonly count: number; readonly sha256: string };
  eventId(type: string, atMs: number, seq: number): string;
  readonly lastSeq: number;
  readonly empty: boolean;
  /** The turn so far; the journal starts the next one. */
  take(): Turn;
}

/** Where the journal goes on; a new run's starts at nothing. */
export interface JournalStart {
  readonly lastSeq: number;
  readonly digest: DecisionDigest;
}

export function createJournal(
  runtimeRunId: string,
  { lastSeq, digest }: JournalStart = { lastSeq: 0, digest: new DecisionDigest() },
): Journal {
  let seq = lastSeq;
  let signals: { readonly id: string; readonly seq: number }[] = [];
  /** Of the turn's decisions, those that the digest has. */
  let digested = 0;
  let events: NewEvent[] = [];
  let actions: ActionRow[] = [];
  let decisions: DecisionRow[] = [];
  let run: Partial<RunRow> | undefined;
  let deployment: DeploymentTurn | undefined;
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
    signal(id, atSeq) {
      signals.push({ id, seq: atSeq });
    },
    deployment(changes) {
      deployment = changes;
    },
    decisions() {
      digest.add(decisions.slice(digested));
      digested = decisions.length;
      return { count: digest.count, sha256: digest.sha256() };
    },
    run(values) {
      run = { ...run, ...values };
    },
    eventId: (type, atMs, eventSeq) => eventIdOf(runtimeRunId, type, atMs, eventSeq),
    get lastSeq() {
      return seq;
    },
    get empty() {
      return events.length === 0 && decisions.length === 0 && run === undefined && deployment === undefined;
    },
    take() {
      digest.add(digested === 0 ? decisions : decisions.slice(digested));
      const turn: Turn = {
        events,
        actions,
        decisions,
        ...(run === undefined ? {} : { run }),
        ...(signals.length === 0 ? {} : { signals }),
        ...(deployment === undefined ? {} : { deployment }),
      };
      events = [];
      actions = [];
      decisions = [];
      digested = 0;
      signals = [];
      run = undefined;
      deployment = undefined;
      return turn;
    },
  };
}
