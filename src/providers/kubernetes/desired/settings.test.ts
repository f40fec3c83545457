import { expect, test } from "bun:test";
import { AkcError } from "../../../errors.ts";
import type { JsonObject } from "../../../json/value.ts";
import { kubernetesSettings, resourceSection } from "./settings.ts";

const sha = "ab".repeat(32);
const apply = {
  kind: "kubernetes_apply",
  namespace: "shop",
  apply_manifest_path: "app.yaml",
  apply_manifest_sha256: sha.toUpperCase(),
};

function issues(settings: JsonObject): readonly string[] {
  try {
    kubernetesSettings(settings);
    return [];
  } catch (error) {
    if (!(error instanceof AkcError) || error.code !== "DESIRED_STATE_INVALID") throw error;
    return error.issues.map(({ path }) => path);
  }
}

test("the documented settings are read, digests in lower case", () => {
  const read = kubernetesSettings({
    ...apply,
    kube_context: "ctx",
    service_map: { "svc-api": "api" },
    resource_kind: "Deployment",
    rollback_apply_manifest_by_desired_hash: {
      [sha]: { apply_manifest_path: "old.yaml", apply_manifest_sha256: sha },
    },
  });
  expect(read).toMatchObject({
    kind: "kubernetes_apply",
    namespace: "shop",
    context: "ctx",
    watched: { apiVersion: "apps/v1", kind: "Deployment" },
    manifest: { path: "app.yaml", sha256: sha },
  });
  expect(read.names.get("svc-api")).toBe("api");
  expect(read.earlier.get(sha)).toEqual({ path: "old.yaml", sha256: sha });
});

test("a resource map counts before a service map", () => {
  const both = {
    kind: "kubernetes_observe",
    namespace: "shop",
    resource_map: { a: "x" },
    service_map: { a: "y" },
  };
  expect(kubernetesSettings(both).names.get("a")).toBe("x");
});

test("an applying provider needs its manifest and the digest of it", () => {
  expect(issues({ kind: "kubernetes_apply", namespace: "shop" })).toEqual([
    "/deployment_provider/apply_manifest_path",
    "/deployment_provider/apply_manifest_sha256",
  ]);
  expect(issues({ kind: "kubernetes_observe", namespace: "shop" })).toEqual([]);
  expect(issues({ kind: "kubernetes_observe", namespace: "shop", apply_manifest_path: "app.yaml" })).toEqual([
    "/deployment_provider/apply_manifest_sha256",
  ]);
});

const wrong: readonly (readonly [string, JsonObject])[] = [
  ["/deployment_provider/namespace", { ...apply, namespace: "-o=yaml" }],
  ["/deployment_provider/namespace", { kind: "kubernetes_observe" }],
  ["/deployment_provider/resource_kind", { ...apply, resource_kind: "gadget" }],
  ["/deployment_provider/apply_manifest_sha256", { ...apply, apply_manifest_sha256: "abc" }],
  ["/deployment_provider/namespaces", { ...apply, namespaces: "shop" }],
  ["/deployment_provider/resource_map/a", { ...apply, resource_map: { a: "--all" } }],
  ["/deployment_provider/observe_probes/0/x", { ...apply, observe_probes: [{ x: {} }] }],
  [
    `/deployment_provider/rollback_apply_manifest_by_desired_hash/${sha}/apply_manifest_sha256`,
    { ...apply, rollback_apply_manifest_by_desired_hash: { [sha]: { apply_manifest_path: "a" } } },
  ],
];
test.each(wrong)("what is wrong at %s is told there", (path, settings) => {
  expect(issues(settings)).toEqual([path]);
});

test("a resource may name its object and kind for itself, and nothing else", () => {
  expect(resourceSection({ name: "web", resource_kind: "Widget.v1.example.com" })).toEqual({
    name: "web",
    watched: { apiVersion: "example.com/v1", kind: "Widget" },
  });
  expect(resourceSection({ nmae: "web" })).toHaveProperty("issues");
});
