import { expect, test } from "bun:test";
import fc from "fast-check";
import { labelValue, marked, markOn, resourceIdKey, scopeLabel } from "./mark.ts";

const mark = {
  scope: "acme/shop",
  resourceId: "svc:web ü",
  resourceClass: "service",
  desiredHash: "a".repeat(64),
  change: "c",
};
const bare = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "web", labels: { app: "web" } } };

test("what was marked is known again, and only by its own scope", () => {
  const object = marked(bare, mark);
  expect(markOn(object, "acme/shop")).toEqual(mark);
  expect(markOn(object, "acme/other")).toBeUndefined();
  expect(markOn(bare, "acme/shop")).toBeUndefined();
});

test("a part of a mark is none", () => {
  const { metadata, ...rest } = marked(bare, mark);
  if (typeof metadata !== "object" || metadata === null) throw new Error("no metadata");
  expect(markOn({ ...rest, metadata: { ...metadata, labels: {} } }, "acme/shop")).toBeUndefined();
  expect(markOn({ ...rest, metadata: { ...metadata, annotations: {} } }, "acme/shop")).toBeUndefined();
});

test("a mark in a manifest is no mark: the real one takes its place", () => {
  const forged = {
    ...bare,
    metadata: { name: "web", labels: { [scopeLabel]: "x" }, annotations: { [resourceIdKey]: "y" } },
  };
  expect(markOn(marked(forged, mark), "acme/shop")).toEqual(mark);
});

test("every text has a label that Kubernetes takes, and no two texts share one", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      expect(labelValue(left)).toMatch(/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/);
      if (left !== right) expect(labelValue(left)).not.toBe(labelValue(right));
    }),
  );
  const digest = labelValue("acme/shop");
  expect(labelValue(digest)).not.toBe(digest);
  expect(labelValue("svc-api")).toBe("svc-api");
});
