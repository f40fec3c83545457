/**
 * The documented output of a replay as text, PRETTY, in parts: a long history never stands in memory. It shows what the events
 * of a run say; whether the rest agrees with them is `verify.ts`'s to say.
 *
 * Source: spec cli §11, §1.1.
 */
import { AkcError } from "../errors.ts";
import { decisionJson } from "../evidence/decisions.ts";
import { type BundleFacts, noBundleFacts } from "../evidence/facts.ts";
import { factsOf } from "../evidence/facts-text.ts";
import { kernelHealth, worst } from "../evidence/health.ts";
import { RunProgress } from "../evidence/progress.ts";
import { EventProjector } from "../evidence/project.ts";
import { reconcileOutcomes } from "../evidence/reconcile-outcomes.ts";
import { Reconciliation } from "../evidence/reconcile-rows.ts";
import { EvidenceRows } from "../evidence/rows.ts";
import { ArrayText, prettyAt } from "../evidence/text/pretty.ts";
import { RowReader } from "../evidence/text/row-reader.ts";
import { ValidityRows } from "../evidence/validity-rows.ts";
import { prettyJson } from "../json/canonical.ts";
import type { JsonObject, JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { RunReader, RunRow } from "../store/contract.ts";
import { ReplayProjection } from "./projection.ts";
import { ReconcileStory } from "./reconcile-story.ts";

export const replayModes = ["runtime_replay", "reconcile_replay"] as const;
export type ReplayMode = (typeof replayModes)[number];

export interface ReplayInput {
  readonly reader: RunReader;
  readonly run: RunRow;
  readonly mode: ReplayMode;
  /** Whether a row an event is shown. */
  readonly transitions: boolean;
  /** Further members, beside the documented ones. */
  readonly added: JsonObject;
}

export async function* replayText(input: ReplayInput): AsyncGenerator<string> {
  const { run, mode, added } = input;
  const { projection, actionEvents, story } = await folded(input);
  const decisions = projection.reconcileDecisions();
  const shown = mode === "runtime_replay" && input.transitions;
  const members: Record<string, JsonValue> = {
    runtime_run_id: run.context.runtimeRunId,
    mode,
    transition_count: mode === "runtime_replay" ? actionEvents : 0,
    reconcile_decision_count: decisions.length,
    terminal_health_status: projection.terminalHealth,
    reconcile_decisions: decisions,
    ...(shown || mode === "reconcile_replay" ? { transitions: [] } : {}),
    ...(mode === "reconcile_replay" ? story.members() : {}),
    ...added,
  };
  let separator = "{\n";
  for (const key of Object.keys(members).sort()) {
    yield `${separator}  ${prettyJson(key)}: `;
    separator = ",\n";
    if (key === "transitions" && shown) yield* transitionRows(input, projection);
    else yield prettyAt(1, members[key] ?? null);
  }
  yield "\n}";
}

async function folded({ reader, run }: ReplayInput): Promise<{
  readonly projection: ReplayProjection;
  readonly actionEvents: number;
  readonly story: ReconcileStory;
}> {
  const facts = await knownFacts(reader, run);
  const projection = new ReplayProjection();
  const rows = new EvidenceRows(run, facts);
  const projector = new EventProjector(run, facts);
  const reconciliation = new Reconciliation();
  const validity = new ValidityRows();
  const story = new ReconcileStory();
  const progress = new RunProgress();
  const contexts = new RowReader();
  for (let after = 0; ; ) {
    const page = await reader.decisions(after, limits.replayPageRows);
    for (const row of page) {
      projection.evidence(rows.decision(decisionJson(run, row, contexts)));
      after = row.row;
    }
    if (page.length === 0) break;
  }
  let actionEvents = 0;
  let untilSeq = 0;
  for await (const stored of eventsOf(reader)) {
    const event = projector.project(stored);
    untilSeq = event.seq;
    reconciliation.event(event);
    validity.event(event);
    story.event(event);
    const row = rows.event(event);
    if (row !== undefined) projection.evidence(row);
    if (projection.transition(event) !== undefined) actionEvents += 1;
  }
  for (let after = ""; ; ) {
    const page = await reader.actionsAfter(after, limits.replayPageRows);
    for (const row of page) progress.action(row);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.actionId;
  }
  const atMs = run.finishedAtMs ?? run.startedAtMs;
  const stood = { ...run, ...validity.before };
  const outcomes = reconcileOutcomes({ reader, reconciliation, untilSeq, runtimeStatus: stood.status });
  for await (const page of outcomes) {
    for (const row of page) projection.evidence(rows.reconciliation(row));
  }
  for (const row of reconciliation.rows()) projection.evidence(rows.reconciliation(row));
  if (!reconciliation.happened) projection.evidence(rows.nothingReconciled(atMs, stood.status));
  for (const row of validity.rows) projection.evidence(rows.observed(row));
  const health = worst([kernelHealth(stood, progress.phases), reconciliation.health]);
  projection.evidence(rows.aggregate(atMs, { health, status: stood.status }));
  return { projection, actionEvents, story };
}

async function* transitionRows(
  { reader, run }: ReplayInput,
  projection: ReplayProjection,
): AsyncGenerator<string> {
  const projector = new EventProjector(run, await knownFacts(reader, run));
  const array = new ArrayText(1);
  let text = "";
  for await (const stored of eventsOf(reader)) {
    const row = projection.transition(projector.project(stored));
    if (row === undefined) continue;
    text += array.item(row);
    if (text.length < partChars) continue;
    yield text;
    text = "";
  }
  yield text + array.end();
}

const partChars = 64 * 1024;

/** Without them events are shown with fewer keys; that they are gone is the verdict's to say. */
async function knownFacts(reader: RunReader, run: RunRow): Promise<BundleFacts> {
  try {
    return await factsOf(reader, run);
  } catch (cause) {
    if (cause instanceof AkcError) return noBundleFacts;
    throw cause;
  }
}

async function* eventsOf(reader: RunReader) {
  for (let after = 0; ; ) {
    const page = await reader.events(after, limits.replayPageRows);
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.seq;
  }
}
