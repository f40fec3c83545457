/** What the Kubernetes provider takes away, and what it leaves, of a real cluster. */
import { expect } from "bun:test";
import { configMap, deployment, resource, service } from "./kubernetes-objects.ts";
import {
  call,
  clusterOfThisFile,
  codeOf,
  drift,
  look,
  only,
  ownedOf,
  present,
  push,
  revisionsOf,
  scope,
  until,
} from "./kubernetes-world.ts";

const { there, place } = clusterOfThisFile("delete");

there("an object that the manifest no longer names is taken away; nothing else is", async () => {
  using at = place();
  at.create(configMap("web-theirs", { a: "1" }));
  const own = { labels: { "app.kubernetes.io/instance": "web" } };
  const provider = at.provider([configMap("web-a", { a: "1" }, own), configMap("web-b", { b: "1" }, own)]);
  const first = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, first);
  const owned = ownedOf((await look(provider, [first]))("web"), first);

  // Another process, which knows only what the inventory says.
  const next = at.provider([configMap("web-a", { a: "1" }, own)]);
  const second = await only(revisionsOf(next, [resource("web", "2")]));
  const left = (await look(next, [second], [owned]))("web");
  expect(drift(left)).toEqual(["/ConfigMap/web-b"]);
  await push(next, second);
  expect(at.names("configmaps").filter((name) => name.startsWith("web"))).toEqual(["web-a", "web-theirs"]);
  expect(drift((await look(next, [second], [owned]))("web"))).toEqual([]);
});

there("an object that goes over to another resource stays", async () => {
  using at = place();
  const of = (id: string) => ({ annotations: { "akc.run/resource-id": id } });
  const both = [resource("api"), resource("web")];
  const provider = at.provider([
    configMap("a", { a: "1" }, of("api")),
    configMap("w", { a: "1" }, of("web")),
    configMap("moving", { a: "1" }, of("api")),
  ]);
  for (const revision of await revisionsOf(provider, both)) await push(provider, revision);
  const uid = () => at.kubectl("get", "configmap", "moving", "-o", "jsonpath={.metadata.uid}");
  const before = uid();

  const next = at.provider([
    configMap("a", { a: "1" }, of("api")),
    configMap("w", { a: "1" }, of("web")),
    configMap("moving", { a: "1" }, of("web")),
  ]);
  const revisions = await revisionsOf(next, both);
  const seen = await look(next, revisions);
  for (const revision of revisions) {
    await next.apply(
      {
        kind: "update",
        revision,
        mark: { scope, resourceId: revision.resourceId, desiredHash: revision.desiredHash },
        idempotencyKey: crypto.randomUUID(),
        expectedVersion: present(seen(revision.resourceId)).version,
        adopt: false,
      },
      call(),
    );
  }
  expect(uid()).toBe(before);
});

there("a delete takes away only what bears the resource's mark", async () => {
  using at = place();
  at.create(configMap("theirs", { a: "1" }));
  const provider = at.provider([deployment("web"), service("web"), configMap("api", { a: "1" })]);
  const [web, api] = await revisionsOf(provider, [resource("web"), resource("api")]);
  if (web === undefined || api === undefined) throw new Error("two resources");
  await push(provider, web);
  await push(provider, api);
  const owned = ownedOf((await look(provider, [web, api]))("web"), web);
  // Somebody took the Service over: it bears no mark any more.
  at.kubectl("label", "service", "web", "akc.run/scope-");

  const gone = at.provider([configMap("api", { a: "1" })]);
  const standing = present((await look(gone, [api], [owned]))("web"));
  const deletion = {
    resource: owned,
    mark: { scope, resourceId: "web" },
    idempotencyKey: "d",
    expectedVersion: standing.version,
  };
  await gone.delete(deletion, call());
  await gone.delete({ ...deletion, expectedVersion: null }, call());
  expect(at.names("deployments")).toEqual([]);
  expect(at.names("services")).toEqual(["web"]);
  expect(at.names("configmaps")).toContain("api");
  expect(at.names("configmaps")).toContain("theirs");
  await until(async () => (await look(gone, [api], [owned]))("web").standing.kind === "absent");
});

there("what was created is deleted again by whoever created it, without another look", async () => {
  using at = place();
  const provider = at.provider([configMap("web", { a: "1" })]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  const owned = ownedOf((await look(provider, [revision]))("web"), revision);
  await provider.delete(
    { resource: owned, mark: { scope, resourceId: "web" }, idempotencyKey: "d", expectedVersion: null },
    call(),
  );
  expect((await look(provider, [revision]))("web").standing.kind).toBe("absent");
});

there("a delete of what has changed since it was planned is refused", async () => {
  using at = place();
  const provider = at.provider([configMap("web", { a: "1" })]);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  await push(provider, revision);
  const seen = (await look(provider, [revision]))("web");
  at.kubectl("patch", "configmap", "web", "--type=merge", "-p", '{"data":{"a":"2"}}');
  const deletion = {
    resource: ownedOf(seen, revision),
    mark: { scope, resourceId: "web" },
    idempotencyKey: "d",
    expectedVersion: present(seen).version,
  };
  expect(await codeOf(provider.delete(deletion, call()))).toBe("PROVIDER_CONFLICT");
  expect(at.names("configmaps")).toContain("web");
});
