/**
 * Health of what runs pods: Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs. Pure, and judged by all copies: a
 * workload is healthy when every copy it wants is of its newest revision and available.
 *
 * Source: the readiness rules of kstatus and of `kubectl rollout status`; reconcile:W-17.
 */
import { member, objectAt, textAt } from "../../../bundle/member.ts";
import type { JsonObject } from "../../../json/value.ts";
import type { Copies } from "../../contract.ts";
import {
  conditionOf,
  conditionWords,
  countAt,
  healthy,
  isStale,
  type Judge,
  opinion,
  specOf,
  statusOf,
  type WorkloadPods,
} from "./opinion.ts";
import { isReady, troubleAmong } from "./pods.ts";

export const judgeDeployment: Judge = (object, pods) => {
  const status = statusOf(object);
  const wanted = countAt(specOf(object), "replicas", 1);
  const total = countAt(status, "replicas");
  const updated = countAt(status, "updatedReplicas");
  const available = countAt(status, "availableReplicas");
  const ready = countAt(status, "readyReplicas");
  const copies = copiesOf(object, { total, updated, ready }, pods);
  const missing = first(
    unseen(object),
    few(updated, wanted, "of the new revision"),
    total > updated ? `${total - updated} pods of an older revision still stand` : undefined,
    few(ready, wanted, "ready"),
    few(available, wanted, "available"),
  );
  if (missing === undefined) return { ...healthy, copies };
  const progressing = conditionOf(object, "Progressing");
  const late = progressing?.reason === "ProgressDeadlineExceeded" && !isStale(object);
  const failure = conditionOf(object, "ReplicaFailure");
  return {
    ...opinion(
      late ? "failed" : "degraded",
      missing,
      late ? "the rollout is past its progress deadline" : undefined,
      specOf(object)["paused"] === true ? "the rollout is paused" : undefined,
      failure?.status === "true" ? conditionWords(failure) : undefined,
      troubleIn(pods),
    ),
    copies,
  };
};

export const judgeStatefulSet: Judge = (object, pods) => {
  const spec = specOf(object);
  const status = statusOf(object);
  const wanted = countAt(spec, "replicas", 1);
  const strategy = objectAt(spec, "updateStrategy");
  const partition = countAt(objectAt(strategy, "rollingUpdate"), "partition");
  const whole = textAt(status, "currentRevision") === textAt(status, "updateRevision");
  const total = countAt(status, "replicas");
  const ready = countAt(status, "readyReplicas");
  // Once every pod is of the newest revision, the controller makes it the current one and may count no pod as updated.
  const updated = whole ? countAt(status, "currentReplicas") : countAt(status, "updatedReplicas");
  const copies = copiesOf(object, { total, updated, ready }, pods);
  const newest = Math.max(0, wanted - partition);
  const available =
    member(status, "availableReplicas") === undefined ? ready : countAt(status, "availableReplicas");
  const missing = first(
    unseen(object),
    textAt(strategy, "type") === "OnDelete" || whole
      ? undefined
      : few(updated, newest, "of the new revision"),
    total > wanted ? `${total - wanted} pods too many still stand` : undefined,
    few(ready, wanted, "ready"),
    few(available, wanted, "available"),
    partition === 0 && !whole && textAt(strategy, "type") !== "OnDelete"
      ? "the new revision is not the current one yet"
      : undefined,
  );
  if (missing === undefined) return { ...healthy, copies };
  return { ...opinion("degraded", missing, troubleIn(pods)), copies };
};

export const judgeDaemonSet: Judge = (object, pods) => {
  const status = statusOf(object);
  const wanted = countAt(status, "desiredNumberScheduled");
  const total = countAt(status, "currentNumberScheduled");
  const ready = countAt(status, "numberReady");
  const updated = countAt(status, "updatedNumberScheduled");
  const copies = copiesOf(object, { total, updated, ready }, pods);
  const onDelete = textAt(objectAt(specOf(object), "updateStrategy"), "type") === "OnDelete";
  const misscheduled = countAt(status, "numberMisscheduled");
  const missing = first(
    unseen(object),
    few(total, wanted, "scheduled"),
    onDelete ? undefined : few(updated, wanted, "of the new revision"),
    few(ready, wanted, "ready"),
    few(countAt(status, "numberAvailable"), wanted, "available"),
  );
  if (missing === undefined) return { ...healthy, copies };
  const stray = misscheduled > 0 ? `${misscheduled} pods run where they should not` : undefined;
  return { ...opinion("degraded", missing, stray, troubleIn(pods)), copies };
};

export const judgeReplicaSet: Judge = (object, pods) => {
  const status = statusOf(object);
  const wanted = countAt(specOf(object), "replicas", 1);
  const total = countAt(status, "replicas");
  const ready = countAt(status, "readyReplicas");
  const copies = copiesOf(object, { total, updated: total, ready }, pods);
  const failure = conditionOf(object, "ReplicaFailure");
  const missing = first(
    unseen(object),
    failure?.status === "true" ? conditionWords(failure) : undefined,
    total > wanted ? `${total - wanted} pods too many still stand` : undefined,
    few(countAt(status, "fullyLabeledReplicas"), wanted, "labelled"),
    few(ready, wanted, "ready"),
    few(countAt(status, "availableReplicas"), wanted, "available"),
  );
  if (missing === undefined) return { ...healthy, copies };
  return { ...opinion("degraded", missing, troubleIn(pods)), copies };
};

/** A job is what it is there for only when it is done; until then whatever waits for it has to wait. */
export const judgeJob: Judge = (object, pods) => {
  const failed = conditionOf(object, "Failed");
  if (failed?.status === "true") return opinion("failed", conditionWords(failed), troubleIn(pods));
  if (conditionOf(object, "Complete")?.status === "true") return healthy;
  if (specOf(object)["suspend"] === true) return opinion("degraded", "it is suspended");
  const status = statusOf(object);
  const wanted = countAt(specOf(object), "completions", 1);
  const done = `${countAt(status, "succeeded")} of ${wanted} done`;
  return opinion("degraded", done, `${countAt(status, "active")} at work`, troubleIn(pods));
};

/** These kinds always say which generation they have seen, once anybody has looked after them. */
function unseen(object: JsonObject): string | undefined {
  const looked = member(statusOf(object), "observedGeneration") !== undefined;
  return looked && !isStale(object) ? undefined : "its controller has not seen this change yet";
}

function few(count: number, wanted: number, what: string): string | undefined {
  return count >= wanted ? undefined : `${count} of ${wanted} pods are ${what}`;
}

function first(...words: readonly (string | undefined)[]): string | undefined {
  return words.find((word) => word !== undefined);
}

function troubleIn(pods: WorkloadPods | undefined): string | undefined {
  return pods === undefined ? undefined : (troubleAmong(pods.newest) ?? troubleAmong(pods.all));
}

/** While the controller has not seen the change, no copy is of its revision, whatever the status still says. */
function copiesOf(
  object: JsonObject,
  { total, updated, ready }: Omit<Copies, "updatedReady">,
  pods: WorkloadPods | undefined,
): Copies {
  if (unseen(object) !== undefined) return { total, ready, updated: 0, updatedReady: 0 };
  // Without the pods, as few of the ready ones are new as there can be.
  const updatedReady =
    pods === undefined
      ? Math.max(0, ready - Math.max(0, total - updated))
      : pods.newest.filter(isReady).length;
  return { total, ready, updated, updatedReady: Math.min(updated, updatedReady) };
}
