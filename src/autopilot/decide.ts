/**
 * What is to be done next in a scope, from what is known of it and what was seen: level-based, so that a missed event costs
 * nothing. Never does anything, never asks a gate, and never takes what nobody could see for drift or for health.
 *
 * Source: spec cli §14.7 (the order); Flagger, controller-runtime (design only).
 */
import { classOf } from "../errors.ts";
import { limits } from "../limits.ts";
import { recompileBackoffMs } from "./backoff.ts";
import { cooldownOf, escalationDue } from "./budget.ts";
import type { ScopeConfig } from "./config/model.ts";
import {
  type AttemptKind,
  type EscalationReason,
  type Offer,
  type OpenAttempt,
  type ScopeState,
  type Sighting,
  scopeName,
  type Trigger,
} from "./model.ts";

/** What is to be done next in a scope: what `decide` answers from the state, a look and the clock. */
export type Next =
  | { readonly do: "nothing"; readonly why: string }
  /** Until a person says so: paused, escalated, a proposal that waits. */
  | { readonly do: "hold"; readonly why: "paused" | "escalated" | "proposed" | "observing" }
  /** By itself, later: a cool-down, a backoff, a bake. */
  | { readonly do: "wait"; readonly why: string; readonly untilMs: number }
  | { readonly do: "recover"; readonly attempt: OpenAttempt }
  /** A bake that is over, or that has failed before its time. */
  | { readonly do: "conclude"; readonly attempt: OpenAttempt; readonly failed?: string | undefined }
  | {
      readonly do: "attempt";
      readonly kind: AttemptKind;
      readonly offer: Offer;
      readonly triggerIds: readonly string[];
    }
  | { readonly do: "recompile"; readonly triggers: readonly Trigger[] }
  | { readonly do: "settle"; readonly triggerIds: readonly string[]; readonly by: "gone" | "observed" }
  | { readonly do: "escalate"; readonly reason: EscalationReason; readonly message: string };

export interface Situation {
  readonly state: ScopeState;
  readonly config: Pick<ScopeConfig, "scope" | "mode" | "budgets" | "triggers" | "rollout" | "gates">;
  /** Of what is deployed, or of what an attempt that bakes has made; undefined where nobody has looked. */
  readonly sighting?: Sighting | undefined;
  /** Whether somebody can be asked for a recompile. */
  readonly hasHook: boolean;
  readonly nowMs: number;
  /** What gates did not let through a moment ago: the rest has its turn. */
  readonly shut?: readonly AttemptKind[] | undefined;
}

export function decide(situation: Situation): Next {
  const { state, config, nowMs } = situation;
  if (state.paused !== undefined) return { do: "hold", why: "paused" };
  if (state.escalated !== undefined) return { do: "hold", why: "escalated" };
  if (state.attempt !== undefined) return ofOpenAttempt(state.attempt, situation);
  const escalation = escalationDue(state, config.budgets, nowMs);
  if (escalation !== undefined) return { do: "escalate", ...escalation };
  const settled = toSettle(situation);
  if (settled !== undefined) return settled;
  if (config.mode === "observe") return observed(situation);
  const answers = [rollout(situation), repair(situation), recompile(situation)].filter(
    (answer) => answer !== undefined,
  );
  return (
    answers.find(({ do: what }) => what === "attempt" || what === "recompile") ??
    earliest(answers) ??
    answers.find(({ do: what }) => what === "hold") ?? { do: "nothing", why: whyNothing(situation) }
  );
}

/** What the bundle of an attempt made is watched; what another process left is taken up first. */
function ofOpenAttempt(attempt: OpenAttempt, { state, config, sighting, nowMs }: Situation): Next {
  if (attempt.phase.kind === "running") return { do: "recover", attempt };
  if (attempt.kind === "rollout" && state.rejected.includes(attempt.bundleSha256)) {
    return { do: "conclude", attempt, failed: "a person denied the bundle while it was watched" };
  }
  const { untilMs } = attempt.phase;
  switch (sighting?.kind) {
    case "drifted":
      return { do: "conclude", attempt, failed: `it did not hold: ${driftWords(sighting)}` };
    case "standing":
    case "nothing":
      if (nowMs >= untilMs) return { do: "conclude", attempt };
      return { do: "wait", why: "bake", untilMs: Math.min(untilMs, nowMs + config.rollout.bakeLookMs) };
    case "unseen":
    case undefined:
      // Nobody would ever end it, and other scopes wait for its place.
      if (sighting !== undefined && nowMs >= untilMs + limits.autopilotBlindBakeMsMax && stays(sighting.code))
        return { do: "conclude", attempt, failed: `nobody can see what stands (${sighting.code})` };
      // Neither kept nor brought back by somebody who sees nothing; the next look tells.
      return {
        do: "wait",
        why: sighting === undefined ? "bake" : `bake: nobody can see what stands (${sighting.code})`,
        untilMs: nowMs + config.rollout.bakeLookMs,
      };
  }
}

/** Such as a bundle that is gone; a provider that does not answer may do so again. */
function stays(code: string): boolean {
  const kind = classOf(code);
  return (
    kind === undefined || kind === "usage" || kind === "denied" || kind === "terminal" || kind === "internal"
  );
}

/** Triggers that nobody needs to act on: what they are about is over, or nobody is there to ask. */
function toSettle({ state, config, sighting, hasHook }: Situation): Next | undefined {
  const drifts = idsOf(state.openTriggers.filter(isDrift));
  if (drifts.length > 0 && (sighting?.kind === "standing" || sighting?.kind === "nothing")) {
    return { do: "settle", triggerIds: drifts, by: "gone" };
  }
  const others = idsOf(state.openTriggers.filter((trigger) => !isDrift(trigger)));
  if (others.length > 0 && (config.mode === "observe" || !hasHook)) {
    return { do: "settle", triggerIds: others, by: "observed" };
  }
  return undefined;
}

function observed({ state, sighting, ...rest }: Situation): Next {
  if (state.candidate !== undefined || sighting?.kind === "drifted") return { do: "hold", why: "observing" };
  return { do: "nothing", why: whyNothing({ state, sighting, ...rest }) };
}

function rollout(situation: Situation): Next | undefined {
  const { state, config, shut } = situation;
  const { candidate } = state;
  if (candidate === undefined || shut?.includes("rollout")) return undefined;
  if (state.rejected.includes(candidate.bundleSha256)) return undefined;
  const waits = config.mode === "propose" || config.gates.approval !== "never";
  if (waits && isProposed(state, "rollout", candidate.bundleSha256)) return { do: "hold", why: "proposed" };
  const { atMs: _, ...offer } = candidate;
  const triggerIds = idsOf(state.openTriggers.filter(endsWithRollout));
  return cooling(situation) ?? { do: "attempt", kind: "rollout", offer, triggerIds };
}

function repair(situation: Situation): Next | undefined {
  const { state, config, sighting, shut } = situation;
  const { deployed } = state;
  if (sighting?.kind !== "drifted" || deployed === undefined || !config.triggers.drift) return undefined;
  if (shut?.includes("repair") || isLeftToHook(situation)) return undefined;
  // Denied by a person, who has not said `ack` since.
  if (state.rejected.includes(deployed.bundleSha256)) return undefined;
  const waits = config.mode === "propose" || config.gates.approval === "always";
  const isWaiting = isProposed(state, "repair", deployed.bundleSha256);
  // There is one place for a plan to be looked at; another one would only push it out.
  const isOtherWaiting = state.proposal?.kind === "rollout" && state.candidate !== undefined;
  if (waits && (isWaiting || isOtherWaiting)) return { do: "hold", why: "proposed" };
  const { bundlePath, bundleSha256 } = deployed;
  return (
    cooling(situation) ?? {
      do: "attempt",
      kind: "repair",
      // Of which compile run it is does not matter any more: it stood here before.
      offer: { bundlePath, bundleSha256, runId: "", source: "configured" },
      triggerIds: idsOf(state.openTriggers.filter(isDrift)),
    }
  );
}

function recompile(situation: Situation): Next | undefined {
  const { state, config, hasHook, nowMs } = situation;
  if (!hasHook || state.recompiling !== undefined) return undefined;
  const triggers = state.openTriggers.filter((trigger) => !isDrift(trigger) || isLeftToHook(situation));
  if (triggers.length === 0) return undefined;
  const { consecutiveCompileFailures: failures, lastCompileFailureAtMs: failedAtMs } = state;
  if (failedAtMs !== undefined) {
    const untilMs = failedAtMs + recompileBackoffMs(scopeName(config.scope), failures);
    if (nowMs < untilMs) return { do: "wait", why: "the recompile hook failed", untilMs };
  }
  return { do: "recompile", triggers };
}

/** A repair that failed is not tried again before the hook was asked: what stands may not be mendable by what should stand. */
function isLeftToHook({ state, sighting, hasHook }: Situation): boolean {
  const failedAtMs = state.lastRepairFailureAtMs;
  if (!hasHook || failedAtMs === undefined || sighting?.kind !== "drifted") return false;
  const drifts = state.openTriggers.filter(isDrift);
  return drifts.length > 0 && drifts.every(({ atMs }) => atMs <= failedAtMs);
}

function cooling({ state, config, nowMs }: Situation): Next | undefined {
  const cooldown = cooldownOf(state, config.budgets);
  if (cooldown === undefined || nowMs >= cooldown.untilMs) return undefined;
  return { do: "wait", why: `cool-down after ${cooldown.after}`, untilMs: cooldown.untilMs };
}

function isProposed(state: ScopeState, kind: AttemptKind, sha256: string): boolean {
  if (state.approval?.bundleSha256 === sha256) return false;
  return state.proposal?.kind === kind && state.proposal.bundleSha256 === sha256;
}

function earliest(answers: readonly Next[]): Next | undefined {
  const waits = answers.flatMap((answer) => (answer.do === "wait" ? [answer] : []));
  return waits.sort((one, other) => one.untilMs - other.untilMs)[0];
}

function whyNothing({ state, sighting, shut }: Situation): string {
  if (shut !== undefined && shut.length > 0) return "gates are closed";
  if (sighting?.kind === "unseen") return `nobody can see what stands (${sighting.code})`;
  if (sighting?.kind === "drifted") return "what drifted is not to be repaired";
  return state.deployed === undefined ? "nothing is deployed" : "all stands as it should";
}

/** One line for people: the first few of the resources. @param sighting what drifted */
export function driftWords({ resources }: Extract<Sighting, { kind: "drifted" }>): string {
  const shown = resources.slice(0, 3).map(({ resourceId, what }) => `${resourceId} ${what}`);
  const more = resources.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

function isDrift({ kind }: Trigger): boolean {
  return kind === "drift";
}

/** About what stood before: a bundle that is rolled out in its place and kept answers them. */
function endsWithRollout({ kind }: Trigger): boolean {
  return (
    kind === "drift" || kind === "runtime_event" || kind === "validity_failed" || kind === "changed_intent"
  );
}

function idsOf(triggers: readonly Trigger[]): readonly string[] {
  return triggers.map(({ id }) => id);
}
