/**
 * Which of the documented refusals the answers of gates amount to, and in which words decisions and the history say so.
 * It names what was refused; it never decides whether something is.
 *
 * Source: spec cli §14.7, §14.10–§14.13.
 */
import { type GateAnswer, isShut } from "../gates/model.ts";

/** The word of the decision. `rollout_waiting` is akc's own: nothing was refused, a time or a person is waited for. */
export type RefusalWord =
  | "promotion_prevented"
  | "slo_gate_prevented"
  | "budget_prevented"
  | "rollout_waiting";

export interface Refusal {
  readonly word: RefusalWord;
  /** The answer that counts: the first that did not open, in the order in which gates stand. */
  readonly answer: GateAnswer;
  /** `prevented_reason` of the history. Undefined for what only waits: a promotion that comes later was not prevented. */
  readonly historyReason?: string;
}

/** Undefined when all are open. */
export function refusalOf(answers: readonly GateAnswer[]): Refusal | undefined {
  const shut = answers.filter(isShut);
  const answer = shut.find(({ gate }) => !waits.has(gate)) ?? shut[0];
  if (answer === undefined) return undefined;
  switch (answer.gate) {
    case "policy":
      // The documented KPI counts this very word; what the policy said exactly stands in the answer.
      return {
        word: "promotion_prevented",
        answer,
        historyReason: answer.verdict === "closed" ? policyDenied : answer.reason,
      };
    case "promotion":
      return { word: "promotion_prevented", answer, historyReason: answer.reason };
    case "slo":
      return {
        word: "slo_gate_prevented",
        answer,
        historyReason: `slo_gate:${sloStatusOf(answer)}:${answer.reason}`,
      };
    case "budget":
      return { word: "budget_prevented", answer, historyReason: `budget_prevented:${answer.reason}` };
    default:
      return { word: "rollout_waiting", answer };
  }
}

/** `gate_status` of the SLO gate's answer. */
export function sloStatusOf({ verdict, reason, details }: GateAnswer): string {
  const said = details?.["gate_status"];
  if (typeof said === "string") return said;
  if (verdict === "error") return "error";
  return reason === "min_rollouts_total_not_met" ? "insufficient_history" : "prevented";
}

export const policyDenied = "policy_denied";

const waits: ReadonlySet<string> = new Set(["window", "freeze", "approval"]);
