import { expect, test } from "bun:test";
import type { JsonObject } from "../../../json/value.ts";
import { assigned } from "./assignment.ts";

const object = (name: string, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...metadata },
});
const two = [
  { resourceId: "svc-api", name: "api" },
  { resourceId: "svc-web", name: "web" },
];

function owners(objects: readonly JsonObject[], claimants = two): Record<string, readonly unknown[]> {
  const { objects: byResource, issues } = assigned(objects, claimants);
  expect(issues).toEqual([]);
  return Object.fromEntries([...byResource].map(([id, own]) => [id, own.map((one) => objects.indexOf(one))]));
}

test("an object says itself whose it is, before any name does", () => {
  const of = { annotations: { "akc.run/resource-id": "svc-api" } };
  const label = { labels: { "akc.run/resource-id": "svc-api" } };
  expect(owners([object("web", of), object("web", label)])).toEqual({ "svc-api": [0, 1], "svc-web": [] });
});

test("labels of applications count before the object's own name", () => {
  const instance = { labels: { "app.kubernetes.io/instance": "api", "app.kubernetes.io/name": "web" } };
  const named = { labels: { "app.kubernetes.io/name": "web" } };
  expect(owners([object("web", instance), object("x", named), object("api")])).toEqual({
    "svc-api": [0, 2],
    "svc-web": [1],
  });
});

test("a bundle with one resource owns all of its manifest", () => {
  expect(owners([object("api"), object("anything")], two.slice(0, 1))).toEqual({ "svc-api": [0, 1] });
});

test("what nobody claims, or two do, is named", () => {
  const stray = { annotations: { "akc.run/resource-id": "svc-gone" } };
  const twins = [...two, { resourceId: "svc-web-2", name: "web" }];
  expect(assigned([object("x"), object("y", stray), object("web")], twins).issues).toEqual([
    { path: "/0", message: "ConfigMap x: no resource claims it; annotate it with akc.run/resource-id" },
    { path: "/1", message: "ConfigMap y: its akc.run/resource-id names svc-gone, which is no resource" },
    {
      path: "/2",
      message: "ConfigMap web: svc-web and svc-web-2 claim it; annotate it with akc.run/resource-id",
    },
  ]);
});
