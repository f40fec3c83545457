/**
 * The contract of the store: the only place where a run's truth is kept. Events are appended and never changed; every
 * other row is derived from them in the same transaction. Async at the border, so that another engine can stand behind.
 *
 * Source: architecture "State"; spec kernel §4, §8.
 */
import type { ArtifactStore, RunContext } from "../adapters/contract.ts";

export const outcomes = ["succeeded", "failed", "blocked", "stopped", "exhausted"] as const;
export type Outcome = (typeof outcomes)[number];

/** One run, as listed and shown. Times are milliseconds since the epoch. */
export interface RunRow {
  readonly context: RunContext;
  readonly bundlePath: string;
  readonly bundleSha256: string;
  readonly coordinationSha256: string | null;
  readonly traceId: string;
  /** Word of the old runtime: running, terminal, idle, stopped, failed, max_iterations_exceeded, stop_requested. */
  readonly status: string;
  /** null while it runs. */
  readonly outcome: Outcome | null;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | null;
  readonly lastError: string | null;
  readonly lastSeq: number;
  readonly stopRequestedAtMs: number | null;
  /** Artifact with what evidence needs to know of the bundle (JSON text); null on runs of before it was kept. */
  readonly factsSha256: string | null;
  /** Number of the last event that the evidence files cover; null while they were never written. */
  readonly evidenceSeq: number | null;
  /** What the hash chain starts from: the run's identity, or 64 zeros on runs of before it was bound. */
  readonly genesis: "identity" | "zeros";
  /** JSON text of facts that the record file needs and no column holds (outputs root, execution policy, …). */
  readonly extra: string;
}

/** Which run, and the number of its last event. */
export interface RunHead {
  readonly runtimeRunId: string;
  readonly lastSeq: number;
}

/** A run and its lease, as listed. */
export type ListedRun = RunRow & { readonly lease: Lease | null };

/** A fact to append. `payload` is JSON text with the documented keys of its type. */
export interface NewEvent {
  readonly seq: number;
  readonly type: string;
  readonly atMs: number;
  readonly payload: string;
}

/** A stored fact. `sha256` chains over `prevSha256` (the event before it; the run's genesis before the first, see `chain.ts`). */
export interface StoredEvent extends NewEvent {
  readonly prevSha256: string;
  readonly sha256: string;
}

export const actionPhases = [
  "waiting",
  "running",
  "retrying",
  /** Waits for a signal or a clock; holds no place. */
  "suspended",
  "succeeded",
  "failed",
  "blocked",
  "denied",
  "cancelled",
] as const;
export type ActionPhase = (typeof actionPhases)[number];

/** How many actions stand where. */
export type PhaseCounts = Readonly<Record<ActionPhase, number>>;

/** A count of nothing, to copy and count with. */
export const noPhases: PhaseCounts = {
  waiting: 0,
  running: 0,
  retrying: 0,
  suspended: 0,
  succeeded: 0,
  failed: 0,
  blocked: 0,
  denied: 0,
  cancelled: 0,
};

/** Where an action stands; derived from its events. */
export interface ActionRow {
  readonly actionId: string;
  readonly nodeId: string;
  readonly stepId: string | null;
  readonly phase: ActionPhase;
  readonly attempt: number;
  /** seq of the event that put it into this phase. */
  readonly seq: number;
  /** Content hash of what it put out, when it succeeded. */
  readonly outputSha256: string | null;
}

export interface DecisionRow {
  /** seq of the event in whose turn it was made. */
  readonly seq: number;
  readonly atMs: number;
  readonly action: string;
  readonly allowed: boolean;
  readonly reason: string;
  readonly source: string;
  readonly rule: string;
  readonly mode: string;
  /** JSON text: what the decision was about. */
  readonly context: string;
}

/** A word from outside that a step may wait for. It stays in the run's inbox until a step takes it. */
export interface Signal {
  /** The sender's own key, unique in the run: sending twice sends once. */
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly payload: string;
  readonly sentAtMs: number;
  /** Who sent it, for people: `user@host`. */
  readonly sender: string;
}

/** One file of evidence as it was written. */
export interface EvidenceFile {
  /** Path below the run's own folder, with `/`. */
  readonly name: string;
  /** Of the file's bytes. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** One object that akc has applied in this scope and not deleted since: the inventory. Key: provider and resource. */
export interface OwnedRow {
  readonly providerId: string;
  readonly resourceId: string;
  readonly resourceClass: string;
  readonly desiredHash: string;
  /** JSON text: ids of the resources that it needs. */
  readonly dependsOn: string;
  /** JSON text: how the provider finds the object. */
  readonly handle: string;
  /** Run that applied it last, and when. */
  readonly runtimeRunId: string;
  readonly atMs: number;
}

/** A resource as it was to stand once. Key: provider, resource and `desiredHash`, which is over all of the revision. */
export interface RevisionRow {
  readonly providerId: string;
  readonly resourceId: string;
  readonly desiredHash: string;
  /** JSON text of the provider contract's `Revision`. */
  readonly revision: string;
  readonly runtimeRunId: string;
  readonly atMs: number;
  /** When it last stood healthy as part of a completed rollout; null while it never did. The latest is the last known good. */
  readonly goodAtMs: number | null;
}

/** A rollout as it stands. */
export interface RolloutRow {
  readonly rolloutId: string;
  readonly runtimeRunId: string;
  readonly phase: string;
  /** At most one of a scope is open. */
  readonly open: boolean;
  /** JSON text of the reconciler's `Rollout`. */
  readonly state: string;
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
}

/** What was worked out to be done, kept so that exactly it can be applied later. */
export interface PlanRow {
  readonly planId: string;
  readonly runtimeRunId: string;
  /** JSON text. */
  readonly plan: string;
  readonly atMs: number;
}

/** A person's word to a rollout, kept until the process that drives it takes it. */
export interface RolloutRequest {
  readonly number: number;
  readonly rolloutId: string;
  /** One of the reconciler's `rolloutCommands`. */
  readonly command: string;
  /** Who asked, for people: `user@host`. */
  readonly by: string;
  readonly atMs: number;
}

/** Changes to what is kept of the scope's deployment. Only for a writer that holds the scope (`RunWriter.holdScope`). */
export interface DeploymentTurn {
  /** Inserted, or replaced by key. */
  readonly owned?: readonly OwnedRow[];
  readonly disowned?: readonly { readonly providerId: string; readonly resourceId: string }[];
  /** Inserted, or replaced by key. The store keeps the newest of each resource (`limits.revisionsKeptMax`) and the last good one. */
  readonly revisions?: readonly RevisionRow[];
  /** Inserted, or replaced by id. */
  readonly rollout?: RolloutRow;
  readonly plan?: PlanRow;
  /** Numbers of requests that were taken. */
  readonly requestsTaken?: readonly number[];
}

/** What is kept of the scope's deployment. */
export interface DeploymentReader {
  owned(): Promise<readonly OwnedRow[]>;
  /** Newest first: in the order in which they were put, whatever their times say. */
  revisions(providerId: string, resourceId: string): Promise<readonly RevisionRow[]>;
  revision(providerId: string, resourceId: string, desiredHash: string): Promise<RevisionRow | null>;
  /** Of every resource of the provider, the one that was good last. */
  lastGood(providerId: string): Promise<readonly RevisionRow[]>;
  /** Newest first: the one that was put first last, however often it was replaced since. */
  rollouts(limit: number): Promise<readonly RolloutRow[]>;
  /** By the whole id, or by a beginning of at least six characters that only one has. */
  rollout(id: string): Promise<RolloutRow | null>;
  openRollout(): Promise<RolloutRow | null>;
  plan(planId: string): Promise<PlanRow | null>;
  /** Not taken yet, in the order of arrival. Cheap enough to poll. */
  openRequests(): Promise<readonly RolloutRequest[]>;
}

/** What lands together or not at all. Any part may be empty. */
export interface Turn {
  readonly events: readonly NewEvent[];
  readonly actions: readonly ActionRow[];
  readonly decisions: readonly DecisionRow[];
  /** New values of the run's own columns. */
  readonly run?: Partial<Pick<RunRow, "status" | "outcome" | "finishedAtMs" | "lastError" | "extra">>;
  /** Signals that a step took, each with the number of the event that says so. */
  readonly signals?: readonly { readonly id: string; readonly seq: number }[];
  /** The evidence files as they stand now; replaces what was said of them before. `seq` is the last event they cover. */
  readonly evidence?: { readonly seq: number; readonly files: readonly EvidenceFile[] };
  /** @throws AkcError LEASE_LOST when the writer does not hold the scope */
  readonly deployment?: DeploymentTurn;
}

export interface LeaseHolder {
  /** `host:pid:nonce`, for people and for the refusal. */
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  readonly bootId: string;
}

export interface Lease {
  readonly runtimeRunId: string;
  readonly holder: LeaseHolder;
  /** Grows with every holder; a write under an old one is refused. */
  readonly token: number;
  readonly expiresAtMs: number;
}

/** The one writer of a run. */
export interface RunWriter {
  readonly lease: Lease;
  /** Number of the last event that is durable; 0 on a new run. The next turn goes on from here. */
  readonly lastSeq: number;
  readonly artifacts: ArtifactStore;
  /** Appends and derives in one durable transaction. @throws AkcError LEASE_LOST, DISK_FULL, STORE_DAMAGED. */
  commit(turn: Turn): Promise<void>;
  /** Of the run and, where it is held, of the scope. @throws AkcError LEASE_LOST */
  renew(nowMs: number): Promise<void>;
  /**
   * Takes the scope's deployment for this writer until it is closed: one process at a time deploys in a scope, whatever run it is
   * of. Holding it already is no error. @throws AkcError SCOPE_HELD naming the holder
   */
  holdScope(nowMs: number): Promise<void>;
  /** Gives the lease and closes what it opened. */
  close(): Promise<void>;
}

/** Reads never wait for the writer. */
export interface RunReader {
  run(): Promise<RunRow>;
  /** In order, at most `limit`, with `seq > afterSeq`. */
  events(afterSeq: number, limit: number): Promise<readonly StoredEvent[]>;
  /** The event numbered `seq`, or null. */
  eventAt(seq: number): Promise<StoredEvent | null>;
  /** Only the payload of that event: the cheapest look at a single one. */
  payloadAt(seq: number): Promise<string | null>;
  actions(): Promise<readonly ActionRow[]>;
  /** In order of `actionId` by code point, at most `limit`, with `actionId > afterActionId` (`""` starts). */
  actionsAfter(afterActionId: string, limit: number): Promise<readonly ActionRow[]>;
  decisions(afterRow: number, limit: number): Promise<readonly (DecisionRow & { readonly row: number })[]>;
  lease(): Promise<Lease | null>;
  /** The whole inbox in the order of arrival; `takenSeq` is null while no step took it. */
  signals(): Promise<readonly (Signal & { readonly takenSeq: number | null })[]>;
  /** As last sealed, in order of `name`; empty before. */
  evidenceFiles(): Promise<readonly EvidenceFile[]>;
  readonly artifacts: Pick<ArtifactStore, "read" | "sizeOf">;
  close(): Promise<void>;
}

/** One scope's state. */
export interface Store {
  /** @throws AkcError LEASE_HELD naming the holder, RUN_EXISTS when the run has ended. */
  createRun(row: RunRow, holder: LeaseHolder, nowMs: number): Promise<RunWriter>;
  /**
   * Takes over a run whose holder is gone, or one that has ended, and goes on after its last event. The request to stop is
   * gone with the holder it was made to; status and outcome stay as they are until a turn changes them.
   * @throws AkcError LEASE_HELD naming the holder, RUN_NOT_FOUND
   */
  resumeRun(runtimeRunId: string, holder: LeaseHolder, nowMs: number): Promise<RunWriter>;
  openRun(runtimeRunId: string): Promise<RunReader>;
  listRuns(): Promise<readonly ListedRun[]>;
  /** How far each run has come, the newest first: cheap enough to ask after every change, however many runs there are. */
  runHeads(): Promise<readonly RunHead[]>;
  /** Asks the holder to stop; the kernel polls for it. Returns false when the run has already ended. */
  requestStop(runtimeRunId: string, nowMs: number): Promise<boolean>;
  /** Whether a stop was asked for. Cheap enough to poll. */
  stopRequested(runtimeRunId: string): Promise<boolean>;
  /** Signals that no step took yet, in the order of arrival. Cheap enough to poll. */
  openSignals(runtimeRunId: string): Promise<readonly Signal[]>;
  /**
   * Puts a signal into the inbox of a run that has not ended. False when one with this id is there already with the same
   * name and payload. @throws AkcError RUN_NOT_FOUND, RUN_EXISTS when it has ended, SIGNAL_CONFLICT, SIGNALS_TOO_MANY,
   * JSON_TOO_LARGE
   */
  sendSignal(runtimeRunId: string, signal: Signal): Promise<boolean>;
  /**
   * Ends a lease that is held, provided that its token is still `token`: the holder's next write is refused. The scope is free
   * too, where it was held on behalf of the run.
   * @throws AkcError RUN_NOT_FOUND, LEASE_MOVED with the token found
   */
  breakLease(runtimeRunId: string, token: number): Promise<Lease>;
  readonly deployment: DeploymentReader;
  /** Who deploys in this scope; null while nobody does. `runtimeRunId` is the run on whose behalf. */
  scopeLease(): Promise<Lease | null>;
  /**
   * Puts a word for the rollout, named by its whole id, into its inbox. While the same word waits there, that one is answered.
   * @throws AkcError ROLLOUT_NOT_FOUND, ROLLOUT_ENDED unless the command is `undo` or `retry`, ROLLOUT_REQUESTS_TOO_MANY
   */
  requestRollout(request: Omit<RolloutRequest, "number">): Promise<RolloutRequest>;
  /**
   * Removes a run and the artifacts that no other run has, in one transaction; of the scope's deployment nothing goes.
   * @throws AkcError LEASE_HELD, RUN_NOT_FOUND, ROLLOUT_OPEN while a rollout of the run is open
   */
  deleteRun(runtimeRunId: string, here: LeaseHolder, nowMs: number): Promise<void>;
  close(): Promise<void>;
}
