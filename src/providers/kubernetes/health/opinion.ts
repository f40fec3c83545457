/**
 * What is thought of one object, and how its status is read. Pure; a field that is missing is never taken for a good sign.
 */
import { member, objectAt, objectsAt, textAt } from "../../../bundle/member.ts";
import { asDouble, type JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import type { Copies, Health, HealthCondition } from "../../contract.ts";

/** `message` says why, of everything but what is healthy. */
export interface Opinion {
  readonly health: Health;
  readonly message?: string;
  readonly copies?: Copies;
}

/** Pods of one workload. */
export interface WorkloadPods {
  readonly all: readonly JsonObject[];
  /** Those of its newest revision. */
  readonly newest: readonly JsonObject[];
}

/** undefined: nobody has looked at the pods. */
export type Judge = (object: JsonObject, pods: WorkloadPods | undefined) => Opinion;

export const healthy: Opinion = { health: "healthy" };

export function opinion(health: Health, ...words: readonly (string | undefined)[]): Opinion {
  const message = words.filter((word) => word !== undefined && word !== "").join("; ");
  return { health, ...(message === "" ? {} : { message: clipped(message) }) };
}

export function clipped(text: string): string {
  return text.length <= limits.healthMessageCharsMax
    ? text
    : `${text.slice(0, limits.healthMessageCharsMax)}…`;
}

/** The number at `key`; `otherwise` when there is none. */
export function countAt(object: JsonObject, key: string, otherwise = 0): number {
  return asDouble(member(object, key)) ?? otherwise;
}

export function statusOf(object: JsonObject): JsonObject {
  return objectAt(object, "status");
}

export function specOf(object: JsonObject): JsonObject {
  return objectAt(object, "spec");
}

/** What its controller has said, as it said it. */
export function conditionsOf(object: JsonObject): readonly HealthCondition[] {
  return objectsAt(statusOf(object), "conditions").flatMap((row): HealthCondition[] => {
    const type = textAt(row, "type");
    if (type === undefined) return [];
    const reason = textAt(row, "reason");
    const message = textAt(row, "message");
    const moment = Date.parse(textAt(row, "lastTransitionTime") ?? "");
    return [
      {
        type,
        status: triState(textAt(row, "status")),
        ...(reason === undefined ? {} : { reason }),
        ...(message === undefined ? {} : { message: clipped(message) }),
        ...(Number.isNaN(moment) ? {} : { lastTransitionMs: moment }),
      },
    ];
  });
}

/** The condition of this type; undefined where nobody has said anything of it. */
export function conditionOf(object: JsonObject, type: string): HealthCondition | undefined {
  return conditionsOf(object).find((condition) => condition.type === type);
}

/** `Available: MinimumReplicasUnavailable, deployment does not have minimum availability` */
export function conditionWords({ type, reason, message }: HealthCondition): string {
  return `${type}: ${[reason, message].filter((word) => word !== undefined).join(", ") || "no reason given"}`;
}

/** Whether the status speaks of an older object than the one that stands. */
export function isStale(object: JsonObject): boolean {
  const observed = asDouble(member(statusOf(object), "observedGeneration"));
  return observed !== undefined && observed < countAt(objectAt(object, "metadata"), "generation");
}

function triState(status: string | undefined): HealthCondition["status"] {
  const lower = status?.toLowerCase();
  return lower === "true" || lower === "false" ? lower : "unknown";
}
