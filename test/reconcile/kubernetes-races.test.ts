/** Somebody else is always quicker: what the Kubernetes provider does when the world moves between its look and its change. */
import { expect } from "bun:test";
import { configMap, resource } from "./kubernetes-objects.ts";
import {
  clusterOfThisFile,
  codeOf,
  drift,
  look,
  only,
  type Place,
  present,
  push,
  revisionsOf,
  Scratch,
} from "./kubernetes-world.ts";

const { there, place } = clusterOfThisFile("race");

/** A kubectl that lets `meanwhile` happen once, right before the first call that changes something. */
function interrupted(files: Scratch, at: Place, meanwhile: string): string {
  return files.script(`
case "$*" in *dry-run*) ;; *" apply "*)
  if mkdir ${files.folder}/done 2>/dev/null; then ${meanwhile.replaceAll("kubectl", `kubectl -n ${at.namespace}`)} >/dev/null; fi ;;
esac
exec kubectl "$@"`);
}

const valueIn = (at: Place, key = "a") =>
  at.kubectl("get", "configmap", "web", "-o", `jsonpath={.data.${key}}`);

there("an object that is changed right before it is applied keeps what it was changed to", async () => {
  using at = place();
  using files = new Scratch();
  await push(
    at.provider([configMap("web", { a: "1" })]),
    await only(revisionsOf(at.provider([configMap("web", { a: "1" })]), [resource("web")])),
  );
  const kubectl = interrupted(
    files,
    at,
    `kubectl patch configmap web --type=merge -p '{"data":{"a":"theirs"}}'`,
  );
  const provider = at.provider([configMap("web", { a: "2" })], {}, at.cluster.kubeconfig, kubectl);
  const revision = await only(revisionsOf(provider, [resource("web", "2")]));
  expect(await codeOf(push(provider, revision))).toBe("PROVIDER_CONFLICT");
  expect(valueIn(at)).toBe("theirs");
});

there("an object that changes by itself, and not in what is compared, is applied all the same", async () => {
  using at = place();
  using files = new Scratch();
  const first = at.provider([configMap("web", { a: "1" })]);
  await push(first, await only(revisionsOf(first, [resource("web")])));
  const kubectl = interrupted(
    files,
    at,
    `kubectl annotate configmap web deployment.kubernetes.io/revision=7`,
  );
  const provider = at.provider([configMap("web", { a: "2" })], {}, at.cluster.kubeconfig, kubectl);
  const revision = await only(revisionsOf(provider, [resource("web", "2")]));
  await push(provider, revision);
  expect(valueIn(at)).toBe("2");
});

there("an object that somebody makes right before it is created is theirs", async () => {
  using at = place();
  using files = new Scratch();
  const kubectl = interrupted(files, at, "kubectl create configmap web --from-literal=a=theirs");
  const provider = at.provider([configMap("web", { a: "ours" })], {}, at.cluster.kubeconfig, kubectl);
  const revision = await only(revisionsOf(provider, [resource("web")]));
  expect(await codeOf(push(provider, revision))).toBe("PROVIDER_NOT_OWNED");
  expect(valueIn(at)).toBe("theirs");
});

there(
  "an object that is replaced right before it is applied is not taken for the one that was there",
  async () => {
    using at = place();
    using files = new Scratch();
    const first = at.provider([configMap("web", { a: "1" })]);
    await push(first, await only(revisionsOf(first, [resource("web")])));
    const replace = "kubectl delete configmap web; kubectl create configmap web --from-literal=a=theirs";
    const kubectl = interrupted(files, at, `{ ${replace}; }`);
    const provider = at.provider([configMap("web", { a: "2" })], {}, at.cluster.kubeconfig, kubectl);
    const revision = await only(revisionsOf(provider, [resource("web", "2")]));
    expect(await codeOf(push(provider, revision))).toBe("PROVIDER_NOT_OWNED");
    expect(valueIn(at)).toBe("theirs");
  },
);

there("a change that ended half way goes on when it is asked for again, and is then complete", async () => {
  using at = place();
  using files = new Scratch();
  const first = at.provider([configMap("web", { a: "1" })]);
  const before = await only(revisionsOf(first, [resource("web")]));
  await push(first, before);
  const { version } = present((await look(first, [before]))("web"));

  // The new object is made; the connection is lost before the one that stands is changed.
  const kubectl = files.script(`
case "$*" in *dry-run*) ;; *--force-conflicts*)
  if mkdir ${files.folder}/done 2>/dev/null; then echo "Unable to connect to the server: EOF" >&2; exit 1; fi ;;
esac
exec kubectl "$@"`);
  const objects = [configMap("web", { a: "2" }), configMap("web-more", { a: "2" })];
  const provider = at.provider(objects, {}, at.cluster.kubeconfig, kubectl);
  const revision = await only(revisionsOf(provider, [resource("web", "2")]));
  const once = { key: "k", expectedVersion: version };
  expect(await codeOf(push(provider, revision, once))).toBe("PROVIDER_FAILED");
  expect(at.names("configmaps")).toContain("web-more");
  expect(present((await look(provider, [revision]))("web")).markedHash).toBeUndefined();

  await push(provider, revision, once);
  const whole = (await look(provider, [revision]))("web");
  expect(drift(whole)).toEqual([]);
  expect(present(whole).markedHash).toBe(revision.desiredHash);
});
