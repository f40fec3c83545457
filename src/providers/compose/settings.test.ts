import { expect, test } from "bun:test";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { readComposeSettings, readServiceSettings } from "./settings.ts";

const least: JsonObject = {
  kind: "docker_compose_apply",
  project: "shop",
  apply_manifest_path: "app.yaml",
  apply_manifest_sha256: "A".repeat(64),
};

function issuesOf(settings: JsonObject): readonly string[] {
  try {
    readComposeSettings(settings);
    return [];
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "DESIRED_STATE_INVALID")
      return cause.issues.map(({ path }) => path);
    throw cause;
  }
}

test("the documented keys are read, with the documented defaults", () => {
  expect(readComposeSettings(least)).toMatchObject({
    project: "shop",
    composeFiles: [],
    workingDir: ".",
    manifest: { path: "app.yaml", sha256: "a".repeat(64) },
  });
  expect(issuesOf({ kind: "docker_compose_observe", project: "shop" })).toEqual([]);
});

test("every fault is named by its place, and nothing unknown is let through", () => {
  const faults: readonly (readonly [JsonObject, string])[] = [
    [{ project: "" }, "/project"],
    [{ project: "Shop" }, "/project"],
    [{ kind: "docker" }, "/kind"],
    [{ apply_manifest_sha256: "abc" }, "/apply_manifest_sha256"],
    [{ service_maps: {} }, "/service_maps"],
    [{ compose_files: "a.yaml" }, "/compose_files"],
    [{ service_map: [] }, "/service_map"],
    [{ observe_probes: [1] }, "/observe_probes/0"],
    [
      { rollback_apply_manifest_by_desired_hash: { ["b".repeat(64)]: {} } },
      `/rollback_apply_manifest_by_desired_hash/${"b".repeat(64)}/apply_manifest_path`,
    ],
  ];
  for (const [more, path] of faults)
    expect(issuesOf({ ...least, ...more })).toContain(`/deployment_provider${path}`);
  expect(issuesOf({ kind: "docker_compose_apply", project: "shop" })).toEqual([
    "/deployment_provider/apply_manifest_path",
    "/deployment_provider/apply_manifest_sha256",
  ]);
});

test("what a resource says of itself is as strict", () => {
  expect(readServiceSettings({})).toEqual({ kind: "read", settings: { job: false } });
  expect(readServiceSettings({ docker_compose: { service: "web", job: true } })).toEqual({
    kind: "read",
    settings: { service: "web", job: true },
  });
  for (const section of [{ image: "x" }, { service: "" }, [], "web"])
    expect(readServiceSettings({ docker_compose: section }).kind).toBe("faulty");
});
