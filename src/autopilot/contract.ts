/**
 * What the autopilot is handed: its memory, its senses and its hands; leases and the hook have theirs in `lease/contract.ts` and
 * `recompile/contract.ts`. The loop knows only these, so that a month can be lived through in a test with a clock in the hand.
 */
import type { JsonObject } from "../json/value.ts";
import type { ScopeConfig } from "./config/model.ts";
import type { GateAnswer } from "./gates/model.ts";
import type { LeaseAnswer } from "./lease/contract.ts";
import type {
  Attempt,
  AttemptKind,
  AttemptVerdict,
  Deployed,
  Entry,
  Fact,
  Offer,
  RunOutcome,
  ScopeId,
  ScopeState,
  Sighting,
  Trigger,
} from "./model.ts";
import type { CompileApply, TimeMetrics } from "./offer/model.ts";

/** Who writes in a scope, by which right. A write under an old token is refused. */
export interface Fence {
  /** The controller's identity: `<controller_id>@<host>:<pid>:<nonce>` (cli:W-20). */
  readonly holder: string;
  /** Grows with every holder of the scope, whatever the lease's backend. */
  readonly token: number;
}

/** How far the events of each run of a scope were read; under a name that begins with `*`, what another source of triggers saw last. */
export interface Cursor {
  readonly runtimeRunId: string;
  readonly seq: number;
}

/** All that the controllers of one outputs root remember: one SQLite file, `<outputs_root>/.akc/autopilot/state.sqlite3`. */
export interface AutopilotStore {
  /** Folded from what is stored; cheap when nothing was added since the last call. @throws AkcError AUTOPILOT_STATE_DAMAGED for this scope alone */
  state(scope: ScopeId): Promise<ScopeState>;
  /**
   * Appends in one durable transaction, and moves cursors on in the same one.
   * @throws AkcError LEASE_LOST when the fence is not the scope's any more; AUTOPILOT_SLOTS_FULL when `slots` is given, the facts start
   *   an attempt and so many are open in all scopes together; DISK_FULL, STORE_BUSY
   */
  append(
    scope: ScopeId,
    facts: readonly Fact[],
    by: Fence,
    options: {
      readonly nowMs: number;
      readonly cursors?: readonly Cursor[];
      /** Runs that are no more: their cursors go in the same transaction. */
      readonly goneRuns?: readonly string[];
      readonly slots?: number;
    },
  ): Promise<readonly Entry[]>;
  /** A person's word or trigger: needs no lease, is seen by whoever holds it at once. Two triggers of one key are one, and as many as may wait take no more: then nothing is returned. */
  say(
    scope: ScopeId,
    fact: Extract<Fact, { type: "word" | "triggered" }>,
    by: string,
    nowMs: number,
    /** Taken in the same transaction, as by `takeNonce`: what was taken before is not said, and what could not be said is not taken. */
    nonce?: { readonly value: string; readonly keepUntilMs: number },
  ): Promise<Entry | undefined>;
  /** In order, at most `limit`, with `seq > afterSeq`. */
  entries(scope: ScopeId, afterSeq: number, limit: number): Promise<readonly Entry[]>;
  /** Those with `fromMs <= atMs < toMs`, in order: for scoreboards. */
  entriesBetween(scope: ScopeId, fromMs: number, toMs: number): Promise<readonly Entry[]>;
  /**
   * When attempts began and ended, those with `fromMs <= atMs < toMs`, in order. Costs little however long that is; unlike entries,
   * marks are not held against the chain.
   */
  attemptMarks(scope: ScopeId, fromMs: number, toMs: number): Promise<readonly AttemptMark[]>;
  cursors(scope: ScopeId): Promise<readonly Cursor[]>;
  /** Scopes of which anything is known, sorted. */
  scopes(): Promise<readonly ScopeId[]>;
  /** Those of them with an attempt that has not ended, sorted. Costs as little with a thousand scopes as with one. */
  scopesInAttempt(): Promise<readonly ScopeId[]>;
  /** A new fence for the scope: the one before is void from here on. Called by whoever has just got the lease. */
  raiseFence(scope: ScopeId, holder: string, nowMs: number): Promise<Fence>;
  fence(scope: ScopeId): Promise<Fence | null>;
  /** A webhook's nonce, once. False when it was seen within the time that it is kept for. */
  takeNonce(nonce: string, keepUntilMs: number, nowMs: number): Promise<boolean>;
  /** Proof of progress of a controller that holds anything, one row a controller, and what its looks counted since the last one. */
  beat(controller: ControllerRow, tallies: readonly Tally[]): Promise<void>;
  /** Buckets that begin within [fromMs, toMs), oldest first: of five minutes, of an hour where they are older than a day. */
  tallies(scope: ScopeId, fromMs: number, toMs: number): Promise<readonly Tally[]>;
  controllers(): Promise<readonly ControllerRow[]>;
  /** Grows with every change by anybody; cheap enough to poll every second. */
  version(): Promise<number>;
  /** Follows every chain. Empty when all is as it was written. */
  verify(
    scope?: ScopeId,
  ): Promise<readonly { readonly scope: ScopeId; readonly seq: number; readonly message: string }[]>;
  /** Removes entries that are older than this and that no state, open attempt or unscored window needs. Returns how many. */
  prune(beforeMs: number): Promise<number>;
  close(): Promise<void>;
}

/** The beginning of an attempt, or its end. */
export interface AttemptMark {
  readonly attemptId: string;
  readonly atMs: number;
  /** Of one that begins; null: it ends. */
  readonly runtimeRunId: string | null;
}

/** Looks at what stands, counted: they are too many to be facts. */
export interface Tally {
  readonly scope: ScopeId;
  /** Start of the bucket, whole five minutes or an hour since the epoch. */
  readonly fromMs: number;
  /** All stood as it should. */
  readonly standing: number;
  readonly drifted: number;
  /** Nobody could tell: neither good nor bad. */
  readonly unseen: number;
}

export interface ControllerRow {
  /** As in `Fence.holder`. */
  readonly holder: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly beatAtMs: number;
  readonly scopesHeld: number;
  readonly version: string;
}

/** What may have to be looked into, found by looking; the cursors are moved on when the triggers are stored. */
export interface TriggerSources {
  collect(
    scope: ScopeConfig,
    state: ScopeState,
    cursors: readonly Cursor[],
    signal: AbortSignal,
  ): Promise<{
    readonly triggers: readonly Trigger[];
    readonly cursors: readonly Cursor[];
    /** Runs with a cursor that have not been there for a day. */
    readonly goneRuns?: readonly string[];
  }>;
}

/** Which bundle lies there to be rolled out, and what was deployed before anybody watched. */
export interface Offers {
  /** The configured bundle, else that of the newest manifest of the scope. @throws AkcError for one that cannot be read */
  newest(scope: ScopeConfig): Promise<Offer | undefined>;
  /** The last run that a person or a script deployed and that ended well; undefined where there is none. */
  standing(scope: ScopeConfig): Promise<Deployed | undefined>;
}

/** Looks at what stands, without writing anything into the scope. Keeps what is expensive between looks. */
export interface Sentries {
  look(scope: ScopeConfig, deployed: Deployed, signal: AbortSignal): Promise<Sighting>;
  /** Forgets what it keeps of scopes that are not watched any more, or of all. */
  close(scope?: ScopeId): Promise<void>;
}

export interface GateQuestion {
  readonly scope: ScopeConfig;
  readonly kind: AttemptKind;
  readonly offer: Offer;
  readonly state: ScopeState;
  readonly nowMs: number;
  /** What the wall clock shows, for what people have set by it; `nowMs` is never before what the scope's facts say. Absent: the same. */
  readonly wallMs?: number | undefined;
  /** Attempts that are open in all scopes of this outputs root. */
  readonly openAttempts: number;
  /** `<tenant>/<repo>` of the scopes that they are open in. */
  readonly openIn?: readonly string[] | undefined;
}

export interface Gates {
  /** Every gate that the configuration asks for answers, in the order of `gateNames`. A gate that cannot tell answers `error`; none throws. */
  ask(
    question: GateQuestion,
    signal: AbortSignal,
  ): Promise<{
    readonly answers: readonly GateAnswer[];
    readonly compileApply?: CompileApply | undefined;
  }>;
}

/** Carries out attempts. Every method ends with the signal: a run is then left as a stop leaves it, to be gone on with. */
export interface Rollouts {
  /** Starts the run of a rollout, or reconciles on behalf of the deployed run. @throws AkcError when nothing was begun; the signal's reason */
  begin(scope: ScopeConfig, attempt: Attempt, signal: AbortSignal): Promise<RunOutcome>;
  /**
   * What became of an attempt that another process left: its run is ended or gone on with, never begun a second time. A run that
   * somebody without the lease still holds is fenced off first. `undefined`: its run never began.
   */
  recover(scope: ScopeConfig, attempt: Attempt, signal: AbortSignal): Promise<RunOutcome | undefined>;
  /** Of a run that has ended and has not converged: why its rollout waits for a person, where that was wanted. It is left open then. */
  waits?(scope: ScopeConfig, attempt: Attempt): Promise<string | undefined>;
  /** At the end of a bake: judges the run once more by its own criteria and the configured bindings. */
  validate(
    scope: ScopeConfig,
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<{ readonly holds: boolean; readonly message: string }>;
  /** Brings back what the attempt changed. Well and without a run: it had changed nothing, and nothing was brought back. */
  rollBack(
    scope: ScopeConfig,
    attempt: Attempt,
    signal: AbortSignal,
  ): Promise<{ readonly ok: boolean; readonly run?: RunOutcome; readonly message: string }>;
  /** Writes what an attempt would do, and does none of it. */
  propose(
    scope: ScopeConfig,
    attempt: Omit<Attempt, "runtimeRunId">,
    signal: AbortSignal,
  ): Promise<{ readonly planPath?: string; readonly summary: string }>;
  /** From the manifest, as it is after the rollout; undefined where it has none. */
  metrics(scope: ScopeConfig, offer: Pick<Offer, "manifestPath">): Promise<TimeMetrics | undefined>;
}

/** Writes what follows from the entries for other tools: history, decisions, escalations, scoreboards. Never fails a visit. */
export interface Chronicle {
  /** Called after the commit, with all that was committed together; from it follow rows, decisions and escalations. */
  record(scope: ScopeConfig, entries: readonly Entry[], state: ScopeState): Promise<void>;
  /** When a window of the scope has ended since `scoredUntilMs`: writes its scoreboard, and says which window. Undefined: none is due. */
  score(
    scope: ScopeConfig,
    state: ScopeState,
    nowMs: number,
  ): Promise<{ readonly windowStartMs: number; readonly windowEndMs: number } | undefined>;
}

/** What a running autopilot tells: logs, metrics, traces, the live stream. Free of secrets. */
export type Telling =
  | { readonly kind: "entry"; readonly scope: ScopeId; readonly entry: Entry }
  | {
      readonly kind: "visited";
      readonly scope: ScopeId;
      readonly next: string;
      readonly durationMs: number;
      readonly atMs: number;
    }
  | {
      readonly kind: "lease";
      readonly scope: ScopeId;
      readonly answer: LeaseAnswer["kind"];
      /** Why nobody could tell, or who has it. */
      readonly why?: string | undefined;
      readonly streak: number;
      readonly atMs: number;
    }
  | { readonly kind: "phase"; readonly phase: ControllerPhase; readonly atMs: number }
  | { readonly kind: "reloaded"; readonly ok: boolean; readonly message: string; readonly atMs: number }
  | {
      readonly kind: "note";
      readonly level: "info" | "warn" | "error";
      readonly message: string;
      readonly keys: JsonObject;
      readonly atMs: number;
    };

export type ControllerPhase = "starting" | "running" | "reloading" | "draining" | "stopped";

/** A running controller, as its server, its watchdog and its dump see it. */
export interface ControllerStatus {
  readonly holder: string;
  readonly phase: ControllerPhase;
  readonly startedAtMs: number;
  readonly observedAtMs: number;
  /** Turns of the loop in all, and when the last one ended, on the monotonic clock: what the watchdog is fed by. */
  readonly turns: number;
  readonly lastTurnMonotonicMs: number;
  /** When a write of its own, or as a standby a read, last succeeded, on the monotonic clock. */
  readonly lastStoreProofMonotonicMs: number;
  /** The file that it goes by, since when, and the fault of the last reload, if it had one. */
  readonly config: {
    readonly path?: string | undefined;
    readonly loadedAtMs: number;
    readonly reloadFault?: string | undefined;
  };
  readonly scopes: readonly ScopeStatus[];
}

export interface ScopeStatus {
  readonly scope: ScopeId;
  readonly mode: string;
  readonly holding: boolean;
  readonly heldBy?: string | undefined;
  readonly state: ScopeState;
  /** Last answer of `decide`, as a word with its reason. */
  readonly next?: { readonly do: string; readonly why: string } | undefined;
  readonly sighting?: Sighting["kind"] | undefined;
  readonly lastVisitAtMs?: number | undefined;
  readonly nextVisitAtMs?: number | undefined;
  readonly visits: number;
  readonly attemptsByVerdict?: Readonly<Partial<Record<AttemptVerdict, number>>> | undefined;
}

/** The controller while it runs. */
export interface Controller {
  status(): ControllerStatus;
  /** Calls back for each thing told; returns how to stop it. A slow listener loses the oldest, never the controller. */
  listen(listener: (told: Telling) => void): () => void;
  /** Visits it as soon as there is a place: a word, a trigger, a webhook. */
  wake(scope?: ScopeId): void;
  /** Reads the configuration again; keeps the old one when the new one is not valid. */
  reload(): Promise<{ readonly ok: boolean; readonly message: string }>;
  /** No new work; what is under way finishes or is checkpointed; leases are given back. Resolves when `run` is about to. */
  drain(reason: string): Promise<void>;
  /** Cuts off what is under way. */
  abort(reason: string): void;
}
