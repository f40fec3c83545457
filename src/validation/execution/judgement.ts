/**
 * What carrying out one binding came to, before it is written down: the answer, who gave it, and all that was seen on the way.
 * Data, and the answers that akc gives itself where a validator gave none.
 */
import type { WireContext } from "../../sdk/protocol.ts";
import type { Answer, Exchange, Validator } from "../../validators/contract.ts";
import type { Binding } from "../bindings/model.ts";

/** One try of a binding. */
export interface Attempt {
  readonly answer: Answer;
  /** `akc` where the validator was not asked, did not answer in time, or broke. */
  readonly judgedBy: "validator" | "akc";
  /** What the validator took for now. */
  readonly evaluatedAtMs: number;
  readonly endedAtMs: number;
  readonly durationMs: number;
  readonly exchanges: readonly Exchange[];
}

export interface Judgement {
  readonly binding: Binding;
  /** Absent where nobody judges the kind. */
  readonly validator?: Pick<Validator, "id" | "plugin">;
  readonly context?: WireContext;
  readonly criterionIds: readonly string[];
  /** At least one; the last one counts. */
  readonly attempts: readonly [...Attempt[], Attempt];
}

export function lastAttempt({ attempts }: Judgement): Attempt {
  const [last] = attempts.slice(-1);
  return last ?? attempts[0];
}

/** An answer of akc's own: nothing was seen, so it is never more than an error. */
export function errorAnswer(reason: string, message: string): Answer {
  return { verdict: "error", reason, message, observed: {}, evidence: {}, attachments: [] };
}
