/**
 * What was decided and done in a scope, a row each: attempts from their beginning to their end, gates that held one up, proposals,
 * recompiles, escalations and people's words. Looks and triggers are no rows. Pure.
 */
import type { AttemptKind, Entry, OpenAttempt, ScopeId, ScopeState, Word } from "../../autopilot/model.ts";
import { short, shutGates } from "./standing.ts";

export interface HistoryRow {
  readonly scope: ScopeId;
  /** When it was decided; of an attempt, when it ended, or began while it is open. */
  readonly atMs: number;
  /** The first of its facts, where it has several. */
  readonly beganAtMs?: number | undefined;
  readonly what: AttemptKind | "adoption" | "recompile" | "escalation" | "word" | "visit";
  /** A word for programs: how it ended, or where it stands. */
  readonly verdict: string;
  readonly bundleSha256?: string | undefined;
  readonly attemptId?: string | undefined;
  readonly runtimeRunId?: string | undefined;
  /** For people. */
  readonly why: string;
  /** Who wrote it. */
  readonly by: string;
}

interface Began {
  readonly atMs: number;
  readonly kind: AttemptKind;
  readonly bundleSha256: string;
  readonly runtimeRunId: string;
}

/**
 * @param entries in order; where an attempt began before the first of them, its kind is not known, and it is left out
 * @param state after the last of them: an attempt that is open is the last row
 */
export function historyRows(
  scope: ScopeId,
  entries: readonly Entry[],
  state: Pick<ScopeState, "attempt">,
): readonly HistoryRow[] {
  const began = new Map<string, Began>();
  const rows = entries.flatMap((entry) => rowOf(scope, entry, began) ?? []);
  return state.attempt === undefined ? rows : [...rows, openRow(scope, state.attempt, entries.at(-1))];
}

function rowOf(scope: ScopeId, entry: Entry, began: Map<string, Began>): HistoryRow | undefined {
  const { fact, atMs, writer: by } = entry;
  const common = { scope, atMs, by };
  switch (fact.type) {
    case "attempt_started": {
      const { attemptId, kind, bundleSha256, runtimeRunId } = fact.attempt;
      began.set(attemptId, { atMs, kind, bundleSha256, runtimeRunId });
      return undefined;
    }
    case "attempt_ended": {
      const start = began.get(fact.attemptId);
      if (start === undefined) return undefined;
      const { kind: what, atMs: beganAtMs, bundleSha256, runtimeRunId } = start;
      const { attemptId, verdict, message = "" } = fact;
      return { ...common, what, beganAtMs, verdict, bundleSha256, runtimeRunId, attemptId, why: message };
    }
    case "held": {
      const { kind: what, bundleSha256, attemptId, answers } = fact;
      const why = shutGates(answers)
        .map(({ gate, message }) => `${gate}: ${message}`)
        .join("; ");
      return { ...common, what, verdict: "held", bundleSha256, attemptId, why };
    }
    case "proposed": {
      const { kind: what, bundleSha256, attemptId, summary: why } = fact;
      return { ...common, what, verdict: "proposed", bundleSha256, attemptId, why };
    }
    case "adopted": {
      const { bundleSha256, runtimeRunId } = fact.deployed;
      const why = "what somebody has deployed is what stands from here on";
      return { ...common, what: "adoption", verdict: "adopted", bundleSha256, runtimeRunId, why };
    }
    case "recompile_ended": {
      const { attemptId, result: verdict, offer, message, errorCode, durationMs } = fact;
      const code = errorCode === undefined ? "" : ` [${errorCode}]`;
      const why = `${message ?? (offer === undefined ? "" : `it offered ${short(offer.bundleSha256)}`)}${code}`;
      const beganAtMs = atMs - durationMs;
      return {
        ...common,
        what: "recompile",
        beganAtMs,
        verdict,
        bundleSha256: offer?.bundleSha256,
        attemptId,
        why,
      };
    }
    case "escalated":
      return { ...common, what: "escalation", verdict: fact.reason, why: fact.message };
    case "word": {
      const { word, reason, bundleSha256 } = fact;
      return { ...common, by: fact.by, what: "word", verdict: saidAs[word], bundleSha256, why: reason };
    }
    case "visit_failed":
      return { ...common, what: "visit", verdict: "failed", why: `${fact.message} [${fact.code}]` };
    case "triggered":
    case "triggers_settled":
    case "recompile_started":
    case "offered":
    case "attempt_deployed":
    case "visit_recovered":
    case "scored":
      return undefined;
  }
}

const saidAs: Readonly<Record<Word, string>> = {
  pause: "paused",
  resume: "resumed",
  ack: "acknowledged",
  approve: "approved",
  deny: "denied",
};

function openRow(scope: ScopeId, attempt: OpenAttempt, last: Entry | undefined): HistoryRow {
  const { kind: what, attemptId, bundleSha256, runtimeRunId, startedAtMs, phase } = attempt;
  return {
    scope,
    atMs: startedAtMs,
    beganAtMs: startedAtMs,
    what,
    verdict: phase.kind,
    bundleSha256,
    attemptId,
    runtimeRunId,
    why: phase.kind === "baking" ? "it stands and is watched" : "it is under way",
    by: last?.writer ?? "",
  };
}
