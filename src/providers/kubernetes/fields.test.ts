import { expect, test } from "bun:test";
import { fieldsByObject, fieldsOf, laidOver } from "./fields.ts";

test("what the server and akc keep on an object is not compared, what somebody wrote is", () => {
  const live = {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      name: "web",
      namespace: "shop",
      uid: "u",
      resourceVersion: "7",
      generation: 2,
      creationTimestamp: "2026-01-01T00:00:00Z",
      managedFields: [],
      labels: { "akc.run/scope": "x", app: "web" },
      annotations: { "akc.run/desired-hash": "y", "kubectl.kubernetes.io/last-applied-configuration": "{}" },
    },
    spec: { template: { metadata: { creationTimestamp: null, labels: { a: "b" } } } },
    status: { ready: true },
  };
  expect(fieldsOf(live, "shop")).toEqual({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", labels: { app: "web" } },
    spec: { template: { metadata: { labels: { a: "b" } } } },
  });
});

test("the data of a Secret is never a field", () => {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s" },
    data: { a: "b" },
    stringData: { c: "d" },
  };
  expect(fieldsOf(secret, "shop")).toEqual({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" } });
});

test("fields stand under kind, group and name, whatever the version", () => {
  const fields = fieldsByObject(
    [
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } },
      { apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "other" } },
    ],
    "shop",
  );
  expect(Object.keys(fields)).toEqual(["Deployment.apps", "Service"]);
  expect(fields).toMatchObject({ "Deployment.apps": { web: {} }, Service: { "other/web": {} } });
});

test("laid over what stands, a manifest changes what it names and nothing else", () => {
  const live = {
    replicas: 3,
    containers: [
      { name: "app", image: "a:1", ports: [{ port: 80, protocol: "TCP" }] },
      { name: "injected", image: "proxy" },
    ],
    args: ["a", "b"],
  };
  const wanted = {
    containers: [{ name: "app", image: "a:2", ports: [{ port: 80 }] }, { name: "new" }],
    args: ["c"],
  };
  expect(laidOver(live, wanted)).toEqual({
    replicas: 3,
    containers: [
      { name: "app", image: "a:2", ports: [{ port: 80, protocol: "TCP" }] },
      { name: "injected", image: "proxy" },
      { name: "new" },
    ],
    args: ["c"],
  });
});
