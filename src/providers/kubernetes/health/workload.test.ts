import { expect, test } from "bun:test";
import { judgeObject } from "./judge.ts";
import {
  conditions,
  crashing,
  daemonSet,
  deployment,
  everywhere,
  judgedAs,
  object,
  pod,
  seen,
  settledSet,
  statefulSet,
  whole,
} from "./status.fixture.ts";

judgedAs([
  ["a Deployment with all pods new, ready and available", deployment(whole), "healthy"],
  ["a Deployment with no replicas wanted", deployment({}, { replicas: 0 }), "healthy"],
  [
    "a Deployment of which one replica is wanted, as nothing is said",
    deployment({}, {}),
    "degraded",
    "0 of 1 pods are of the new revision",
  ],
  [
    "a Deployment with one of three ready",
    deployment({ ...whole, readyReplicas: 1, availableReplicas: 1 }),
    "degraded",
    "1 of 3 pods are ready",
  ],
  [
    "a Deployment with pods ready and not yet available",
    deployment({ ...whole, availableReplicas: 2 }),
    "degraded",
    "2 of 3 pods are available",
  ],
  [
    "a Deployment half rolled out",
    deployment({ ...whole, updatedReplicas: 1 }),
    "degraded",
    "1 of 3 pods are of the new revision",
  ],
  [
    "a Deployment with old pods left",
    deployment({ ...whole, replicas: 4 }),
    "degraded",
    "1 pods of an older revision",
  ],
  [
    "a Deployment whose status is of an older generation",
    deployment({ ...whole, observedGeneration: 1 }),
    "degraded",
    "has not seen this change",
  ],
  [
    "a Deployment nobody has looked after",
    object("apps/v1", "Deployment", { replicas: 0 }),
    "degraded",
    "has not seen this change",
  ],
  [
    "a Deployment past its deadline",
    deployment({
      ...whole,
      readyReplicas: 0,
      ...conditions(["Progressing", "False", "ProgressDeadlineExceeded"]),
    }),
    "failed",
    "past its progress deadline",
  ],
  [
    "a Deployment past the deadline of the generation before",
    deployment({
      ...whole,
      observedGeneration: 1,
      ...conditions(["Progressing", "False", "ProgressDeadlineExceeded"]),
    }),
    "degraded",
  ],
  [
    "a Deployment that may not make pods",
    deployment({ ...conditions(["ReplicaFailure", "True", "FailedCreate"]) }),
    "degraded",
    "ReplicaFailure: FailedCreate",
  ],
  [
    "a Deployment being deleted",
    { ...deployment(whole), metadata: { name: "web", deletionTimestamp: "2026-01-01T00:00:00Z" } },
    "degraded",
    "being deleted",
  ],

  ["a StatefulSet that is whole", statefulSet(settledSet), "healthy"],
  [
    "a StatefulSet with one pod not ready",
    statefulSet({ ...settledSet, readyReplicas: 2 }),
    "degraded",
    "2 of 3 pods are ready",
  ],
  [
    "a StatefulSet half updated",
    statefulSet({ ...settledSet, updateRevision: "r2", updatedReplicas: 1 }),
    "degraded",
    "1 of 3 pods are of the new revision",
  ],
  [
    "a StatefulSet updated down to its partition",
    statefulSet(
      { ...settledSet, updateRevision: "r2", updatedReplicas: 1 },
      { updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } },
    ),
    "healthy",
  ],
  [
    "a StatefulSet that is updated by hand",
    statefulSet(
      { ...settledSet, updateRevision: "r2", updatedReplicas: 0 },
      { updateStrategy: { type: "OnDelete" } },
    ),
    "healthy",
  ],
  ["a StatefulSet nobody has looked after", object("apps/v1", "StatefulSet", { replicas: 0 }), "degraded"],

  ["a DaemonSet on every node", daemonSet(everywhere), "healthy"],
  [
    "a DaemonSet not available on one node",
    daemonSet({ ...everywhere, numberAvailable: 1 }),
    "degraded",
    "1 of 2 pods are available",
  ],
  [
    "a DaemonSet with an old pod",
    daemonSet({ ...everywhere, updatedNumberScheduled: 1 }),
    "degraded",
    "1 of 2 pods are of the new revision",
  ],
  [
    "a DaemonSet with an old pod that is replaced by hand",
    daemonSet({ ...everywhere, updatedNumberScheduled: 1 }, { updateStrategy: { type: "OnDelete" } }),
    "healthy",
  ],

  [
    "a ReplicaSet that is whole",
    object(
      "apps/v1",
      "ReplicaSet",
      { replicas: 1 },
      { ...seen, replicas: 1, fullyLabeledReplicas: 1, readyReplicas: 1, availableReplicas: 1 },
    ),
    "healthy",
  ],
  ["a ReplicaSet with too few", object("apps/v1", "ReplicaSet", { replicas: 1 }, { ...seen }), "degraded"],

  ["a Job that is done", object("batch/v1", "Job", {}, conditions(["Complete", "True"])), "healthy"],
  ["a Job at work", object("batch/v1", "Job", {}, { active: 1 }), "degraded", "0 of 1 done"],
  [
    "a Job that gave up",
    object("batch/v1", "Job", {}, conditions(["Failed", "True", "BackoffLimitExceeded"])),
    "failed",
    "BackoffLimitExceeded",
  ],
  ["a CronJob", object("batch/v1", "CronJob", {}, {}), "healthy"],
]);

test("a workload that is not whole tells what is wrong with its pods, the newest first", () => {
  const old = pod({ phase: "Pending", ...conditions(["PodScheduled", "False", "Unschedulable"]) }, "web-0");
  const judged = judgeObject(
    deployment({ ...whole, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2 }),
    {
      all: [old, crashing],
      newest: [crashing],
    },
  );
  expect(judged.message).toContain("pod web-1: CrashLoopBackOff");
  expect(judged.message).not.toContain("web-0");
  expect(judged.copies).toEqual({ total: 3, ready: 2, updated: 1, updatedReady: 0 });
});

test("of copies whose pods nobody has seen, as few as possible are taken for new and ready", () => {
  expect(
    judgeObject(deployment({ replicas: 4, updatedReplicas: 2, readyReplicas: 3 }), undefined).copies,
  ).toEqual({
    total: 4,
    ready: 3,
    updated: 2,
    updatedReady: 1,
  });
});

test("a status of an older generation counts no copy as new", () => {
  expect(judgeObject(deployment({ ...whole, observedGeneration: 1 }), undefined).copies).toEqual({
    total: 3,
    ready: 3,
    updated: 0,
    updatedReady: 0,
  });
});
