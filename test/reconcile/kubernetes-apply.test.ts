/** The Kubernetes provider against a real API server and its controllers: what it makes, changes, leaves alone and takes away. */
import { expect } from "bun:test";
import { configMap, deployment, resource, service } from "./kubernetes-objects.ts";
import {
  clusterOfThisFile,
  codeOf,
  drift,
  look,
  only,
  present,
  push,
  revisionsOf,
  until,
} from "./kubernetes-world.ts";

const { there, place, cluster } = clusterOfThisFile("apply");

there(
  "what is created stands healthy with no difference, and a second pass finds nothing to do",
  async () => {
    using at = place();
    const provider = at.provider([deployment("web"), service("web")]);
    const revision = await only(revisionsOf(provider, [resource("web")]));
    expect(revision.replicas).toBe(3);
    expect((await look(provider, [revision]))("web").standing.kind).toBe("absent");

    await push(provider, revision);
    const fresh = (await look(provider, [revision]))("web");
    expect(present(fresh).health).not.toBe("healthy");
    expect(drift(fresh)).toEqual([]);

    cluster().ready(at.namespace, "web");
    const settled = (await look(provider, [revision]))("web");
    expect(present(settled)).toMatchObject({
      owner: "akc",
      markedHash: revision.desiredHash,
      health: "healthy",
      copies: { total: 3, ready: 3, updated: 3, updatedReady: 3 },
    });
    expect(drift(settled)).toEqual([]);
    expect(present((await look(provider, [revision]))("web")).version).toBe(present(settled).version);
  },
);

there("one ready pod of three is not healthy", async () => {
  using at = place();
  const provider = at.provider([deployment("web")]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  cluster().ready(at.namespace, "web");
  const [pod] = at.names("pods");
  for (const other of at.names("pods").filter((name) => name !== pod)) {
    cluster().unready(at.namespace, other);
  }
  await until(async () => present((await look(provider, [revision]))("web")).copies?.ready === 1);
  const standing = present((await look(provider, [revision]))("web"));
  expect(standing.health).toBe("degraded");
  expect(standing.message).toContain("1 of 3 pods are ready");
});

there("a field that somebody else changes is drift at that field, and applying takes it back", async () => {
  using at = place();
  const provider = at.provider([deployment("web")]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  const before = present((await look(provider, [revision]))("web"));
  at.kubectl("scale", "deployment", "web", "--replicas=5");
  const scaled = (await look(provider, [revision]))("web");
  expect(drift(scaled)).toEqual(["/Deployment.apps/web/spec/replicas"]);
  expect(present(scaled).version).not.toBe(before.version);
  await push(provider, revision);
  expect(drift((await look(provider, [revision]))("web"))).toEqual([]);
  expect(at.kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}")).toBe("3");
});

there("fields that the manifest does not name are left to others", async () => {
  using at = place();
  const provider = at.provider([deployment("web")]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  at.kubectl("annotate", "deployment", "web", "team=shop");
  expect(drift((await look(provider, [revision]))("web"))).toEqual([]);
  await push(provider, revision);
  expect(at.kubectl("get", "deployment", "web", "-o", "jsonpath={.metadata.annotations.team}")).toBe("shop");
});

there(
  "a field that a new revision no longer names is taken away, and a rollback brings it back",
  async () => {
    using at = place();
    const provider = at.provider([configMap("web", { a: "1", b: "2" })]);
    const first = await only(revisionsOf(provider, [resource("web")]));
    await push(provider, first);
    const next = at.provider([configMap("web", { a: "1", c: "3" })]);
    const second = await only(revisionsOf(next, [resource("web", "2")]));
    await push(next, second);
    expect(JSON.parse(at.kubectl("get", "configmap", "web", "-o", "jsonpath={.data}"))).toEqual({
      a: "1",
      c: "3",
    });

    // A revision as the store keeps it, with every file gone.
    const kept = JSON.parse(JSON.stringify(first));
    at.forgetFiles();
    await push(next, kept, { kind: "rollback" });
    const back = (await look(next, [kept]))("web");
    expect(drift(back)).toEqual([]);
    expect(present(back).markedHash).toBe(first.desiredHash);
    expect(JSON.parse(at.kubectl("get", "configmap", "web", "-o", "jsonpath={.data}"))).toEqual({
      a: "1",
      b: "2",
    });
  },
);

there("what bears no mark is left alone, and taken over only when asked to", async () => {
  using at = place();
  at.create(configMap("web", { a: "theirs" }));
  const provider = at.provider([configMap("web", { a: "ours" })]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  const found = (await look(provider, [revision]))("web");
  expect(present(found).owner).toBe("other");
  expect(drift(found)).toEqual(["/ConfigMap/web/data/a"]);
  expect(await codeOf(push(provider, revision))).toBe("PROVIDER_NOT_OWNED");
  expect(at.kubectl("get", "configmap", "web", "-o", "jsonpath={.data.a}")).toBe("theirs");

  await push(provider, revision, { adopt: true });
  expect(present((await look(provider, [revision]))("web")).owner).toBe("akc");
  expect(at.kubectl("get", "configmap", "web", "-o", "jsonpath={.data.a}")).toBe("ours");
});

there("an object of another scope is another's", async () => {
  using at = place();
  const provider = at.provider([configMap("web", { a: "1" })]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  at.kubectl("annotate", "configmap", "web", "--overwrite", "akc.run/scope=acme/other");
  expect(present((await look(provider, [revision]))("web")).owner).toBe("other");
});

there("a change is made only while the resource is as it was when it was planned", async () => {
  using at = place();
  const provider = at.provider([configMap("web", { a: "1" })]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  const { version } = present((await look(provider, [revision]))("web"));
  expect(await codeOf(push(provider, revision, { expectedVersion: null }))).toBe("PROVIDER_CONFLICT");
  at.kubectl("patch", "configmap", "web", "--type=merge", "-p", '{"data":{"a":"2"}}');
  expect(await codeOf(push(provider, revision, { expectedVersion: version }))).toBe("PROVIDER_CONFLICT");
  expect(at.kubectl("get", "configmap", "web", "-o", "jsonpath={.data.a}")).toBe("2");
});

there("the same change asked for twice is made once", async () => {
  using at = place();
  const provider = at.provider([configMap("web", { a: "1" })]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision, { key: "k", expectedVersion: null });
  const seen = () => at.kubectl("get", "configmap", "web", "-o", "jsonpath={.metadata.resourceVersion}");
  const before = seen();
  await push(provider, revision, { key: "k", expectedVersion: null });
  expect(seen()).toBe(before);
});

there("a rollout that fails says which pod does not start, and why", async () => {
  using at = place();
  const provider = at.provider([deployment("web")]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  cluster().ready(at.namespace, "web");
  const broken = at.provider([deployment("web", { image: "shop:broken" })]);
  const next = await only(revisionsOf(broken, [resource("web", "2")]));
  await push(broken, next);
  cluster().ready(at.namespace, "web", "--fail");
  const standing = present((await look(broken, [next]))("web"));
  expect(standing.health).toBe("failed");
  expect(standing.message).toContain("CrashLoopBackOff");
  expect(standing.message).toContain("past its progress deadline");
  expect(standing.conditions.find(({ type }) => type === "Progressing")).toMatchObject({
    status: "false",
    reason: "ProgressDeadlineExceeded",
  });
  expect(standing.copies?.updatedReady).toBe(0);

  await push(broken, revision, { kind: "rollback" });
  cluster().ready(at.namespace, "web");
  const back = (await look(broken, [revision]))("web");
  expect(present(back).health).toBe("healthy");
  expect(drift(back)).toEqual([]);
});
