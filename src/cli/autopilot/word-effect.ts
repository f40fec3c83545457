/**
 * What a person's word would change in a scope as it stands: whether it is to be said, was said already, or has nothing to speak of.
 * Pure; the state itself is only ever changed by the fact.
 */
import type { ScopeState, Word } from "../../autopilot/model.ts";
import { AkcError } from "../../errors.ts";

export type Effect =
  | {
      /** `already`: it is as the word would make it, and nothing is said. */
      readonly kind: "said" | "already";
      /** `paused`, `already_paused`, … */
      readonly status: string;
      readonly next: string;
      readonly bundleSha256?: string | undefined;
    }
  | { readonly kind: "refused"; readonly error: AkcError };

/**
 * @param bundle a hash or a beginning of it, where the person named one
 * @param name of the scope, for people
 */
export function effectOf(word: Word, state: ScopeState, bundle: string | undefined, name: string): Effect {
  switch (word) {
    case "pause":
      return pause(state);
    case "resume":
      return resume(state);
    case "ack":
      return ack(state, name);
    case "approve":
      return approve(state, bundle, name);
    case "deny":
      return deny(state, bundle, name);
  }
}

function pause({ paused, attempt }: ScopeState): Effect {
  if (paused !== undefined) {
    return { kind: "already", status: "already_paused", next: `by ${paused.by}: ${paused.reason}` };
  }
  const open =
    attempt === undefined
      ? "nothing is begun until somebody says resume"
      : `the ${attempt.kind} that is open stays as it is until somebody says resume`;
  return { kind: "said", status: "paused", next: open };
}

function resume({ paused, escalated }: ScopeState): Effect {
  const rest = escalated === undefined ? "" : "; it stays escalated until somebody says ack";
  if (paused === undefined)
    return { kind: "already", status: "not_paused", next: `there is nothing to resume${rest}` };
  return { kind: "said", status: "resumed", next: `it is visited at once${rest}` };
}

function ack(state: ScopeState, name: string): Effect {
  const { escalated, rejected, consecutiveFailures, consecutiveCompileFailures, paused } = state;
  const failures = consecutiveFailures + consecutiveCompileFailures;
  if (escalated === undefined && rejected.length === 0 && failures === 0) {
    return refused("AUTOPILOT_NOTHING_TO_SAY", `${name} is not escalated, and nothing in it has failed`, {
      hint: "`akc autopilot status` shows what holds it, if anything does.",
    });
  }
  const tried = rejected.length === 0 ? "" : `; ${rejected.length} rejected may be tried again`;
  const rest = paused === undefined ? "" : "; it stays paused until somebody says resume";
  return { kind: "said", status: "acknowledged", next: `failures count from none again${tried}${rest}` };
}

function approve(state: ScopeState, bundle: string | undefined, name: string): Effect {
  const { proposal, held, approval } = state;
  const gate = held?.answers.some((answer) => answer.gate === "approval" && answer.verdict === "closed");
  const waiting = proposal?.bundleSha256 ?? (gate === true ? held?.bundleSha256 : undefined);
  if (approval !== undefined && (waiting === undefined || waiting === approval.bundleSha256)) {
    if (bundle === undefined || isOf(approval.bundleSha256, bundle)) {
      const { bundleSha256, by } = approval;
      return { kind: "already", status: "already_approved", next: `${bundleSha256} by ${by}`, bundleSha256 };
    }
  }
  if (waiting === undefined) {
    return refused("AUTOPILOT_NOTHING_TO_SAY", `nothing is proposed in ${name}`, {
      hint: "An approval is given to a proposal; `akc autopilot status` shows when there is one.",
    });
  }
  if (bundle !== undefined && !isOf(waiting, bundle)) return another(bundle, [waiting], name);
  const kind = proposal?.kind ?? held?.kind ?? "rollout";
  const next = `the ${kind} of ${waiting} begins when the other gates are open`;
  return { kind: "said", status: "approved", next, bundleSha256: waiting };
}

function deny(state: ScopeState, bundle: string | undefined, name: string): Effect {
  const { proposal, held, candidate, rejected, attempt } = state;
  const watched =
    attempt?.kind === "rollout" && attempt.phase.kind === "baking" ? attempt.bundleSha256 : undefined;
  const waiting = [proposal?.bundleSha256, held?.bundleSha256, candidate?.bundleSha256, watched].filter(
    (sha256) => sha256 !== undefined,
  );
  const denied = bundle === undefined ? undefined : rejected.find((sha256) => isOf(sha256, bundle));
  if (denied !== undefined) {
    const next = `${denied} is not tried until somebody says ack`;
    return { kind: "already", status: "already_rejected", next, bundleSha256: denied };
  }
  const meant = bundle === undefined ? waiting[0] : waiting.find((sha256) => isOf(sha256, bundle));
  if (meant === undefined && waiting.length === 0) {
    return refused("AUTOPILOT_NOTHING_TO_SAY", `nothing is proposed in ${name}`, {
      hint: "A bundle can be denied while it is proposed, held back by gates, waiting or watched.",
    });
  }
  if (meant === undefined) return another(bundle ?? "", [...new Set(waiting)], name);
  const back = meant === watched ? "it is brought back, and" : "it";
  return {
    kind: "said",
    status: "denied",
    next: `${meant}: ${back} is not tried again until somebody says ack`,
    bundleSha256: meant,
  };
}

/** As short as a person may write it. */
const prefixCharsMin = 6;

function isOf(sha256: string, written: string): boolean {
  const prefix = written.trim().toLowerCase();
  return prefix.length >= prefixCharsMin && sha256.startsWith(prefix);
}

function another(bundle: string, proposed: readonly string[], name: string): Effect {
  return refused("AUTOPILOT_NOT_PROPOSED", `${bundle} is not what is proposed in ${name}`, {
    hint: `Proposed is ${proposed.join(", ")}; look at its plan, and name it or leave --bundle out.`,
    details: { bundle, proposed },
  });
}

function refused(
  code: "AUTOPILOT_NOTHING_TO_SAY" | "AUTOPILOT_NOT_PROPOSED",
  message: string,
  more: { readonly hint: string; readonly details?: Readonly<Record<string, unknown>> },
): Effect {
  return { kind: "refused", error: new AkcError(code, { message, ...more }) };
}
