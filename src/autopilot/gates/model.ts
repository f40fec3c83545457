/**
 * What a gate is called and how it answers. Types, a plain list, and which verdicts stop.
 *
 * Source: spec cli §14.7, §14.10, §14.11.
 */
import type { JsonObject } from "../../json/value.ts";

export const gateNames = ["policy", "promotion", "slo", "budget", "window", "freeze", "approval"] as const;
export type GateName = (typeof gateNames)[number];

/** One gate's answer. `closed` and `error` stop; `skipped` was not asked for by the configuration. */
export interface GateAnswer {
  readonly gate: GateName;
  readonly verdict: "open" | "closed" | "error" | "skipped";
  /** A stable word for programs: `max_mutations_per_day_exceeded`, `promotion_mode_not_live_apply:staged_apply`, … (spec cli §14.7, §14.10, §14.11). */
  readonly reason: string;
  /** One line for people. */
  readonly message: string;
  /** What would open it, for people; absent when it is open. */
  readonly opens?: string;
  /** When it opens by itself, where that is known. */
  readonly opensAtMs?: number;
  /** More, for the decision artifact: `gate_config`, `scoreboard_kpi`, issues of a packet. */
  readonly details?: JsonObject;
}

/** Whether it stops what was asked about. */
export function isShut({ verdict }: Pick<GateAnswer, "verdict">): boolean {
  return verdict === "closed" || verdict === "error";
}
