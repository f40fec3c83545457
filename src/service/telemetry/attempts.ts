/**
 * Which attempts and recompiles are under way, put together from what the controller tells, so that an end can be told with its
 * beginning. Bounded; an end whose beginning nobody saw is told without it.
 */
import type { ControllerStatus, Telling } from "../../autopilot/contract.ts";
import type { AttemptKind, AttemptVerdict, Fact, RunOutcome, ScopeId } from "../../autopilot/model.ts";
import { limits } from "../../limits.ts";

export interface TrackedAttempt {
  readonly attemptId: string;
  readonly scope: ScopeId;
  readonly kind: AttemptKind;
  readonly bundleSha256: string;
  readonly runtimeRunId: string;
  readonly startedAtMs: number;
  /** Its run has ended well, and what it made is watched. */
  readonly deployed?: { readonly atMs: number; readonly run: RunOutcome } | undefined;
}

export type AttemptNews =
  | { readonly news: "started" | "deployed"; readonly attempt: TrackedAttempt }
  | {
      readonly news: "ended";
      readonly attemptId: string;
      readonly scope: ScopeId;
      readonly atMs: number;
      readonly verdict: AttemptVerdict;
      readonly run?: RunOutcome | undefined;
      readonly message?: string | undefined;
      /** Undefined where nobody saw it begin. */
      readonly attempt?: TrackedAttempt | undefined;
    };

export interface AttemptTracker {
  /** What the telling says about an attempt; undefined where it is about something else. */
  told(told: Telling): AttemptNews | undefined;
  /** Takes over what was under way before anybody listened. */
  look(status: ControllerStatus): void;
}

export function trackAttempts(): AttemptTracker {
  const open = new Map<string, TrackedAttempt>();
  const keep = (attempt: TrackedAttempt) => {
    open.delete(attempt.attemptId);
    open.set(attempt.attemptId, attempt);
    const [oldest] = open.keys();
    if (open.size > limits.attemptsTrackedMax && oldest !== undefined) open.delete(oldest);
    return attempt;
  };
  return {
    told(told) {
      if (told.kind !== "entry") return undefined;
      const { scope, entry } = told;
      const { fact } = entry;
      switch (fact.type) {
        case "attempt_started":
          return { news: "started", attempt: keep(begun(scope, fact, entry.atMs)) };
        case "attempt_deployed": {
          const known = open.get(fact.attemptId);
          if (known === undefined) return undefined;
          const deployed = { atMs: entry.atMs, run: fact.run };
          return { news: "deployed", attempt: keep({ ...known, deployed }) };
        }
        case "attempt_ended": {
          const attempt = open.get(fact.attemptId);
          open.delete(fact.attemptId);
          const { attemptId, verdict, message } = fact;
          const run = fact.run ?? attempt?.deployed?.run;
          return { news: "ended", attemptId, scope, atMs: entry.atMs, verdict, run, message, attempt };
        }
        default:
          return undefined;
      }
    },
    look(status) {
      for (const { scope, state, holding } of status.scopes) {
        const { attempt } = state;
        if (attempt === undefined || !holding || open.has(attempt.attemptId)) continue;
        const { attemptId, kind, bundleSha256, runtimeRunId, startedAtMs, phase } = attempt;
        const deployed =
          phase.kind === "baking" ? { atMs: phase.run.finishedAtMs, run: phase.run } : undefined;
        keep({ attemptId, scope, kind, bundleSha256, runtimeRunId, startedAtMs, deployed });
      }
    },
  };
}

function begun(
  scope: ScopeId,
  { attempt }: Extract<Fact, { readonly type: "attempt_started" }>,
  startedAtMs: number,
): TrackedAttempt {
  const { attemptId, kind, bundleSha256, runtimeRunId } = attempt;
  return { attemptId, scope, kind, bundleSha256, runtimeRunId, startedAtMs };
}
