/**
 * What a visit is handed and what it answers. Types only.
 */
import type { Clock } from "../../system/clock.ts";
import type { ScopeConfig } from "../config/model.ts";
import type {
  AutopilotStore,
  Chronicle,
  Gates,
  Offers,
  Rollouts,
  Sentries,
  Telling,
  TriggerSources,
} from "../contract.ts";
import type { Next } from "../decide.ts";
import type { Held } from "../lease/contract.ts";
import type { AttemptKind, ScopeId, ScopeState, Sighting } from "../model.ts";
import type { Recompiler } from "../recompile/contract.ts";

export interface AutopilotIds {
  /** UUIDv7: of attempts, of recompiles, of triggers. */
  eventId(): string;
  runtimeRunId(): string;
}

export interface VisitPorts {
  readonly store: AutopilotStore;
  readonly sources: TriggerSources;
  readonly offers: Offers;
  readonly sentries: Sentries;
  readonly recompiler: Recompiler;
  readonly gates: Gates;
  readonly rollouts: Rollouts;
  readonly chronicle: Chronicle;
  readonly clock: Clock;
  readonly ids: AutopilotIds;
  tell(told: Telling): void;
  /** A look was made: counted, not stored. */
  looked(scope: ScopeId, kind: Sighting["kind"], atMs: number): void;
}

/** What is remembered of a scope between its visits, in memory alone. */
export interface VisitMemory {
  /** By kind of attempt: the gates' last answers, so that the same ones are not recorded twice. */
  readonly heldBy: Map<AttemptKind, string>;
  /** The last entry that was told, or that was there before anything was. */
  toldSeq?: number | undefined;
}

export interface VisitOrder {
  readonly scope: ScopeConfig;
  readonly held: Held;
  readonly memory: VisitMemory;
  /** The time of the scope, never before `floorMs`: what its facts say already. */
  nowMs(floorMs: number): number;
  /** What the scope's facts say by now, each time that they say more: a visit may take as long as a rollout. */
  stands?(state: ScopeState): void;
  /** No new step may begin. */
  stopping(): boolean;
  /** Cuts off what is under way. */
  readonly cut: AbortSignal;
  /** A place for a step that takes long; undefined when as many are under way as may be. Returns how to give it back. */
  takePlace(): (() => void) | undefined;
}

export interface VisitFault {
  readonly code: string;
  readonly message: string;
}

export interface Visited {
  readonly state: ScopeState;
  readonly next: Next;
  readonly sighting?: Sighting | undefined;
  /** When it wants to be visited again, from now; absent: after the scope's interval. */
  readonly againInMs?: number | undefined;
  /** The first that went wrong. `whole`: nothing could be done in the scope. */
  readonly fault?: (VisitFault & { readonly whole: boolean }) | undefined;
  /** `place`: it waits for a place; `lost`: the scope is another controller's; `cut`: it was cut off. */
  readonly ended?: "place" | "lost" | "cut" | undefined;
}
