/**
 * Health of what runs no pods: storage, addresses, namespaces, definitions, and kinds that nobody here knows. Pure.
 *
 * Source: the readiness rules of kstatus, but a kind that says nothing of itself is unknown, not ready.
 */
import { listAt, objectAt, textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";
import {
  conditionOf,
  conditionWords,
  countAt,
  healthy,
  type Judge,
  opinion,
  specOf,
  statusOf,
} from "./opinion.ts";

/** Data: there, and that is all. */
export const judgePresence: Judge = () => healthy;

export const judgeService: Judge = (object) => {
  if (textAt(specOf(object), "type") !== "LoadBalancer") return healthy;
  const given = listAt(objectAt(statusOf(object), "loadBalancer"), "ingress").length > 0;
  return given ? healthy : opinion("degraded", "its load balancer has no address yet");
};

export const judgeClaim: Judge = (object) => {
  const phase = textAt(statusOf(object), "phase");
  if (phase === "Bound") return healthy;
  if (phase === "Lost") return opinion("failed", "its volume is lost");
  return opinion("degraded", "no volume is bound to it yet");
};

export const judgeVolume: Judge = (object) => {
  const phase = textAt(statusOf(object), "phase");
  if (phase === "Failed")
    return opinion("failed", textAt(statusOf(object), "message") ?? "its phase is Failed");
  return phase === "Bound" || phase === "Available"
    ? healthy
    : opinion("degraded", `its phase is ${phase ?? "not known"}`);
};

export const judgeNamespace: Judge = (object) =>
  textAt(statusOf(object), "phase") === "Active" ? healthy : opinion("degraded", "it is not active");

export const judgeDefinition: Judge = (object) => {
  const names = conditionOf(object, "NamesAccepted");
  if (names?.status === "false") return opinion("failed", conditionWords(names));
  const established = conditionOf(object, "Established");
  if (established?.status === "true") return healthy;
  return opinion(
    "degraded",
    established === undefined ? "it is not established yet" : conditionWords(established),
  );
};

export const judgeDisruptionBudget: Judge = (object) => {
  const status = statusOf(object);
  const current = countAt(status, "currentHealthy");
  const wanted = countAt(status, "desiredHealthy");
  return current >= wanted ? healthy : opinion("degraded", `${current} of ${wanted} pods are healthy`);
};

/** By the conditions that most controllers keep. What says nothing of itself may be anything. */
export const judgeByConditions: Judge = (object: JsonObject) => {
  for (const [type, status, health] of verdicts) {
    const condition = conditionOf(object, type);
    if (condition?.status === status) return opinion(health, conditionWords(condition));
  }
  for (const type of readyTypes) {
    const condition = conditionOf(object, type);
    if (condition === undefined) continue;
    if (condition.status === "true") return healthy;
    return opinion(condition.status === "false" ? "degraded" : "unknown", conditionWords(condition));
  }
  return opinion("unknown", "its status has no condition to judge it by");
};

/** The worst first. */
const verdicts = [
  ["Stalled", "true", "failed"],
  ["Failed", "true", "failed"],
  ["Degraded", "true", "degraded"],
  ["Reconciling", "true", "degraded"],
] as const;
const readyTypes = ["Ready", "Available", "Established", "Healthy"] as const;
