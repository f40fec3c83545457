/** The Kubernetes provider with a stand-in for kubectl: deadlines, answers that are none, and what needs no cluster at all. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import { limits } from "../../src/limits.ts";
import { createKubernetesProvider } from "../../src/providers/kubernetes/provider.ts";
import { systemClock } from "../../src/system/clock.ts";
import { configMap, resource } from "./kubernetes-objects.ts";
import { call, look, revisionsOf, Scratch, scope, until } from "./kubernetes-world.ts";

test("a hash of which nothing was kept is brought back from the manifest that the bundle names for it", async () => {
  using files = new Scratch();
  const text = (size: string) =>
    ["api", "web"].map((name) => JSON.stringify(configMap(name, { size }))).join("\n---\n");
  for (const size of ["new", "old"]) writeFileSync(join(files.folder, `${size}.yaml`), text(size));
  const earlier = "ab".repeat(32);
  const pinned = (size: string) => ({
    apply_manifest_path: `${size}.yaml`,
    apply_manifest_sha256: sha256Hex(text(size)),
  });
  const provider = createKubernetesProvider(
    {
      kind: "kubernetes_apply",
      namespace: "shop",
      ...pinned("new"),
      rollback_apply_manifest_by_desired_hash: { [earlier]: pinned("old") },
    },
    { env: { AKC_KUBECTL: files.script("exit 1") }, repoRoot: files.folder, scope, clock: systemClock },
  );
  await provider.resolve([resource("api"), resource("web")], call());
  expect(await provider.resolveStored(resource("api"), earlier, call())).toMatchObject({
    kind: "resolved",
    revision: {
      resourceId: "api",
      desiredHash: earlier,
      fields: { ConfigMap: { api: { data: { size: "old" } } } },
    },
  });
  expect(await provider.resolveStored(resource("api"), "cd".repeat(32), call())).toBeUndefined();
});

test("a kubectl that takes too long leaves everything unobservable, and none of it running", async () => {
  using files = new Scratch();
  const noted = join(files.folder, "pid");
  const kubectl = files.script(`sleep 300 & echo $$ $! >${noted}; wait`);
  let calls = 0;
  const provider = createKubernetesProvider(
    { kind: "kubernetes_observe", namespace: "shop" },
    {
      env: { AKC_KUBECTL: kubectl, HOME: files.folder },
      repoRoot: files.folder,
      scope,
      // The first reading begins the look; at the second all but half a second of its time has gone by.
      clock: { ...systemClock, monotonicMs: () => (calls++ === 0 ? 0 : limits.providerObserveMsMax - 500) },
    },
  );
  const revisions = await revisionsOf(provider, [resource("web")]);
  const began = performance.now();
  expect((await look(provider, revisions))("web").standing).toMatchObject({
    kind: "unobservable",
    reason: "timeout",
  });
  expect(performance.now() - began).toBeLessThan(10_000);
  const started = readFileSync(noted, "utf8").trim().split(" ");
  expect(started).toHaveLength(2);
  // What was killed may be seen until the system has ended it.
  await until(async () => started.filter(isRunning).length === 0);
});

test("a kubectl whose answer is no JSON has seen nothing", async () => {
  using files = new Scratch();
  const provider = createKubernetesProvider(
    { kind: "kubernetes_observe", namespace: "shop" },
    { env: { AKC_KUBECTL: files.script("echo hello") }, repoRoot: files.folder, scope, clock: systemClock },
  );
  const revisions = await revisionsOf(provider, [resource("web")]);
  expect((await look(provider, revisions))("web").standing).toMatchObject({
    kind: "unobservable",
    reason: "failed",
  });
});

/** A process that was killed and not yet waited for runs no more. */
function isRunning(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
