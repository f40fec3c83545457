/**
 * Looks at everything that may have to be looked into but drift: events of runs, changed sources, a changed intent, a schedule. Each
 * source is told once, however often it is looked at; none of them writes, and one that cannot be read stops no other.
 *
 * Source: spec cli §14.8, §15.1–§15.3; cli:W-27, cli:W-56, cli:W-57.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { type Clock, systemClock } from "../../system/clock.ts";
import type { Ids } from "../../system/ids.ts";
import type { AutopilotConfig, ScopeConfig } from "../config/model.ts";
import type { AutopilotStore, Cursor, TriggerSources } from "../contract.ts";
import type { ScopeId, ScopeState, Trigger, TriggerKind } from "../model.ts";
import { createIntents, type Intents } from "./intent.ts";
import { mark, markOf, marks, numberOf } from "./marks.ts";
import { type Collected, createRunEvents } from "./run-events.ts";
import { ticksOf } from "./schedule.ts";
import { changedNames, createSourceFiles, type SourceFiles, type SourcesLook } from "./source-files.ts";
import { isBeingHandled, makeTrigger, type RawTrigger } from "./trigger.ts";

export interface TriggerSourcesDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly store: Pick<AutopilotStore, "attemptMarks">;
  /** As it is now: a reload counts from the next look on. */
  config(): Pick<AutopilotConfig, "profile">;
  /** The clock of the files' own times; the system's unless given. */
  readonly fileClock?: Clock | undefined;
  /** A source that nobody can read, told when it begins and when it says something else. */
  note?(scope: ScopeId, source: TriggerKind, error: AkcError): void;
}

interface Kept {
  readonly files: SourceFiles;
  readonly intents: Intents;
  lastFiles?: SourcesLook["files"];
  /** By source, what was last noted. */
  readonly noted: Map<TriggerKind, string>;
  /** Until when the schedule says nothing, for which one and since when. */
  quiet?: { readonly of: string; readonly untilMs: number };
}

interface Look {
  readonly scope: ScopeConfig;
  readonly state: ScopeState;
  readonly cursors: readonly Cursor[];
  readonly kept: Kept;
  readonly signal: AbortSignal;
}

export function createTriggerSources(deps: TriggerSourcesDeps): TriggerSources {
  const runEvents = createRunEvents(deps);
  const fileNowMs = () => (deps.fileClock ?? systemClock).nowMs();
  const scopes = new Map<string, Kept>();

  const keptOf = ({ scopeRoot }: ScopeConfig): Kept => {
    const known = scopes.get(scopeRoot);
    if (known !== undefined) return known;
    const kept: Kept = {
      files: createSourceFiles(scopeRoot, fileNowMs),
      intents: createIntents(scopeRoot, fileNowMs),
      noted: new Map(),
    };
    if (scopes.size >= limits.autopilotScopesRememberedMax) scopes.delete(scopes.keys().next().value ?? "");
    scopes.set(scopeRoot, kept);
    return kept;
  };

  const trigger = (raw: Omit<RawTrigger, "id" | "atMs">): Trigger =>
    makeTrigger({ ...raw, id: deps.ids.runtimeRunId(), atMs: deps.clock.nowMs() });

  /** What cannot be read has not changed, as far as anybody knows. */
  async function asked(kind: TriggerKind, look: Look, ask: () => Promise<Collected>): Promise<Collected> {
    const { noted } = look.kept;
    try {
      const found = await ask();
      noted.delete(kind);
      return found;
    } catch (cause) {
      look.signal.throwIfAborted();
      if (!(cause instanceof AkcError)) throw cause;
      const words = `${cause.code} ${cause.message} ${String(cause.details["path"] ?? "")}`;
      if (noted.get(kind) !== words) deps.note?.(look.scope.scope, kind, cause);
      noted.set(kind, words);
      return nothing;
    }
  }

  async function changedSources({ scope, state, cursors, kept, signal }: Look): Promise<Collected> {
    const { sha256, files } = await kept.files.look(scope.triggers.sources, signal);
    const before = kept.lastFiles;
    kept.lastFiles = files;
    const seen = mark(marks.sources, numberOf(sha256));
    const last = markOf(cursors, marks.sources);
    if (last === seen.seq) return nothing;
    // At first sight they are what the deployed bundle was made of, as far as anybody knows.
    if (last === undefined || isWaiting(state, "changed_sources")) return { triggers: [], cursors: [seen] };
    const names = before === undefined ? undefined : changedNames(before, files);
    const shown = names?.slice(0, limits.autopilotNamedMax);
    return {
      triggers: [
        trigger({
          kind: "changed_sources",
          severity: "med",
          key: `sources:${sha256}`,
          reason: `the sources have changed${shown === undefined || shown.length === 0 ? "" : `: ${shown.join(", ")}`}`,
          details: {
            sources_sha256: sha256,
            files: files.size,
            ...(names === undefined || shown === undefined
              ? {}
              : { changed: shown, changed_count: names.length }),
          },
        }),
      ],
      cursors: [seen],
    };
  }

  async function changedIntent({ state, cursors, kept }: Look): Promise<Collected> {
    const look = state.deployed === undefined ? undefined : await kept.intents.look(state.deployed);
    const last = markOf(cursors, marks.intent) ?? 0;
    const seq = look === undefined || look.newest === look.deployed ? 0 : numberOf(look.newest);
    if (look === undefined || seq === last) return nothing;
    const moved = [mark(marks.intent, seq)];
    if (seq === 0 || isWaiting(state, "changed_intent")) return { triggers: [], cursors: moved };
    return {
      triggers: [
        trigger({
          kind: "changed_intent",
          severity: "high",
          key: `intent:${look.newest}`,
          reason: `the compile run ${look.runId} follows another intent than what is deployed`,
          details: {
            run_id: look.runId,
            manifest_stable_intent_sha256: look.newest,
            deployed_stable_intent_sha256: look.deployed,
          },
        }),
      ],
      cursors: moved,
    };
  }

  async function scheduled({ scope, state, cursors, kept }: Look): Promise<Collected> {
    const { schedule } = scope.triggers;
    if (schedule === undefined) return nothing;
    const nowMs = deps.clock.nowMs();
    const sinceMs = markOf(cursors, marks.schedule);
    const of = `${schedule.cron}\0${schedule.timeZone}\0${sinceMs}`;
    if (kept.quiet?.of === of && nowMs < kept.quiet.untilMs && nowMs >= (sinceMs ?? 0)) return nothing;
    const ticking = ticksOf(schedule, sinceMs, nowMs);
    if (ticking.kind === "quiet") {
      kept.quiet = { of, untilMs: ticking.nextMs ?? Number.POSITIVE_INFINITY };
      const since = ticking.sinceMs;
      return since === undefined ? nothing : { triggers: [], cursors: [mark(marks.schedule, since)] };
    }
    const moved = [mark(marks.schedule, ticking.tickMs)];
    if (isWaiting(state, "schedule")) return { triggers: [], cursors: moved };
    return {
      triggers: [
        trigger({
          kind: "schedule",
          severity: "low",
          key: `schedule:${ticking.tickMs}`,
          reason: `scheduled: ${schedule.cron} (${schedule.timeZone})`,
          details: {
            cron: schedule.cron,
            time_zone: schedule.timeZone,
            tick_at_ms: ticking.tickMs,
            missed: ticking.missed,
          },
        }),
      ],
      cursors: moved,
    };
  }

  return {
    async collect(scope, state, cursors, signal) {
      signal.throwIfAborted();
      const { triggers: wanted } = scope;
      const look: Look = { scope, state, cursors, kept: keptOf(scope), signal };
      const runtimeEvents = wanted.runtimeEvents && deps.config().profile !== "off";
      const found = [
        await runEvents({ scope, state, cursors, runtimeEvents, validity: wanted.validity }, signal),
      ];
      if (wanted.sources.length > 0) {
        found.push(await asked("changed_sources", look, () => changedSources(look)));
      }
      if (wanted.intent) found.push(await asked("changed_intent", look, () => changedIntent(look)));
      if (wanted.schedule !== undefined) found.push(await asked("schedule", look, () => scheduled(look)));
      return {
        triggers: found.flatMap(({ triggers }) => triggers),
        cursors: found.flatMap(({ cursors: moved }) => moved),
        goneRuns: found.flatMap(({ goneRuns = [] }) => goneRuns),
      };
    },
  };
}

const nothing: Collected = { triggers: [], cursors: [] };

/** One of the kind is open, and whoever will work at it sees this as well. */
function isWaiting(state: ScopeState, kind: TriggerKind): boolean {
  return state.openTriggers.some((open) => open.kind === kind && !isBeingHandled(state, open));
}
