/**
 * The health of a resource: of every object that is part of it, the worst. Pure; which kinds are judged how stands here.
 *
 * Source: spec reconcile §4.7, §4.10.
 */
import { objectAt, textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";
import { limits } from "../../../limits.ts";
import type { Copies, Health, HealthCondition } from "../../contract.ts";
import { groupKind, refOf, wordsFor } from "../object.ts";
import { conditionsOf, isStale, type Judge, type Opinion, opinion, type WorkloadPods } from "./opinion.ts";
import * as plain from "./plain-kinds.ts";
import { judgePod } from "./pods.ts";
import * as workload from "./workload.ts";

export interface Judgement extends Opinion {
  readonly conditions: readonly HealthCondition[];
}

const judges: ReadonlyMap<string, Judge> = new Map([
  ["Pod", judgePod],
  ["Deployment.apps", workload.judgeDeployment],
  ["StatefulSet.apps", workload.judgeStatefulSet],
  ["DaemonSet.apps", workload.judgeDaemonSet],
  ["ReplicaSet.apps", workload.judgeReplicaSet],
  ["Job.batch", workload.judgeJob],
  ["Service", plain.judgeService],
  ["PersistentVolumeClaim", plain.judgeClaim],
  ["PersistentVolume", plain.judgeVolume],
  ["Namespace", plain.judgeNamespace],
  ["CustomResourceDefinition.apiextensions.k8s.io", plain.judgeDefinition],
  ["PodDisruptionBudget.policy", plain.judgeDisruptionBudget],
]);

/** Groups whose other kinds are data: they are there or not, and no controller says more. */
const dataGroups: ReadonlySet<string> = new Set([
  "",
  "apps",
  "batch",
  "policy",
  "autoscaling",
  "networking.k8s.io",
  "rbac.authorization.k8s.io",
  "storage.k8s.io",
  "scheduling.k8s.io",
  "admissionregistration.k8s.io",
  "coordination.k8s.io",
  "node.k8s.io",
]);

/** Kinds whose pods are worth a look when they are not whole. */
export const podOwners: ReadonlySet<string> = new Set([
  "Deployment.apps",
  "StatefulSet.apps",
  "DaemonSet.apps",
  "ReplicaSet.apps",
  "Job.batch",
]);

/** @param pods undefined where nobody has looked at them */
export function judgeObject(object: JsonObject, pods: WorkloadPods | undefined): Opinion {
  const ref = refOf(object);
  if (ref === undefined) return opinion("unknown", "it is no object");
  if (textAt(objectAt(object, "metadata"), "deletionTimestamp") !== undefined)
    return opinion("degraded", "it is being deleted");
  const kind = groupKind(ref);
  const known = judges.get(kind);
  if (podOwners.has(kind) && known !== undefined) return known(object, pods);
  if (isStale(object)) return opinion("degraded", "its controller has not seen this change yet");
  return (known ?? judgeOther(kind))(object, pods);
}

function judgeOther(kind: string): Judge {
  const dot = kind.indexOf(".");
  return dataGroups.has(dot < 0 ? "" : kind.slice(dot + 1)) ? plain.judgePresence : plain.judgeByConditions;
}

/** `pods`: of each object that `podOwners` names, by its uid. */
export function judgeAll(
  objects: readonly JsonObject[],
  pods: (uid: string) => WorkloadPods | undefined,
): Judgement {
  const named = objects.map((object) => ({
    object,
    opinion: judgeObject(object, pods(textAt(objectAt(object, "metadata"), "uid") ?? "")),
  }));
  const worst = named.toSorted((a, b) => order[a.opinion.health] - order[b.opinion.health])[0];
  const messages = named.flatMap(({ object, opinion: { health, message } }) =>
    health === "healthy" || message === undefined ? [] : [`${about(object)}: ${message}`],
  );
  const copies = named.flatMap(({ opinion: { copies } }) => (copies === undefined ? [] : [copies]));
  return {
    ...opinion(worst?.opinion.health ?? "unknown", ...messages),
    ...(copies.length === 0 ? {} : { copies: copies.reduce(sum) }),
    conditions: objects
      .flatMap((object) => conditionsOf(object).map((one) => withObject(one, object, objects.length > 1)))
      .slice(0, limits.healthConditionsMax),
  };
}

const order: Readonly<Record<Health, number>> = { failed: 0, degraded: 1, unknown: 2, healthy: 3 };

function about(object: JsonObject): string {
  const ref = refOf(object);
  return ref === undefined ? "an object" : wordsFor(ref);
}

/** Of several objects each may be `Ready` by itself; the message says which one is meant. */
function withObject(condition: HealthCondition, object: JsonObject, several: boolean): HealthCondition {
  if (!several) return condition;
  const { message } = condition;
  return { ...condition, message: `${about(object)}${message === undefined ? "" : `: ${message}`}` };
}

function sum(a: Copies, b: Copies): Copies {
  return {
    total: a.total + b.total,
    ready: a.ready + b.ready,
    updated: a.updated + b.updated,
    updatedReady: a.updatedReady + b.updatedReady,
  };
}
