/**
 * Where a scope stands, as one word and one sentence, from its state: the first of what holds it up, what is under way and what it
 * has. Pure.
 */

import { type GateAnswer, isShut } from "../../autopilot/gates/model.ts";
import type { ScopeState } from "../../autopilot/model.ts";

export const phases = [
  "damaged",
  "escalated",
  "paused",
  "deploying",
  "baking",
  "recompiling",
  "proposed",
  "held",
  "failing",
  "candidate",
  "deployed",
  "empty",
] as const;
export type Phase = (typeof phases)[number];

export interface Standing {
  readonly phase: Phase;
  /** One line for people. */
  readonly why: string;
}

/** @param hookFault why the recompile hook failed the last time, where that is known */
export function standingOf(state: ScopeState, hookFault?: string): Standing {
  const { escalated, paused, attempt, recompiling, proposal, approval, held, fault, candidate, deployed } =
    state;
  if (escalated !== undefined) return { phase: "escalated", why: escalated.message };
  if (paused !== undefined) return { phase: "paused", why: `${paused.by}: ${paused.reason}` };
  if (attempt?.phase.kind === "running") {
    return { phase: "deploying", why: `${attempt.kind} of ${short(attempt.bundleSha256)}` };
  }
  if (attempt !== undefined) {
    return { phase: "baking", why: `${attempt.kind} of ${short(attempt.bundleSha256)} is watched` };
  }
  if (recompiling !== undefined) return { phase: "recompiling", why: "the hook was asked" };
  if (proposal !== undefined && approval?.bundleSha256 !== proposal.bundleSha256) {
    const what = `${proposal.kind} of ${short(proposal.bundleSha256)}`;
    return { phase: "proposed", why: `${what} waits for approve or deny` };
  }
  const [shut] = shutGates(held?.answers ?? []);
  if (shut !== undefined) return { phase: "held", why: `${shut.gate}: ${shut.message}` };
  if (fault !== undefined) return { phase: "failing", why: `${fault.message} [${fault.code}]` };
  if (state.consecutiveCompileFailures > 0) {
    return { phase: "failing", why: hookFailed(state.consecutiveCompileFailures, hookFault) };
  }
  if (candidate !== undefined) return { phase: "candidate", why: `${short(candidate.bundleSha256)} is next` };
  if (deployed !== undefined) return { phase: "deployed", why: `${short(deployed.bundleSha256)} stands` };
  return { phase: "empty", why: "nothing was deployed yet" };
}

/** What is deployed is said to stand only where the controller that looks does not know better. @param why what it does about it */
export function asSeen(standing: Standing, sighting: string | null | undefined, why?: string): Standing {
  if (standing.phase !== "deployed") return standing;
  if (sighting === "unseen") return { ...standing, why: why ?? "nobody can see what stands" };
  return sighting === "drifted" ? { ...standing, why: "what stands has drifted" } : standing;
}

function hookFailed(times: number, fault: string | undefined): string {
  const failed = "the recompile hook failed";
  if (times === 1) return fault === undefined ? failed : `${failed}: ${fault}`;
  return `${failed} ${times} times in a row${fault === undefined ? "" : `, the last time: ${fault}`}`;
}

/** Those that did not open, in their order. */
export function shutGates(answers: readonly GateAnswer[]): readonly GateAnswer[] {
  return answers.filter(isShut);
}

/** Enough of a hash to know it by. */
export function short(sha256: string): string {
  return sha256.slice(0, 12);
}
