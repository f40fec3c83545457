/**
 * Asks every gate that stands before an attempt, in their order. Each answers for itself; that one is closed keeps no other from
 * saying what it makes of the attempt, and none that breaks lets anything pass.
 *
 * Source: spec cli §14.7, §14.10, §14.11; docs/autopilot.md.
 */
import { AkcError } from "../../errors.ts";
import type { Gates } from "../contract.ts";
import type { AttemptKind, ScopeId } from "../model.ts";
import { skipped, unable } from "./answer.ts";
import { approvalGate } from "./approval.ts";
import { budgetGate } from "./budget.ts";
import { freezeGate } from "./freeze.ts";
import { type GateAnswer, type GateName, gateNames } from "./model.ts";
import { policyGate } from "./policy.ts";
import { type PromotionAnswer, promotionGate } from "./promotion.ts";
import { type SloKpi, sloGate } from "./slo.ts";
import { weighedBundle } from "./weighed-bundle.ts";
import { windowGate } from "./window.ts";

export interface GatesDeps {
  /** Of akc itself: it opens the gates of deployment providers. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The documented KPIs of the scope's history from `fromMs` up to and without `toMs`. */
  readonly kpi: (scope: ScopeId, fromMs: number, toMs: number) => Promise<SloKpi>;
}

/** A repair brings back what was gated already: of it, less is asked. */
const askedOf: Readonly<Record<AttemptKind, ReadonlySet<GateName>>> = {
  rollout: new Set(gateNames),
  repair: new Set(["policy", "budget", "freeze", "approval"]),
};

export function createGates({ env, kpi }: GatesDeps): Gates {
  return {
    async ask(question, signal) {
      signal.throwIfAborted();
      const { scope, kind, offer, nowMs, wallMs = nowMs } = question;
      const { gates } = scope;
      // Two gates look at the bundle; it is read once, and only now.
      let read: ReturnType<typeof weighedBundle> | undefined;
      const weigh = () => (read ??= weighedBundle(scope, offer));
      let promotion: Partial<PromotionAnswer> = {};
      const ask: Readonly<Record<GateName, () => GateAnswer | Promise<GateAnswer>>> = {
        policy: () => policyGate(weigh, { env }),
        promotion: async () => {
          const answered = await promotionGate(question, weigh);
          promotion = answered;
          return answered.answer;
        },
        slo: () => sloGate(gates.slo, () => kpi(scope.scope, nowMs - scope.score.windowMs, nowMs)),
        budget: () => budgetGate(question),
        window: () => windowGate(gates.windows, wallMs),
        freeze: () => freezeGate(gates.freezes, kind, wallMs),
        approval: () => approvalGate(question),
      };
      const answers: GateAnswer[] = [];
      for (const gate of gateNames) {
        answers.push(
          askedOf[kind].has(gate)
            ? await answered(gate, ask[gate])
            : skipped(gate, "not_asked_of_repairs", "a repair brings out nothing new"),
        );
        signal.throwIfAborted();
      }
      const { compileApply } = promotion;
      return { answers, ...(compileApply === undefined ? {} : { compileApply }) };
    },
  };
}

async function answered(gate: GateName, ask: () => GateAnswer | Promise<GateAnswer>): Promise<GateAnswer> {
  try {
    return await ask();
  } catch (cause) {
    const { code, message, hint } = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
    return unable(gate, {
      reason: gate === "slo" ? "slo_gate_evaluation_error" : `${gate}_gate_evaluation_error`,
      message,
      opens: hint,
      details: { code, ...(gate === "slo" ? { gate_status: "error" } : {}) },
    });
  }
}
