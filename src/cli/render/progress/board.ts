/**
 * What the watcher of a run knows: where every step stands, folded from the moments that the kernel reports.
 * Knows nothing of terminals; both the live picture and the plain lines are drawn from it.
 */

export interface PlannedStep {
  readonly id: string;
  readonly label: string;
  readonly waitsFor: readonly string[];
  /** Tries in all that it gets at most; the runtime's usual number where nobody says. */
  readonly triesMax?: number;
}

/** One thing that happened to one action. */
export type Moment = {
  /** The step's id, or the action's where there are no steps. */
  readonly id: string;
  /** For people; needed for actions that no plan announced. */
  readonly label: string;
  readonly atMs: number;
} & (
  | { readonly kind: "started"; readonly attempt: number }
  /** Without a length where another process saw it. */
  | { readonly kind: "succeeded"; readonly durationMs?: number | undefined }
  /** `signal` and `dueAtMs` say what ends the wait; null for what does not. */
  | { readonly kind: "suspended"; readonly signal: string | null; readonly dueAtMs: number | null }
  /** `attempt` is the one that failed, from 1. */
  | { readonly kind: "retrying"; readonly attempt: number; readonly delayMs: number; readonly why: string }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "denied"; readonly why: string }
  | { readonly kind: "blocked"; readonly by: readonly string[] }
  | { readonly kind: "cancelled" }
);

export type Phase = "waiting" | Moment["kind"];

export interface StepView {
  readonly id: string;
  readonly label: string;
  readonly waitsFor: readonly string[];
  readonly triesMax?: number;
  readonly phase: Phase;
  /** When it got into this phase; 0 while it waits. */
  readonly atMs: number;
  /** When its first attempt began. */
  readonly startedAtMs?: number;
  readonly durationMs?: number;
  readonly attempt: number;
  readonly delayMs?: number;
  readonly why?: string;
}

export type Tally = Readonly<Record<Phase, number>>;

const nothing: Tally = {
  waiting: 0,
  started: 0,
  suspended: 0,
  succeeded: 0,
  retrying: 0,
  failed: 0,
  denied: 0,
  blocked: 0,
  cancelled: 0,
};

/** Phases that somebody who watches must see, most urgent first. */
const notable: readonly Phase[] = [
  "failed",
  "denied",
  "started",
  "retrying",
  "suspended",
  "blocked",
  "cancelled",
];

export class Board {
  readonly #steps = new Map<string, StepView>();
  /** Ids by phase, in the order in which they got there; the waiting and the succeeded are only counted. */
  readonly #byPhase = new Map<Phase, Set<string>>(notable.map((phase) => [phase, new Set<string>()]));
  readonly #tally: Record<Phase, number> = { ...nothing };
  #retries = 0;

  /** @param before what happened before anybody watched */
  plan(steps: readonly PlannedStep[], before: readonly Moment[] = []): void {
    for (const step of steps) this.#steps.set(step.id, { ...step, phase: "waiting", atMs: 0, attempt: 0 });
    this.#tally.waiting += steps.length;
    for (const moment of before) this.apply(moment);
  }

  /** Takes a moment in and returns the step as it is now. */
  apply(moment: Moment): StepView {
    const before = this.#steps.get(moment.id);
    const step = advance(before ?? unplanned(moment), moment);
    if (moment.kind === "retrying") this.#retries++;
    if (before !== undefined) this.#tally[before.phase]--;
    this.#tally[step.phase]++;
    if (before !== undefined) this.#byPhase.get(before.phase)?.delete(step.id);
    this.#byPhase.get(step.phase)?.add(step.id);
    this.#steps.set(step.id, step);
    return step;
  }

  get tally(): Tally {
    return this.#tally;
  }

  /** How often anything was tried again, or will be. */
  get retries(): number {
    return this.#retries;
  }

  get total(): number {
    return this.#steps.size;
  }

  step(id: string): StepView | undefined {
    return this.#steps.get(id);
  }

  /** All steps when there are at most `max`, else the notable ones: the most urgent phases first, newest of each. */
  visible(max: number): readonly StepView[] {
    if (this.#steps.size <= max) return [...this.#steps.values()];
    const ids: string[] = [];
    for (const phase of notable) {
      const room = max - ids.length;
      if (room <= 0) break;
      ids.push(...[...(this.#byPhase.get(phase) ?? [])].slice(-room));
    }
    return ids.flatMap((id) => this.#steps.get(id) ?? []);
  }

  /** Those of a waiting step's predecessors that are not done yet. */
  pending(step: StepView): readonly string[] {
    return step.waitsFor.filter((id) => this.#steps.get(id)?.phase !== "succeeded");
  }
}

function unplanned({ id, label }: Moment): StepView {
  return { id, label, waitsFor: [], phase: "waiting", atMs: 0, attempt: 0 };
}

function advance(step: StepView, moment: Moment): StepView {
  const { id, label, waitsFor, triesMax, attempt, startedAtMs } = step;
  const kept = {
    id,
    label,
    waitsFor,
    attempt,
    ...(triesMax === undefined ? {} : { triesMax }),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
  };
  const moved = { ...kept, phase: moment.kind, atMs: moment.atMs };
  switch (moment.kind) {
    case "started":
      return { ...moved, attempt: moment.attempt, startedAtMs: startedAtMs ?? moment.atMs };
    case "succeeded": {
      // What people waited for is the whole of it, tries that failed included.
      const whole = attempt > 1 && startedAtMs !== undefined ? moment.atMs - startedAtMs : moment.durationMs;
      return { ...moved, ...(whole === undefined ? {} : { durationMs: whole }) };
    }
    case "suspended":
      return { ...moved, why: waitText(moment) };
    case "retrying":
      return { ...moved, attempt: moment.attempt, delayMs: moment.delayMs, why: moment.why };
    case "failed":
    case "denied":
      return {
        ...moved,
        why: moment.why,
        ...(startedAtMs === undefined ? {} : { durationMs: moment.atMs - startedAtMs }),
      };
    case "blocked":
      return { ...moved, why: moment.by.join(", ") };
    case "cancelled":
      return moved;
  }
}

/** `signal go-live until 2026-01-02T03:04:05Z` */
function waitText({ signal, dueAtMs }: Extract<Moment, { kind: "suspended" }>): string {
  const what = signal === null ? "the clock" : `signal ${signal}`;
  if (dueAtMs === null) return what;
  return `${what} until ${new Date(dueAtMs).toISOString().replace(/\.\d+Z$/, "Z")}`;
}
