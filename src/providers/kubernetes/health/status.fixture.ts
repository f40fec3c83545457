/** Statuses as controllers write them, for the tests of what is thought of them. Never part of the product. */
import { expect, test } from "bun:test";
import type { JsonObject } from "../../../json/value.ts";
import type { Health } from "../../contract.ts";
import { judgeObject } from "./judge.ts";

export const conditions = (
  ...rows: readonly (readonly [type: string, status: string, reason?: string])[]
) => ({
  conditions: rows.map(([type, status, reason]) => ({
    type,
    status,
    ...(reason === undefined ? {} : { reason }),
  })),
});

export function object(
  apiVersion: string,
  kind: string,
  spec: JsonObject,
  status?: JsonObject,
  metadata: JsonObject = {},
): JsonObject {
  return {
    apiVersion,
    kind,
    metadata: { name: "web", uid: "u", generation: 2, ...metadata },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}
export const seen = { observedGeneration: 2 };
export const deployment = (status: JsonObject, spec: JsonObject = { replicas: 3 }) =>
  object("apps/v1", "Deployment", spec, { ...seen, ...status });
export const whole = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
export const statefulSet = (status: JsonObject, spec: JsonObject = {}) =>
  object("apps/v1", "StatefulSet", { replicas: 3, ...spec }, { ...seen, ...status });
export const settledSet = {
  replicas: 3,
  readyReplicas: 3,
  currentReplicas: 3,
  updatedReplicas: 3,
  currentRevision: "r1",
  updateRevision: "r1",
};
export const daemonSet = (status: JsonObject, spec: JsonObject = {}) =>
  object("apps/v1", "DaemonSet", spec, { ...seen, ...status });
export const everywhere = {
  desiredNumberScheduled: 2,
  currentNumberScheduled: 2,
  updatedNumberScheduled: 2,
  numberReady: 2,
  numberAvailable: 2,
};
export const pod = (status: JsonObject, name = "web-1"): JsonObject =>
  object("v1", "Pod", {}, status, { name });
export const crashing = pod({
  phase: "Running",
  ...conditions(["Ready", "False"]),
  containerStatuses: [
    { name: "app", restartCount: 4, state: { waiting: { reason: "CrashLoopBackOff", message: "back-off" } } },
  ],
});
export const widget = (status?: JsonObject) => object("example.com/v1", "Widget", {}, status);

export type Case = readonly [what: string, object: JsonObject, health: Health, message?: string];

/** One test a row; whoever is told that something is wrong is told what. */
export function judgedAs(cases: readonly Case[]): void {
  const told = cases.map(([what, object, health, message = ""]) => [what, object, health, message] as const);
  test.each(told)("%s", (_, object, health, message) => {
    const judged = judgeObject(object, undefined);
    expect(judged.health).toBe(health);
    expect(judged.message ?? "").toContain(message);
    expect(judged.message === undefined).toBe(health === "healthy");
  });
}
