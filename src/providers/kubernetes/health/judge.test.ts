import { expect, test } from "bun:test";
import { judgeAll } from "./judge.ts";
import {
  conditions,
  crashing,
  deployment,
  judgedAs,
  object,
  pod,
  seen,
  whole,
  widget,
} from "./status.fixture.ts";

judgedAs([
  ["a Pod that is running and ready", pod({ phase: "Running", ...conditions(["Ready", "True"]) }), "healthy"],
  ["a Pod that is running and says nothing", pod({ phase: "Running" }), "healthy"],
  [
    "a Pod that is running and not ready",
    pod({ phase: "Running", ...conditions(["Ready", "False", "ContainersNotReady"]) }),
    "degraded",
    "ContainersNotReady",
  ],
  [
    "a Pod of which nobody knows whether it is ready",
    pod({ phase: "Running", ...conditions(["Ready", "Unknown"]) }),
    "unknown",
  ],
  ["a Pod that has not started", pod({ phase: "Pending" }), "degraded"],
  [
    "a Pod that is said to be ready before it has started",
    pod({ phase: "Pending", ...conditions(["Ready", "True"]) }),
    "degraded",
  ],
  [
    "a Pod that failed",
    pod({ phase: "Failed", reason: "Evicted", ...conditions(["Ready", "False"]) }),
    "failed",
    "Evicted",
  ],
  ["a Pod whose node is lost", pod({ phase: "Unknown", ...conditions(["Ready", "True"]) }), "failed"],
  [
    "a Pod that ended well",
    pod({ phase: "Succeeded", ...conditions(["Ready", "False", "PodCompleted"]) }),
    "healthy",
  ],
  ["a Pod that keeps crashing", crashing, "degraded", "CrashLoopBackOff: back-off (app, restarted 4 times)"],
  [
    "a Pod whose init container has no image",
    pod({
      phase: "Pending",
      initContainerStatuses: [{ name: "init", state: { waiting: { reason: "ImagePullBackOff" } } }],
    }),
    "degraded",
    "ImagePullBackOff (init)",
  ],
  [
    "a Pod that fits nowhere",
    pod({ phase: "Pending", ...conditions(["PodScheduled", "False", "Unschedulable"]) }),
    "degraded",
    "Unschedulable",
  ],
  ["a Pod without a phase", pod({}), "unknown"],

  ["a Service", object("v1", "Service", { type: "ClusterIP" }, {}), "healthy"],
  [
    "a Service without its load balancer",
    object("v1", "Service", { type: "LoadBalancer" }, { loadBalancer: {} }),
    "degraded",
  ],
  [
    "a Service with its load balancer",
    object("v1", "Service", { type: "LoadBalancer" }, { loadBalancer: { ingress: [{ ip: "10.0.0.1" }] } }),
    "healthy",
  ],
  ["a ConfigMap", object("v1", "ConfigMap", {}), "healthy"],
  ["a Secret", object("v1", "Secret", {}), "healthy"],
  ["an Ingress", object("networking.k8s.io/v1", "Ingress", {}, {}), "healthy"],
  ["an autoscaler", object("autoscaling/v2", "HorizontalPodAutoscaler", {}, {}), "healthy"],
  ["a claim that is bound", object("v1", "PersistentVolumeClaim", {}, { phase: "Bound" }), "healthy"],
  ["a claim that waits", object("v1", "PersistentVolumeClaim", {}, { phase: "Pending" }), "degraded"],
  ["a claim that lost its volume", object("v1", "PersistentVolumeClaim", {}, { phase: "Lost" }), "failed"],
  ["a volume that is free", object("v1", "PersistentVolume", {}, { phase: "Available" }), "healthy"],
  ["a volume that failed", object("v1", "PersistentVolume", {}, { phase: "Failed" }), "failed"],
  ["a Namespace", object("v1", "Namespace", {}, { phase: "Active" }), "healthy"],
  ["a Namespace that ends", object("v1", "Namespace", {}, { phase: "Terminating" }), "degraded"],
  [
    "a definition that is served",
    object(
      "apiextensions.k8s.io/v1",
      "CustomResourceDefinition",
      {},
      conditions(["NamesAccepted", "True"], ["Established", "True"]),
    ),
    "healthy",
  ],
  [
    "a definition that is not served yet",
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {}),
    "degraded",
  ],
  [
    "a definition whose names are taken",
    object(
      "apiextensions.k8s.io/v1",
      "CustomResourceDefinition",
      {},
      conditions(["NamesAccepted", "False", "Conflict"]),
    ),
    "failed",
  ],
  [
    "a budget that is kept",
    object("policy/v1", "PodDisruptionBudget", {}, { ...seen, currentHealthy: 2, desiredHealthy: 2 }),
    "healthy",
  ],
  [
    "a budget that is not kept",
    object("policy/v1", "PodDisruptionBudget", {}, { ...seen, currentHealthy: 1, desiredHealthy: 2 }),
    "degraded",
  ],

  ["a custom resource that is ready", widget({ ...seen, ...conditions(["Ready", "True"]) }), "healthy"],
  [
    "a custom resource that was ready before the change",
    widget({ observedGeneration: 1, ...conditions(["Ready", "True"]) }),
    "degraded",
  ],
  [
    "a custom resource that is not ready",
    widget(conditions(["Ready", "False", "Sizing"])),
    "degraded",
    "Ready: Sizing",
  ],
  ["a custom resource that does not know", widget(conditions(["Ready", "Unknown"])), "unknown"],
  ["a custom resource that is available", widget(conditions(["Available", "True"])), "healthy"],
  [
    "a custom resource that is stalled, though ready",
    widget(conditions(["Ready", "True"], ["Stalled", "True", "Quota"])),
    "failed",
    "Stalled: Quota",
  ],
  [
    "a custom resource that is at work, though ready",
    widget(conditions(["Ready", "True"], ["Reconciling", "True"])),
    "degraded",
  ],
  ["a custom resource that says nothing", widget(), "unknown"],
  [
    "a custom resource of a group that only ends like a known one",
    object("gateway.networking.k8s.io/v1", "Gateway", {}, {}),
    "unknown",
  ],
]);

test("a resource is as well as the worst of its objects, and says which", () => {
  const judged = judgeAll(
    [object("v1", "Service", {}), deployment({ ...whole, readyReplicas: 2 })],
    () => undefined,
  );
  expect(judged.health).toBe("degraded");
  expect(judged.message).toBe("Deployment web: 2 of 3 pods are ready");
});

test("conditions keep reason, words and moment, and name their object where there are several", () => {
  const row = {
    type: "Available",
    status: "True",
    reason: "Enough",
    lastTransitionTime: "2026-01-01T00:00:00Z",
  };
  const moment = Date.UTC(2026, 0, 1);
  const one = deployment({ ...whole, conditions: [row] });
  expect(judgeAll([one], () => undefined).conditions).toEqual([
    { type: "Available", status: "true", reason: "Enough", lastTransitionMs: moment },
  ]);
  expect(judgeAll([one, object("v1", "Service", {})], () => undefined).conditions).toEqual([
    {
      type: "Available",
      status: "true",
      reason: "Enough",
      message: "Deployment web",
      lastTransitionMs: moment,
    },
  ]);
});
