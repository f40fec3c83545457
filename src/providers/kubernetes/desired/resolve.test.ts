import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError, type Issue } from "../../../errors.ts";
import { sha256Hex } from "../../../json/fingerprint.ts";
import type { DesiredResource } from "../../contract.ts";
import { resolve } from "./resolve.ts";
import { kubernetesSettings } from "./settings.ts";

function resource(resourceId: string, settings = {}): DesiredResource {
  return {
    resourceId,
    resourceClass: "service",
    name: resourceId,
    desiredHash: "h",
    intent: {},
    settings,
    dependsOn: [],
  };
}

class Repository {
  readonly root = mkdtempSync(join(tmpdir(), "akc-repo-"));

  /** Resolves with this text as the manifest. */
  resolve(text: string, resources: readonly DesiredResource[], path = "app.yaml", sha256 = sha256Hex(text)) {
    writeFileSync(join(this.root, "app.yaml"), text);
    const settings = kubernetesSettings({
      kind: "kubernetes_apply",
      namespace: "shop",
      apply_manifest_path: path,
      apply_manifest_sha256: sha256,
    });
    return resolve(resources, settings.manifest, { settings, repoRoot: this.root });
  }

  async issues(...args: Parameters<Repository["resolve"]>): Promise<readonly Issue[]> {
    try {
      await this.resolve(...args);
    } catch (error) {
      if (error instanceof AkcError && error.code === "DESIRED_STATE_INVALID") return error.issues;
      throw error;
    }
    return [];
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

const deployment = (name: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}}\nspec: {replicas: 2}\n`;

test("a revision holds the objects of its resource whole, and says what is compared and how many copies", async () => {
  using at = new Repository();
  const text = `${deployment("api")}---\n${deployment("web")}`;
  const [api, web] = await at.resolve(text, [
    resource("api"),
    resource("svc", { kubernetes: { name: "web" } }),
  ]);
  expect(api).toEqual({
    kind: "resolved",
    revision: {
      resourceId: "api",
      resourceClass: "service",
      desiredHash: "h",
      dependsOn: [],
      snapshot: {
        objects: [
          '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api"},"spec":{"replicas":2}}',
        ],
      },
      fields: {
        "Deployment.apps": {
          api: {
            apiVersion: "apps/v1",
            kind: "Deployment",
            metadata: { name: "api" },
            spec: { replicas: 2 },
          },
        },
      },
      replicas: 2,
    },
  });
  expect(web).toMatchObject({ kind: "resolved", revision: { resourceId: "svc" } });
});

test("a manifest other than the one the bundle was made for is refused", async () => {
  using at = new Repository();
  const issues = await at.issues(deployment("api"), [resource("api")], "app.yaml", "0".repeat(64));
  expect(issues.map(({ path }) => path)).toEqual(["/deployment_provider/apply_manifest_sha256"]);
});

test("a manifest is read from inside of the repository only", async () => {
  using at = new Repository();
  const outside = join(at.root, "..", `akc-outside-${crypto.randomUUID()}.yaml`);
  writeFileSync(outside, deployment("api"));
  symlinkSync(outside, join(at.root, "link.yaml"));
  for (const path of ["../app.yaml", outside, "link.yaml", "missing.yaml", "."]) {
    const issues = await at.issues(deployment("api"), [resource("api")], path);
    expect(issues.map((issue) => issue.path)).toEqual(["/deployment_provider/apply_manifest_path"]);
  }
  rmSync(outside);
  expect(await at.issues(deployment("api"), [resource("api")], join(at.root, "app.yaml"))).toEqual([]);
});

test("an object that belongs to no resource stops everything, and is named", async () => {
  using at = new Repository();
  const issues = await at.issues(`${deployment("api")}---\n${deployment("stray")}`, [
    resource("api"),
    resource("web"),
  ]);
  expect(issues.map(({ message }) => message)).toEqual([
    "Deployment stray: no resource claims it; annotate it with akc.run/resource-id",
  ]);
});

test("a resource without an object is refused alone", async () => {
  using at = new Repository();
  const kinds = (await at.resolve(deployment("api"), [resource("api"), resource("web")])).map(
    ({ kind }) => kind,
  );
  expect(kinds).toEqual(["resolved", "refused"]);
});

test("the data of a Secret is never kept: its resource is refused, and the refusal holds none of it", async () => {
  using at = new Repository();
  for (const key of ["data", "stringData"]) {
    const secret = `apiVersion: v1\nkind: Secret\nmetadata: {name: api}\n${key}: {password: aHVudGVyMg==}\n`;
    const [resolution] = await at.resolve(secret, [resource("api")]);
    expect(resolution?.kind).toBe("refused");
    expect(JSON.stringify(resolution)).not.toContain("aHVudGVyMg");
  }
});

test("a section with a misspelt key is refused, not ignored", async () => {
  using at = new Repository();
  const [resolution] = await at.resolve(deployment("api"), [
    resource("api", { kubernetes: { nmae: "api" } }),
  ]);
  expect(resolution).toMatchObject({ kind: "refused", resourceId: "api" });
});
