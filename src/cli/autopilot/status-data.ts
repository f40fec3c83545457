/**
 * What `akc autopilot status` shows: read from the database, whoever runs or does not, with what a running controller adds to it. Reads
 * only, and says of a scope that cannot be read why.
 */
import * as v from "valibot";
import type { AutopilotStore, ControllerRow } from "../../autopilot/contract.ts";
import { type ScopeId, type ScopeState, scopeName } from "../../autopilot/model.ts";
import { budgetsUsed } from "../../service/metrics/scope-gauges.ts";
import { shaped } from "../../service/outside/told-shape.ts";
import { followUpOnRun } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { asAkcError } from "../render/error.ts";
import { type Plain, plainOf } from "../render/output.ts";
import { askController } from "./controller-door.ts";
import type { AutopilotSettings } from "./settings.ts";
import { asSeen, type Phase, standingOf } from "./standing.ts";
import type { Watches } from "./watches.ts";

/** Beats come every few seconds; one that is older than this says that nobody is there. */
export const beatFreshMs = 30_000;

/** Whether it was at work a moment ago. One that holds nothing does not beat but for its farewell. */
export function isAtWork({ beatAtMs, scopesHeld }: ControllerRow, nowMs: number): boolean {
  return scopesHeld > 0 && nowMs - beatAtMs <= beatFreshMs;
}

export interface ScopeView {
  readonly scope: ScopeId;
  readonly phase: Phase;
  readonly why: string;
  /** Undefined where it cannot be read. */
  readonly state?: ScopeState | undefined;
  readonly mode?: string | undefined;
  /** Undefined where nobody can tell. One that is not keeps its history, and is not visited. */
  readonly watched?: boolean | undefined;
  readonly holder?: { readonly name: string; readonly beatAgeMs?: number | undefined } | undefined;
  readonly budgets: readonly { readonly budget: string; readonly used: number; readonly limit?: number }[];
  /** Of the controller that answered. */
  readonly next?: { readonly do: string; readonly why: string } | undefined;
  readonly nextVisitAtMs?: number | undefined;
  /** The command that ends what holds it up. */
  readonly wayOut?: string | undefined;
}

export interface AutopilotView {
  readonly observedAtMs: number;
  readonly outputsRoot: string;
  readonly controllers: readonly ControllerRow[];
  /** Whether a controller's server answered. */
  readonly live: boolean;
  /** Why the controller that answered did not take what its configuration says now. */
  readonly reloadFault?: string | undefined;
  readonly scopes: readonly ScopeView[];
}

const LiveScope = v.object({
  tenant_id: v.string(),
  repo_id: v.string(),
  mode: v.string(),
  next: v.nullable(v.object({ do: v.string(), why: v.string() })),
  next_visit_at_ms: v.nullable(v.number()),
  sighting: v.optional(v.nullable(v.string())),
  budgets: v.array(v.object({ budget: v.string(), used: v.number(), limit: v.number() })),
});
type LiveScope = v.InferOutput<typeof LiveScope>;
const Live = v.object({
  kind: v.literal("ControllerStatus"),
  config: v.optional(v.object({ reload_fault: v.nullable(v.string()) })),
  scopes: v.array(LiveScope),
});
type Live = v.InferOutput<typeof Live>;

/** @param wanted which scopes; those that nobody knows are left out */
export async function viewOf(
  io: Io,
  store: AutopilotStore,
  settings: AutopilotSettings,
  wanted: (scope: ScopeId) => boolean,
  nowMs: number,
): Promise<AutopilotView> {
  const [controllers, known, live] = await Promise.all([
    store.controllers(),
    store.scopes(),
    askLive(settings),
  ]);
  const watches = await watchesBy(live, settings);
  const scopes: ScopeView[] = [];
  for (const scope of known.filter(wanted)) {
    const found = live?.scopes.find(
      ({ tenant_id: t, repo_id: r }) => t === scope.tenantId && r === scope.repoId,
    );
    const view = await scopeView(io, store, settings, scope, controllers, found, nowMs);
    scopes.push({ ...view, watched: watches(scope) });
  }
  return {
    observedAtMs: nowMs,
    outputsRoot: settings.outputsRoot,
    controllers: controllers.toSorted((one, other) => other.beatAtMs - one.beatAtMs),
    live: live !== undefined,
    reloadFault: live?.config?.reload_fault ?? undefined,
    scopes,
  };
}

/** A controller knows it best, once it has looked. */
async function watchesBy(live: Live | undefined, settings: AutopilotSettings): Promise<Watches> {
  if (live === undefined || live.scopes.length === 0) return settings.watches();
  const names = new Set(live.scopes.map(({ tenant_id: t, repo_id: r }) => `${t}/${r}`));
  return (scope) => names.has(scopeName(scope));
}

async function askLive({ listen }: AutopilotSettings): Promise<Live | undefined> {
  const answer = listen === undefined ? undefined : await askController(listen, "/v1/status");
  if (answer?.status !== 200) return undefined;
  try {
    const body: unknown = JSON.parse(answer.text);
    const parsed = v.safeParse(Live, body);
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

async function scopeView(
  io: Io,
  store: AutopilotStore,
  settings: AutopilotSettings,
  scope: ScopeId,
  controllers: readonly ControllerRow[],
  live: LiveScope | undefined,
  nowMs: number,
): Promise<ScopeView> {
  const fence = await store.fence(scope).catch(() => null);
  const beat = controllers.find(({ holder }) => holder === fence?.holder);
  const common = {
    scope,
    mode: live?.mode ?? settings.mode(scope),
    holder:
      fence === null
        ? undefined
        : {
            name: fence.holder,
            beatAgeMs: beat === undefined ? undefined : Math.max(0, nowMs - beat.beatAtMs),
          },
    next: live?.next ?? undefined,
    nextVisitAtMs: live?.next_visit_at_ms ?? undefined,
  };
  try {
    const state = await store.state(scope);
    return {
      ...common,
      ...asSeen(standingOf(state, await hookFault(store, scope, state)), live?.sighting, live?.next?.why),
      state,
      budgets: live?.budgets ?? budgetsOf(state, settings, scope, nowMs),
      wayOut: await wayOut(io, scope, state, settings.outputsRoot),
    };
  } catch (cause) {
    const error = asAkcError(cause);
    return {
      ...common,
      phase: "damaged",
      why: `${error.message} [${error.code}]`,
      budgets: [],
      wayOut:
        error.code === "AUTOPILOT_STATE_DAMAGED"
          ? await wordsTo(io, "set-aside", scope, settings.outputsRoot)
          : undefined,
    };
  }
}

/** What the hook failed of the last time: of the one fact that the state points at, so it costs one look. */
async function hookFault(
  store: Pick<AutopilotStore, "entriesBetween">,
  scope: ScopeId,
  { lastCompileFailureAtMs: atMs }: ScopeState,
): Promise<string | undefined> {
  if (atMs === undefined) return undefined;
  const facts = (await store.entriesBetween(scope, atMs, atMs + 1)).map(({ fact }) => fact);
  const failed = facts.findLast((fact) => fact.type === "recompile_ended" && fact.result === "failed");
  if (failed?.type !== "recompile_ended") return undefined;
  const { message, errorCode } = failed;
  const words = [message, errorCode === undefined ? undefined : `[${errorCode}]`].filter(
    (word) => word !== undefined,
  );
  return words.length === 0 ? undefined : words.join(" ");
}

/** Where the limits are not known, what is used is. */
function budgetsOf(
  state: ScopeState,
  settings: AutopilotSettings,
  scope: ScopeId,
  nowMs: number,
): ScopeView["budgets"] {
  const limits = settings.budgets(scope);
  if (limits !== undefined) return budgetsUsed({ state }, limits, nowMs);
  const none = { mutationsPerDay: 0, rollbacksPerDay: 0, rollbacksPerDayBeforeEscalation: 0 };
  const unknown = {
    ...none,
    concurrentRollouts: 0,
    consecutiveFailures: 0,
    cooldownAfterFailureMs: 0,
    cooldownAfterPolicyDenyMs: 0,
  };
  return budgetsUsed({ state }, unknown, nowMs).map(({ budget, used }) => ({ budget, used }));
}

async function wayOut(
  io: Io,
  scope: ScopeId,
  state: ScopeState,
  outputsRoot: string,
): Promise<string | undefined> {
  if (standingOf(state).phase === "failing" && state.fault === undefined) {
    // The state counts how often the hook failed; what it said stands in the history alone.
    return followUpOnRun(io, ["autopilot", "history", "--scope", scopeName(scope)], { outputsRoot });
  }
  const word = wordFor(state);
  return word === undefined ? undefined : wordsTo(io, word, scope, outputsRoot);
}

function wordsTo(io: Io, word: string, scope: ScopeId, outputsRoot: string): Promise<string> {
  const words = ["autopilot", word, "--scope", scopeName(scope), "--reason", "TEXT"];
  return followUpOnRun(io, words, { outputsRoot });
}

function wordFor(state: ScopeState): "ack" | "resume" | "approve" | undefined {
  const { phase } = standingOf(state);
  if (phase === "escalated") return "ack";
  if (phase === "paused") return "resume";
  const waits = state.held?.answers.some(({ gate, verdict }) => gate === "approval" && verdict === "closed");
  return phase === "proposed" || (phase === "held" && waits === true) ? "approve" : undefined;
}

/** The shape `AutopilotStatus` of docs/json-output.md. */
export function viewData(view: AutopilotView): { readonly [key: string]: Plain } {
  const { observedAtMs, outputsRoot, controllers, live, reloadFault, scopes } = view;
  return {
    kind: "AutopilotStatus",
    observed_at_ms: observedAtMs,
    outputs_root: outputsRoot,
    live,
    reload_fault: reloadFault ?? null,
    controllers: controllers.map((row) => ({
      holder: row.holder,
      host: row.host,
      pid: row.pid,
      version: row.version,
      started_at_ms: row.startedAtMs,
      beat_at_ms: row.beatAtMs,
      beat_age_ms: Math.max(0, observedAtMs - row.beatAtMs),
      alive: isAtWork(row, observedAtMs),
      scopes_held: row.scopesHeld,
    })),
    items: scopes.map(scopeData),
  };
}

export function scopeData(view: ScopeView): { readonly [key: string]: Plain } {
  const { scope, phase, why, state, mode, watched, holder, budgets, next, nextVisitAtMs } = view;
  const part = (value: unknown): Plain => (value === undefined ? null : plainOf(shaped(value)));
  return {
    tenant_id: scope.tenantId,
    repo_id: scope.repoId,
    phase,
    why,
    mode: mode ?? null,
    watched: watched ?? null,
    held_by: holder?.name ?? null,
    holder_beat_age_ms: holder?.beatAgeMs ?? null,
    deployed: part(state?.deployed),
    candidate: part(state?.candidate),
    attempt: part(state?.attempt),
    recompiling: part(state?.recompiling),
    proposal: part(state?.proposal),
    approval: part(state?.approval),
    paused: part(state?.paused),
    escalated: part(state?.escalated),
    fault: part(state?.fault),
    gates: part(state?.held?.answers ?? []),
    open_triggers: state?.openTriggers.length ?? null,
    rejected: state === undefined ? [] : [...state.rejected],
    budgets: budgets.map(({ budget, used, limit }) => ({
      budget,
      used,
      limit: limit ?? null,
      left: limit === undefined ? null : Math.max(0, limit - used),
    })),
    next: next === undefined ? null : { do: next.do, why: next.why },
    next_visit_at_ms: nextVisitAtMs ?? null,
    way_out: view.wayOut ?? null,
  };
}
