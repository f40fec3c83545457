/**
 * The answers that gates give, in the forms that all of them share, so that no gate forgets to say what would open it. Pure.
 */
import type { JsonObject } from "../../json/value.ts";
import type { GateAnswer, GateName } from "./model.ts";

export function open(gate: GateName, reason: string, message: string, details?: JsonObject): GateAnswer {
  return { gate, verdict: "open", reason, message, ...(details === undefined ? {} : { details }) };
}

/** Nobody has asked for it. */
export function skipped(gate: GateName, reason: string, message: string): GateAnswer {
  return { gate, verdict: "skipped", reason, message };
}

export interface Refusal {
  /** A stable word for programs. */
  readonly reason: string;
  readonly message: string;
  readonly opens: string;
  readonly opensAtMs?: number | undefined;
  readonly details?: JsonObject | undefined;
}

export function closed(gate: GateName, refusal: Refusal): GateAnswer {
  return { gate, verdict: "closed", ...told(refusal) };
}

/** The gate could not tell: that stops as much as a closed one. */
export function unable(gate: GateName, refusal: Refusal): GateAnswer {
  return { gate, verdict: "error", ...told(refusal) };
}

function told({ reason, message, opens, opensAtMs, details }: Refusal) {
  return {
    reason,
    message,
    opens,
    ...(opensAtMs === undefined ? {} : { opensAtMs }),
    ...(details === undefined ? {} : { details }),
  };
}
