/**
 * Whether a health is good enough: the documented gates. Pure.
 *
 * Source: spec reconcile §1.7.
 */
import { member, textAt } from "../bundle/member.ts";
import type { JsonObject } from "../json/value.ts";
import type { Health, HealthCondition } from "../providers/contract.ts";

export interface HealthGate {
  readonly kind: "permissive" | "strict";
  /** For so long after the change `unknown` passes a strict gate. */
  readonly unknownGraceMs: number;
}

export function gateOf(metadata: JsonObject): HealthGate {
  const strict = textAt(metadata, "reconcile_health_gate")?.toLowerCase() === "strict";
  const grace = member(metadata, "reconcile_health_unknown_grace_ms");
  const unknownGraceMs = typeof grace === "number" && Number.isInteger(grace) && grace >= 0 ? grace : 0;
  return { kind: strict ? "strict" : "permissive", unknownGraceMs };
}

/** @param sinceMs how long ago it was changed */
export function passes(
  gate: HealthGate,
  health: Health,
  conditions: readonly HealthCondition[],
  sinceMs: number,
): boolean {
  if (health !== "unknown") return health === "healthy";
  return gate.kind === "permissive" || saysReady(conditions) || sinceMs < gate.unknownGraceMs;
}

/** Some providers cannot judge health and still know that it is ready. */
export function saysReady(conditions: readonly HealthCondition[]): boolean {
  return conditions.some(({ type, status }) => type.toLowerCase() === "ready" && status === "true");
}
