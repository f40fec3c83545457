/** Looking at a real API server: what is not known is never absent, how many calls a look takes, kinds that nobody here knows. */
import { expect } from "bun:test";
import { isJsonObject, type JsonObject } from "../../src/json/value.ts";
import { createKubernetesProvider } from "../../src/providers/kubernetes/provider.ts";
import { systemClock } from "../../src/system/clock.ts";
import { configMap, deployment, resource } from "./kubernetes-objects.ts";
import {
  call,
  clusterOfThisFile,
  codeOf,
  drift,
  look,
  ownedOf,
  present,
  push,
  revisionsOf,
  scope,
} from "./kubernetes-world.ts";

const { there, place } = clusterOfThisFile("look");

there(
  "a server that cannot be reached leaves everything unobservable, and later the same provider converges",
  async () => {
    using at = place();
    const door = await at.cluster.door();
    const provider = at.provider(
      [configMap("web", { a: "1" }), configMap("api", { a: "1" })],
      {},
      door.kubeconfig,
    );
    const [web, api] = await revisionsOf(provider, [resource("web"), resource("api")]);
    if (web === undefined || api === undefined) throw new Error("two resources");
    await push(provider, web);
    const owned = ownedOf((await look(provider, [web]))("web"), web);

    await door.shut();
    const seen = await look(provider, [web, api], [owned]);
    for (const id of ["web", "api"]) {
      expect(seen(id).standing).toMatchObject({ kind: "unobservable", reason: "unreachable" });
    }
    expect(await codeOf(provider.apply(change(api), call()))).toBe("PROVIDER_FAILED");

    await door.open();
    expect((await look(provider, [web, api]))("web").standing.kind).toBe("present");
    await push(provider, api);
    expect(drift((await look(provider, [web, api]))("api"))).toEqual([]);
    await door.shut();
  },
);

there("what may not be read is unobservable, and hides nothing of what may", async () => {
  using at = place();
  at.create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "reader" },
    rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get", "list", "patch", "create"] }],
  });
  at.create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "reader" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
    subjects: [{ kind: "User", name: "reader", apiGroup: "rbac.authorization.k8s.io" }],
  });
  const objects = [configMap("web", { a: "1" }), deployment("api")];
  const limited = at.provider(objects, {}, at.cluster.kubeconfigAs("reader"));
  const [web, api] = await revisionsOf(limited, [resource("web"), resource("api")]);
  if (web === undefined || api === undefined) throw new Error("two resources");
  const seen = await look(limited, [web, api]);
  expect(seen("api").standing).toMatchObject({ kind: "unobservable", reason: "denied" });
  expect(seen("web").standing.kind).toBe("absent");
  await push(limited, web);
  expect(drift((await look(limited, [web, api]))("web"))).toEqual([]);
});

there("a look takes as many calls for thirty resources as for one", async () => {
  using at = place();
  const ids = Array.from({ length: 30 }, (_, index) => `web-${index}`);
  const provider = at.provider(
    ids.map((id) => (id === "web-0" ? deployment(id) : configMap(id, { a: "1" }))),
  );
  const revisions = await revisionsOf(
    provider,
    ids.map((id) => resource(id)),
  );
  const first = provider.kubectlRuns;
  const absent = await look(provider, revisions);
  // By mark, and by name.
  expect(provider.kubectlRuns - first).toBe(2);
  for (const revision of revisions) {
    expect(absent(revision.resourceId).standing.kind).toBe("absent");
    await provider.apply(change(revision), call());
  }
  const before = provider.kubectlRuns;
  const seen = await look(provider, revisions);
  // By mark, a dry run, and the pods of the one that is not ready.
  expect(provider.kubectlRuns - before).toBe(3);
  for (const id of ids) expect(drift(seen(id))).toEqual([]);
  at.cluster.ready(at.namespace, "web-0");
  const settled = provider.kubectlRuns;
  await look(provider, revisions);
  expect(provider.kubectlRuns - settled).toBe(2);
});

there(
  "an object that the server would refuse shows its difference, and does not hide that of the others",
  async () => {
    using at = place();
    const provider = at.provider([deployment("web"), configMap("api", { a: "1" })]);
    for (const revision of await revisionsOf(provider, [resource("web"), resource("api")]))
      await push(provider, revision);
    const moved = deployment("web");
    const wrong = { ...moved, spec: { ...spec(moved), selector: { matchLabels: { app: "other" } } } };
    const next = at.provider([wrong, configMap("api", { a: "2" })]);
    const revisions = await revisionsOf(next, [resource("web"), resource("api")]);
    const seen = await look(next, revisions);
    expect(drift(seen("api"))).toEqual(["/ConfigMap/api/data/a"]);
    expect(drift(seen("web"))).toEqual(["/Deployment.apps/web/spec/selector/matchLabels/app"]);
    const [web] = revisions;
    if (web === undefined) throw new Error("two resources");
    expect(await codeOf(push(next, web))).toBe("PROVIDER_FAILED");
  },
);

there(
  "a custom resource is applied once its kind is there, judged by its conditions, and pruned when its kind is gone",
  async () => {
    using at = place();
    const widget = (size: number): JsonObject => ({
      apiVersion: "example.com/v1",
      kind: "Widget",
      metadata: { name: "web" },
      spec: { size },
    });
    const provider = at.provider([widget(1)]);
    const [revision] = await revisionsOf(provider, [resource("web")]);
    if (revision === undefined) throw new Error("one resource");
    expect((await look(provider, [revision]))("web").standing.kind).toBe("absent");
    expect(await codeOf(push(provider, revision))).toBe("PROVIDER_FAILED");

    at.create(definition);
    at.kubectl("wait", "--for=condition=Established", "crd/widgets.example.com", "--timeout=20s");
    await push(provider, revision);
    expect(present((await look(provider, [revision]))("web")).health).toBe("unknown");
    const say = (status: string) =>
      at.kubectl(
        ...["patch", "widget", "web", "--type=merge", "--patch"],
        JSON.stringify({ status: { conditions: [{ type: "Ready", status, reason: "Sized" }] } }),
      );
    say("False");
    expect(present((await look(provider, [revision]))("web"))).toMatchObject({
      health: "degraded",
      conditions: [{ type: "Ready", status: "false", reason: "Sized" }],
    });
    say("True");
    const ready = (await look(provider, [revision]))("web");
    expect(present(ready)).toMatchObject({ owner: "akc", health: "healthy" });
    expect(drift(ready)).toEqual([]);

    const owned = ownedOf(ready, revision);
    at.kubectl("delete", "crd", "widgets.example.com", "--timeout=20s");
    const gone = at.provider([configMap("api", { a: "1" })]);
    expect((await look(gone, [], [owned]))("web").standing.kind).toBe("absent");
    const deletion = {
      resource: owned,
      mark: { scope, resourceId: "web" },
      idempotencyKey: "d",
      expectedVersion: null,
    };
    await gone.delete(deletion, call());
  },
);

there("what bears the scope's mark is found without any inventory", async () => {
  using at = place();
  const provider = at.provider([configMap("web", { a: "1" })]);
  const [revision] = await revisionsOf(provider, [resource("web")]);
  if (revision === undefined) throw new Error("one resource");
  await push(provider, revision);
  const stranger = at.provider([configMap("api", { a: "1" })]);
  const found = (await look(stranger, []))("web");
  expect(found.resourceClass).toBe("service");
  expect(present(found)).toMatchObject({ owner: "akc", markedHash: revision.desiredHash });
});

there("an observing provider judges what stands by kind and name, and can change nothing", async () => {
  using at = place();
  at.create(deployment("shop-web"));
  const provider = at.providerOf({
    kind: "kubernetes_observe",
    resource_kind: "deployment",
    resource_map: { web: "shop-web" },
  });
  expect([...provider.capabilities]).toEqual(["observe"]);
  const [revision] = await revisionsOf(provider, [resource("web")]);
  if (revision === undefined) throw new Error("one resource");
  expect(present((await look(provider, [revision]))("web")).health).toBe("degraded");
  at.cluster.ready(at.namespace, "shop-web");
  expect(present((await look(provider, [revision]))("web"))).toMatchObject({
    owner: "other",
    health: "healthy",
    fields: {},
  });
  expect(await codeOf(provider.apply(change(revision), call()))).toBe("PROVIDER_FAILED");
});

there("a failing probe degrades what is healthy", async () => {
  using at = place();
  at.create(configMap("web", { a: "1" }));
  let asked = 0;
  const rows = [{ kind: "tcp", port: 1 }];
  const provider = createKubernetesProvider(
    {
      kind: "kubernetes_observe",
      namespace: at.namespace,
      resource_kind: "ConfigMap.v1",
      observe_probes: rows,
    },
    {
      env: { HOME: at.repoRoot, KUBECONFIG: at.cluster.kubeconfig },
      repoRoot: at.repoRoot,
      scope,
      clock: systemClock,
      probe: async (given) => {
        asked += 1;
        expect(given).toEqual(rows);
        return [{ type: "ProbeTcp", status: "false", reason: "tcp_failed" }];
      },
    },
  );
  const [revision] = await revisionsOf(provider, [resource("web")]);
  if (revision === undefined) throw new Error("one resource");
  const standing = present((await look(provider, [revision]))("web"));
  expect(standing).toMatchObject({ health: "degraded", message: "ProbeTcp: tcp_failed" });
  expect(asked).toBe(1);
});

function change(revision: Parameters<typeof push>[1]) {
  return {
    kind: "create",
    revision,
    mark: { scope, resourceId: revision.resourceId, desiredHash: revision.desiredHash },
    idempotencyKey: crypto.randomUUID(),
    expectedVersion: null,
    adopt: false,
  } as const;
}

function spec(object: JsonObject): JsonObject {
  const found = object["spec"];
  return isJsonObject(found) ? found : {};
}

const definition: JsonObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { plural: "widgets", singular: "widget", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { size: { type: "integer" } } },
              status: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
            },
          },
        },
      },
    ],
  },
};
