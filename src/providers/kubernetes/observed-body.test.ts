import { expect, test } from "bun:test";
import { observedHash } from "../observed-hash.ts";
import { kubernetesObservedBody } from "./observed-body.ts";

const pod = (...images: readonly string[]) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "api", namespace: "prod", uid: "uid-1" },
  status: { phase: "Running", containerStatuses: images.map((imageID) => ({ imageID })) },
});
const service = { apiVersion: "v1", kind: "Service", metadata: { name: "api", namespace: "prod" } };
const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "api" } };

test("the documented hash of a pod comes out as documented, whatever the order of its containers", () => {
  for (const images of [
    ["img@sha256:aa", "img@sha256:bb"],
    ["img@sha256:bb", "img@sha256:aa"],
  ]) {
    const body = kubernetesObservedBody([service, pod(...images)], "shop");
    if (body === undefined) throw new Error("a pod has a body");
    expect(observedHash("svc-api", body)).toBe(
      "76a7852da57d1bbc079fe5e9360fe99d48ffbcce91fb6d242c3a520b921163ce",
    );
  }
});

test("a pod that nobody has started yet has a hash, too", () => {
  const bare = { apiVersion: "v1", kind: "Pod", metadata: { name: "api" }, status: {} };
  expect(kubernetesObservedBody([bare], "shop")).toEqual({
    provider: "kubernetes_observe",
    kind: "pod",
    namespace: "shop",
    phase: "Unknown",
    uid: null,
    container_image_ids: [],
  });
});

test("what one look does not tell whole has none: a Deployment, several pods, no pod", () => {
  expect(kubernetesObservedBody([deployment], "prod")).toBeUndefined();
  expect(kubernetesObservedBody([pod("a"), pod("b")], "prod")).toBeUndefined();
  expect(kubernetesObservedBody([service], "prod")).toBeUndefined();
});
