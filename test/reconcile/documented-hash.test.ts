/** The observed hash of the documented contract: told as documented of what really stands, beside what akc itself judges by. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { payloadFaults } from "../../src/evidence/catalogue.ts";
import { exportRun } from "../../src/evidence/export.ts";
import { fingerprint } from "../../src/json/fingerprint.ts";
import { parseJson } from "../../src/json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject } from "../../src/json/value.ts";
import { bundleOf } from "../../src/policy/bundle.fixture.ts";
import { openConvergence } from "../../src/run/deployment/open.ts";
import { createMemoryScope } from "../../src/store/deployment/memory.ts";
import { openStore } from "../../src/store/sqlite/open.ts";
import { systemClock } from "../../src/system/clock.ts";
import { acquireDocker } from "../env/docker.ts";
import { facts, runId, storeHistory } from "../evidence/history.ts";
import { finished, started, status, type ToldEvent } from "../evidence/passes.ts";
import { policy } from "../kernel/world.ts";
import { event, startedAtMs, scope as storedScope, turn } from "../store/builders.ts";
import * as compose from "./compose-stage.ts";
import { deployment, resource } from "./kubernetes-objects.ts";
import { clusterOfThisFile, look, ownedOf, present, push, revisionsOf } from "./kubernetes-world.ts";
import { desired, inMemoryWorld, pass, type World } from "./world.ts";

const hash = "5".repeat(64);

test("what the provider makes of what stands is told beside the observed hash, which stays what it is", async () => {
  const world = inMemoryWorld();
  const wanted = [desired("a"), desired("b")];
  world.sights.set("a", (seen) =>
    seen.standing.kind === "present" ? { ...seen, standing: { ...seen.standing, observedHash: hash } } : seen,
  );
  const { statuses, events } = await pass(world, wanted);
  expect(statuses).toMatchObject([
    {
      resource_id: "a",
      observed_hash: wanted[0]?.desiredHash,
      provider_observed_hash: hash,
      converged: true,
    },
    { resource_id: "b", observed_hash: wanted[1]?.desiredHash, converged: true },
  ]);
  expect(statuses[1]).not.toHaveProperty("provider_observed_hash");
  for (const { type, payload } of events) expect(payloadFaults(type, payload)).toEqual([]);
  const told = events.filter(({ payload }) => payload["provider_observed_hash"] === hash);
  expect(told.map(({ type }) => type)).toEqual(["runtime.reconcile.resource_status"]);
});

test("evidence tells it of each resource, and never of all of them together", async () => {
  const rows = await evidenceOf([
    started({ resource_count: 2 }),
    status("api"),
    // The last one, whose certificate that of all together is made from.
    status("web", { provider_observed_hash: hash }),
    finished({ resource_count: 2, decision_count: 0, decisions_sha256: "0".repeat(64) }),
  ]);
  const told = rows.filter(([, payload]) => payload["provider_observed_hash"] === hash);
  expect(told.map(([type, payload]) => [type, payload["resource_id"]])).toEqual([
    ["reconcile_outcome", "web"],
    ["reconcile_resource_status", "web"],
    ["convergence_certificate", "web"],
  ]);
  const names = (one: JsonObject) => Object.hasOwn(one, "provider_observed_hash");
  expect(rows.filter(([, payload]) => names(payload))).toHaveLength(told.length);
});

/** Type and payload of every row of a run that told these. */
async function evidenceOf(told: readonly ToldEvent[]): Promise<readonly (readonly [unknown, JsonObject])[]> {
  const first = { type: "runtime.kernel.started", payload: { runtime_run_id: runId, node_count: 0 } };
  const history = [first, ...told].map(({ type, payload }, index) => {
    expect(payloadFaults(type, payload)).toEqual([]);
    return turn({ events: [event(index + 1, type, payload)] });
  });
  using place = storedScope();
  await storeHistory(place.scopeRoot, { history });
  const store = await openStore(place.scopeRoot);
  const reader = await store.openRun(runId);
  const about = { scopeRoot: place.scopeRoot, outputsRoot: place.root, facts, nowMs: startedAtMs };
  const { paths } = await exportRun({ reader, ...about });
  await reader.close();
  await store.close();
  const rows = parseJson(readFileSync(paths.evidence, "utf8"));
  return (isJsonArray(rows) ? rows : []).filter(isJsonObject).map((row) => {
    const payload = row["payload"];
    return [row["evidence_type"], isJsonObject(payload) ? payload : {}];
  });
}

const engine = await acquireDocker();
afterAll(async () => await engine?.release());

describe.skipIf(engine === undefined)("a Compose project that Compose itself has made", () => {
  test("has the documented hash of what its own tools say, under the bundle's contract", async () => {
    if (engine === undefined) return;
    const stage = new compose.ComposeStage(engine);
    const scopeRoot = mkdtempSync(join(tmpdir(), "akc-scope-"));
    try {
      const file = join(stage.repo, "app.yaml");
      writeFileSync(
        file,
        JSON.stringify({ services: { api: compose.service({ deploy: { replicas: 2 } }) } }),
      );
      const project = ["compose", "-p", stage.project, "-f", file];
      await stage.docker(...project, "up", "-d");
      const contract = { version: 2, algorithm: "x" };
      const bundle = bundleOf({
        metadata: {
          deployment_observe_hash_contract: contract,
          deployment_intents: [{ node_id: "svc-api", kind: "service" }],
          deployment_provider: {
            kind: "docker_compose_observe",
            project: stage.project,
            service_map: { "svc-api": "api" },
          },
        },
      });
      const env = { ...engine.env, AKC_ENABLE_EXTERNAL_DEPLOYMENT_PROVIDER: "1" };
      const opened = await openConvergence(
        { bundle: { ...bundle, repoRoot: stage.repo }, policy: policy() },
        { env, clock: systemClock, scopeRoot },
      );
      if (opened === undefined) throw new Error("the bundle wants something to stand");
      const world: World = { ...opened, log: [], looks: 0, sights: new Map(), refusals: new Map() };
      const { statuses } = await pass(world, opened.deployment.desired, createMemoryScope(), {
        clock: systemClock,
      });

      const said = async (what: string) =>
        (await stage.docker("inspect", "-f", what, stage.container("api"))).trim();
      const body = {
        provider: "docker_compose_observe",
        service: "api",
        state: "running",
        image_digest: await said("{{.Image}}"),
        image_ref: await said("{{.Config.Image}}"),
        config_hash: (await stage.docker(...project, "config", "--hash", "api")).trim(),
      };
      expect(statuses).toMatchObject([
        {
          resource_id: "svc-api",
          converged: true,
          provider_observed_hash: fingerprint({
            contract_version: 2,
            resource_id: "svc-api",
            body,
            contract,
          }),
        },
      ]);
    } finally {
      await stage.end();
      rmSync(scopeRoot, { recursive: true, force: true });
    }
  });
});

const { there, place } = clusterOfThisFile("documented-hash");

there(
  "a pod of a real cluster has the documented hash, and a Deployment none that comes and goes",
  async () => {
    using at = place();
    const container = { name: "app", image: "shop:1" };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "job" },
      spec: { containers: [container] },
    };
    const provider = at.provider([pod, deployment("web")]);
    const [revision, web] = await revisionsOf(provider, [resource("job"), resource("web")]);
    if (revision === undefined || web === undefined) throw new Error("both are resolved");
    await push(provider, revision);
    await push(provider, web);
    const found = await look(provider, [revision, web]);
    expect(present(found("web"))).not.toHaveProperty("observedHash");
    const seen = found("job");
    const uid = at.kubectl("get", "pod", "job", "-o", "jsonpath={.metadata.uid}").trim();
    const body = {
      provider: "kubernetes_observe",
      kind: "pod",
      namespace: at.namespace,
      phase: "Pending",
      uid,
      container_image_ids: [],
    };
    const documented = fingerprint({ contract_version: 1, resource_id: "job", body });
    expect(present(seen).observedHash).toBe(documented);
    const left = (await look(provider, [], [ownedOf(seen, revision)]))("job");
    expect(present(left).observedHash).toBe(documented);
  },
);
