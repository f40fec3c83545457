/**
 * An imagined world for the loop: scopes with what stands in them, hooks, gates and runs that end as they are told to, on the real
 * memory. It keeps its own account of all that was done, which tests hold against what was recorded.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AutopilotConfig, ScopeConfig } from "../../src/autopilot/config/model.ts";
import type { AutopilotStore, Telling } from "../../src/autopilot/contract.ts";
import type { GateAnswer } from "../../src/autopilot/gates/model.ts";
import type { Held, LeaseKeeper } from "../../src/autopilot/lease/contract.ts";
import {
  type Attempt,
  type Budgets,
  type Entry,
  type Fact,
  type Offer,
  type RunOutcome,
  type ScopeId,
  type Sighting,
  scopeName,
  type Trigger,
} from "../../src/autopilot/model.ts";
import type { RecompileAnswer } from "../../src/autopilot/recompile/contract.ts";
import { openAutopilotStore } from "../../src/autopilot/state/open.ts";
import type { VisitPorts } from "../../src/autopilot/visit.ts";
import { AkcError } from "../../src/errors.ts";
import { HandClock } from "./hand-clock.ts";
import { run } from "./made-facts.ts";
import { someDefaults } from "./outside/config.ts";

export const shop: ScopeId = { tenantId: "acme", repoId: "shop" };

/** What goes on in one scope, changed by tests at will. */
export interface Place {
  /** Hash of the newest bundle that lies there. */
  newest: string | undefined;
  /** Hash of what stands by hand or by a run. */
  stands: string | undefined;
  sighting: Sighting | (() => Sighting | Promise<Sighting>);
  triggers: Trigger[];
  gates: readonly GateAnswer[];
  /** How the next runs end. Throwing: nothing was begun. */
  outcome(attempt: Attempt, signal: AbortSignal): Partial<RunOutcome> | Promise<Partial<RunOutcome>>;
  validate(): { readonly holds: boolean; readonly message: string };
  rollBack(): { readonly ok: boolean; readonly message: string };
  hook(signal: AbortSignal): RecompileAnswer | Promise<RecompileAnswer>;
  /** Throws as a broken source does. */
  collect(): void;
  /** Runs by id, with what they were told to do. */
  readonly runs: Map<string, { readonly sha256: string; readonly outcome: RunOutcome }>;
}

/** All that was really done, in order. */
export interface Deed {
  readonly what: "begin" | "recover" | "roll_back" | "validate" | "recompile" | "propose" | "look";
  readonly scope: string;
  readonly runtimeRunId?: string;
  readonly sha256?: string;
  readonly atMs: number;
}

export interface Imagined extends AsyncDisposable {
  readonly root: string;
  readonly clock: HandClock;
  readonly store: AutopilotStore;
  readonly ports: Omit<VisitPorts, "tell" | "looked">;
  readonly deeds: Deed[];
  readonly told: Telling[];
  place(scope: ScopeId): Place;
  facts(scope?: ScopeId): Promise<readonly Fact[]>;
  entries(scope?: ScopeId): Promise<readonly Entry[]>;
  config(more?: Partial<ScopeConfig>, scope?: ScopeId): ScopeConfig;
}

export const easyBudgets: Budgets = {
  mutationsPerDay: 10,
  rollbacksPerDay: 10,
  rollbacksPerDayBeforeEscalation: 5,
  concurrentRollouts: 3,
  consecutiveFailures: 3,
  cooldownAfterFailureMs: 60_000,
  cooldownAfterPolicyDenyMs: 120_000,
};

export const recompileHook: ScopeConfig["recompile"] = {
  kind: "plugin",
  adapter: "compiler",
  timeoutMs: 60_000,
  outputBytesMax: 1_000,
};

export function bundle(sha256: string): Offer {
  return { bundlePath: `/bundles/${sha256}.json`, bundleSha256: sha256, runId: "run-1", source: "manifest" };
}

export function aTrigger(id: string, kind: Trigger["kind"] = "webhook"): Trigger {
  return { id, kind, severity: "med", key: `${kind}:${id}`, reason: "because", atMs: 0, details: {} };
}

export async function imagine({
  clock = new HandClock(Date.UTC(2026, 0, 1)),
  open = openAutopilotStore,
}: {
  readonly clock?: HandClock;
  readonly open?: typeof openAutopilotStore;
} = {}): Promise<Imagined> {
  const root = mkdtempSync(join(tmpdir(), "akc-imagined-"));
  const store = await open(root);
  const places = new Map<string, Place>();
  const deeds: Deed[] = [];
  const told: Telling[] = [];
  let numbered = 0;
  const number = () => {
    numbered += 1;
    return String(numbered).padStart(6, "0");
  };
  const place = (scope: ScopeId): Place => {
    const key = scopeName(scope);
    const known = places.get(key) ?? newPlace();
    places.set(key, known);
    return known;
  };
  const did = (what: Deed["what"], { scope }: ScopeConfig, more: Partial<Deed> = {}) => {
    deeds.push({ what, scope: scopeName(scope), atMs: clock.nowMs(), ...more });
  };
  const ended = (at: Place, { runtimeRunId, bundleSha256 }: Attempt, outcome: RunOutcome) => {
    at.runs.set(runtimeRunId, { sha256: bundleSha256, outcome });
    if (outcome.healthy) {
      at.stands = bundleSha256;
      at.sighting = { kind: "standing" };
    }
    return outcome;
  };

  const ports: Imagined["ports"] = {
    store,
    clock,
    ids: { eventId: () => `event-${number()}`, runtimeRunId: () => `run-${number()}` },
    offers: {
      async newest({ scope }) {
        const { newest } = place(scope);
        return newest === undefined ? undefined : bundle(newest);
      },
      async standing({ scope }) {
        const { stands } = place(scope);
        if (stands === undefined) return undefined;
        const { bundlePath, bundleSha256 } = bundle(stands);
        return { bundlePath, bundleSha256, runtimeRunId: "by-hand", atMs: 1 };
      },
    },
    sources: {
      async collect({ scope }, _state, cursors) {
        const at = place(scope);
        at.collect();
        return { triggers: at.triggers.splice(0), cursors };
      },
    },
    sentries: {
      async look(scope) {
        did("look", scope);
        const { sighting } = place(scope.scope);
        return typeof sighting === "function" ? sighting() : sighting;
      },
      async close() {},
    },
    recompiler: {
      async recompile({ scope }, signal) {
        did("recompile", scope);
        return place(scope.scope).hook(signal);
      },
      async close() {},
    },
    gates: {
      async ask({ scope }) {
        return { answers: place(scope.scope).gates };
      },
    },
    rollouts: {
      async begin(scope, attempt, signal) {
        const { runtimeRunId, bundleSha256: sha256 } = attempt;
        const at = place(scope.scope);
        did("begin", scope, { runtimeRunId, sha256 });
        return ended(at, attempt, run(await at.outcome(attempt, signal)));
      },
      async recover(scope, attempt, signal) {
        const { runtimeRunId, bundleSha256: sha256 } = attempt;
        const at = place(scope.scope);
        did("recover", scope, { runtimeRunId, sha256 });
        const before = at.runs.get(runtimeRunId);
        if (before !== undefined) return before.outcome;
        const isBegun = deeds.some(
          (deed) => deed.what === "begin" && deed.runtimeRunId === runtimeRunId && attempt.kind === "rollout",
        );
        return isBegun ? ended(at, attempt, run(await at.outcome(attempt, signal))) : undefined;
      },
      async validate(scope, { runtimeRunId, bundleSha256: sha256 }) {
        did("validate", scope, { runtimeRunId, sha256 });
        return place(scope.scope).validate();
      },
      async rollBack(scope, { runtimeRunId, bundleSha256: sha256, previous }) {
        did("roll_back", scope, { runtimeRunId, sha256 });
        const at = place(scope.scope);
        const answer = at.rollBack();
        // A run that never came to stand has changed nothing.
        if (!answer.ok || at.stands !== sha256) return answer;
        at.stands = previous?.bundleSha256;
        at.sighting = { kind: "standing" };
        return { ...answer, run: run() };
      },
      async propose(scope, { bundleSha256: sha256 }) {
        did("propose", scope, { sha256 });
        return { summary: "one thing changes" };
      },
      async metrics() {
        return undefined;
      },
    },
    chronicle: { async record() {}, score: async () => undefined },
  };

  const all = async (scope: ScopeId) => store.entries(scope, 0, 100_000);
  return {
    root,
    clock,
    store,
    ports,
    deeds,
    told,
    place,
    facts: async (scope = shop) => (await all(scope)).map(({ fact }) => fact),
    entries: (scope = shop) => all(scope),
    config: (more = {}, scope = shop) => ({
      ...someDefaults.defaults,
      budgets: easyBudgets,
      rollout: { bakeMs: 300_000, bakeLookMs: 60_000, bindings: [] },
      intervalMs: 600_000,
      ...more,
      scope,
      scopeRoot: join(root, scopeName(scope)),
    }),
    async [Symbol.asyncDispose]() {
      await store.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function newPlace(): Place {
  return {
    newest: undefined,
    stands: undefined,
    sighting: { kind: "standing" },
    triggers: [],
    gates: [],
    outcome: () => ({ converged: true }),
    validate: () => ({ holds: true, message: "all checks pass" }),
    rollBack: () => ({ ok: true, message: "what was before stands again" }),
    hook: () => ({ result: "unchanged", message: "nothing new" }),
    collect: () => {},
    runs: new Map(),
  };
}

/** Who has which scope, for several controllers; a lease lasts until it is given back, taken away or its holder has died. */
export class Leases {
  readonly #store: Pick<AutopilotStore, "raiseFence">;
  readonly #clock: HandClock;
  readonly #owners = new Map<string, string>();

  constructor(store: Pick<AutopilotStore, "raiseFence">, clock: HandClock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Of a controller that has died: others may take them. */
  free(holder: string): void {
    for (const [key, owner] of this.#owners) if (owner === holder) this.#owners.delete(key);
  }

  keeper(holder: string): LeaseKeeper & { lose(scope: ScopeId): void } {
    const rights = new Map<
      string,
      { readonly held: Held; readonly end: AbortController; readonly scope: ScopeId }
    >();
    const end = (key: string) => {
      rights.get(key)?.end.abort(new AkcError("LEASE_LOST"));
      rights.delete(key);
      if (this.#owners.get(key) === holder) this.#owners.delete(key);
    };
    return {
      hold: async (scope) => {
        const key = scopeName(scope);
        if ((this.#owners.get(key) ?? holder) !== holder) return undefined;
        const known = rights.get(key);
        if (known !== undefined) return known.held;
        this.#owners.set(key, holder);
        const fence = await this.#store.raiseFence(scope, holder, this.#clock.nowMs());
        const control = new AbortController();
        const held = { fence, lost: control.signal };
        rights.set(key, { held, end: control, scope });
        return held;
      },
      last: () => undefined,
      deniedStreak: () => 0,
      held: () => [...rights.values()].map(({ scope }) => scope),
      release: async (scope) => {
        for (const key of scope === undefined ? [...rights.keys()] : [scopeName(scope)]) end(key);
      },
      close: async () => {
        for (const key of [...rights.keys()]) end(key);
      },
      lose: (scope) => end(scopeName(scope)),
    };
  }
}

/** A configuration as the loop takes it. @param more `scope` is for all of them */
export function configOf(
  world: Imagined,
  more: Partial<AutopilotConfig> & { readonly scope?: Partial<ScopeConfig> } = {},
): AutopilotConfig {
  const { scope: _scope, scopeRoot: _root, ...defaults } = world.config(more.scope ?? {});
  const { scope: _own, ...rest } = more;
  return {
    outputsRoot: world.root,
    controllerId: "ctl",
    profile: "off",
    environment: "staging",
    lease: { backend: "sqlite", ttlMs: 15_000, replicas: 1 },
    discovery: { kind: "all" },
    defaults,
    scopes: new Map(),
    parallelMax: 4,
    telemetry: { mirrors: { stdout: false, httpTimeoutMs: 1_000 } },
    retention: { entriesMs: 90 * 86_400_000, decisionFilesMax: 100, historyBytesMax: 1_000_000 },
    drainMs: 60_000,
    ...rest,
  };
}
