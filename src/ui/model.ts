/**
 * What the live page is made of and what it is handed: pages as parts that change one by one, how things are called, and the few words
 * that may be said from it. Types only; nothing here looks at a store, a clock or a request.
 */
import type { ScopeId, Word } from "../autopilot/model.ts";
import type { Burn } from "../autopilot/score/burn.ts";
import type { BarWindow } from "../autopilot/score/chart/bars.ts";
import type { Scoreboard } from "../autopilot/score/scoreboard.ts";
import type { Markup } from "../picture/html/markup.ts";
import type { Lease, ListedRun } from "../store/contract.ts";

/** Where it listens. Over TCP only on loopback. */
export type UiListen =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

export const places = ["runs", "rollouts", "leases", "autopilot"] as const;
export type Place = (typeof places)[number];

/** A piece of a page that is sent anew when it has changed. */
export interface Part {
  /** Unique in the page; letters and dashes. */
  readonly id: string;
  readonly body: Markup;
}

export interface Page {
  readonly title: string;
  /** Which entry of the menu it belongs to. */
  readonly place: Place | undefined;
  /** The way to it, outermost first, without itself. */
  readonly path: readonly Crumb[];
  readonly parts: readonly Part[];
  /** HTTP status; 200 where absent. */
  readonly status?: number;
  /** Whether it can change while somebody looks. */
  readonly live: boolean;
  /** Whether it shows a picture of a run, which has a script of its own. */
  readonly isPicture?: boolean;
}

export interface Crumb {
  readonly label: string;
  readonly href: string;
}

export interface FoundRun {
  readonly row: ListedRun;
  /** `<outputs_root>/<tenant>/<repo>`, absolute. */
  readonly scopeRoot: string;
}

/** A scope that cannot be read, and why. */
export interface LeftOut {
  readonly scopeRoot: string;
  readonly code: string;
  readonly message: string;
}

/** How a scope of the autopilot stands, as `akc autopilot status` says it. */
export interface SeenScope {
  readonly scope: ScopeId;
  readonly phase: string;
  readonly why: string;
  readonly mode?: string | undefined;
  readonly holder?: { readonly name: string; readonly beatAgeMs?: number | undefined } | undefined;
  readonly budgets: readonly { readonly budget: string; readonly used: number; readonly limit?: number }[];
  readonly next?: { readonly do: string; readonly why: string } | undefined;
  readonly nextVisitAtMs?: number | undefined;
  readonly wayOut?: string | undefined;
}

export interface SeenAutopilot {
  readonly controllers: readonly {
    readonly holder: string;
    readonly host: string;
    readonly pid: number;
    readonly beatAtMs: number;
    readonly scopesHeld: number;
    readonly version: string;
  }[];
  readonly scopes: readonly SeenScope[];
}

/** As `akc autopilot scoreboard` counts it. */
export interface SeenScores {
  readonly scopes: readonly {
    readonly scope: ScopeId;
    readonly board: Scoreboard;
    readonly burns: readonly Burn[];
  }[];
  readonly total: Scoreboard;
  readonly bars: readonly BarWindow[];
}

/** How the commands call things, so that a page and a command never say two words for one thing. */
export interface Words {
  /** Whether the holder of a lease can still be there, and one clause about it. */
  holder(lease: Lease | null, nowMs: number): { readonly isHeld: boolean; readonly text: string };
  /** Undefined where no autopilot has worked below the outputs root. */
  autopilot(): Promise<SeenAutopilot | undefined>;
  scores(windowMs: number): Promise<SeenScores>;
}

/** What came of a word, for people. */
export interface Told {
  readonly isDone: boolean;
  /** What the command has printed, a line each. */
  readonly lines: readonly string[];
  readonly code?: string;
}

export const rolloutWords = ["pause", "resume", "promote", "abort"] as const;
export type RolloutWord = (typeof rolloutWords)[number];

/** Exactly what the commands do that have these names; each is kept with the name of whoever runs the server. */
export interface Control {
  /** Who is written down as the sender. */
  readonly sender: string;
  /** `akc runtime signal` */
  answer(input: {
    readonly scope: ScopeId;
    readonly runtimeRunId: string;
    readonly signal: string;
    readonly approved: boolean;
    readonly reason: string;
    /** Sending twice sends once. */
    readonly id: string;
  }): Promise<Told>;
  /** `akc autopilot WORD` */
  sayToAutopilot(input: {
    readonly scope: ScopeId;
    readonly word: Word;
    readonly reason: string;
  }): Promise<Told>;
  /** `akc rollout WORD --no-drive` */
  sayToRollout(input: {
    readonly scope: ScopeId;
    readonly rolloutId: string;
    readonly word: RolloutWord;
  }): Promise<Told>;
}
