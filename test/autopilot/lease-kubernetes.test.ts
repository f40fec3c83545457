/** Leases on a real Kubernetes API server: taken, moved on, fought over, given back; and every time as the server wants it. */
import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLeaseKubectl } from "../../src/autopilot/lease/kubectl.ts";
import { createKubernetesLeases } from "../../src/autopilot/lease/kubernetes.ts";
import { heldLease, newLease, readLease } from "../../src/autopilot/lease/kubernetes-object.ts";
import { microTime, readMicroTime } from "../../src/autopilot/lease/micro-time.ts";
import { newIdentity } from "../../src/autopilot/lease/name.ts";
import { createLeaseBackend } from "../../src/autopilot/lease/open.ts";
import { clusterOfThisFile } from "../reconcile/kubernetes-world.ts";
import { HandClock } from "./hand-clock.ts";
import { codeOf, startMs } from "./memory-world.ts";

const { there, cluster } = clusterOfThisFile("leases");
const namespace = "akc-autopilot";
const ttlMs = 15_000;

describe("on a server", () => {
  beforeAll(() => {
    try {
      cluster().kubectl(["create", "namespace", namespace]);
    } catch {
      // Where there is no cluster the tests are skipped.
    }
  });

  const backendOf = (holder: string, clock: HandClock, kubeconfig = cluster().kubeconfig) => {
    const kubectl = findLeaseKubectl({ namespace, kubeconfig, env: process.env, timeoutMs: 20_000 });
    const parts = {
      kubectl,
      namespace,
      holder,
      ttlMs,
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
    };
    return createKubernetesLeases(parts);
  };
  const leaseOf = (name: string) =>
    JSON.parse(cluster().kubectl(["-n", namespace, "get", "leases.coordination.k8s.io", name, "-o", "json"]));

  there("one is made, moved on by one call for many, and somebody else is refused", async () => {
    const clock = new HandClock(startMs - (startMs % 1_000));
    const [one, other] = [backendOf("one", clock), backendOf("other", clock)];
    // A whole second: the time has six digits nevertheless.
    expect(await one.acquire("a", clock.nowMs())).toEqual({
      kind: "held",
      expiresAtMs: clock.nowMs() + ttlMs,
      diagnostics: {
        backend: "k8s",
        namespace,
        name: "a",
        holder_controller_id: "one",
        acquired_at_ms: clock.nowMs(),
        renewed_at_ms: clock.nowMs(),
        expires_at_ms: clock.nowMs() + ttlMs,
      },
    });
    expect((await one.acquire("b", clock.nowMs())).kind).toBe("held");
    expect(leaseOf("a").spec).toEqual({
      holderIdentity: "one",
      acquireTime: microTime(clock.nowMs()),
      renewTime: microTime(clock.nowMs()),
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    });
    expect(await other.acquire("a", clock.nowMs())).toMatchObject({
      kind: "taken",
      by: "one",
      expiresAtMs: clock.nowMs() + ttlMs,
    });
    const acquiredAtMs = clock.nowMs();
    clock.stop(5_123);
    const answers = await one.renew(["a", "b"], clock.nowMs());
    expect([...answers].map(([name, { kind }]) => [name, kind])).toEqual([
      ["a", "held"],
      ["b", "held"],
    ]);
    expect(leaseOf("b").spec).toMatchObject({
      renewTime: microTime(clock.nowMs()),
      acquireTime: microTime(acquiredAtMs),
    });
  });

  there("its holder is judged by what it does, not by the clocks of the hosts", async () => {
    const [fast, slow] = [new HandClock(startMs + 3_600_000), new HandClock(startMs)];
    const [one, other] = [backendOf("one", slow), backendOf("other", fast)];
    await one.acquire("clocks", slow.nowMs());
    // By the clock of the other it is over for an hour.
    expect((await other.acquire("clocks", fast.nowMs())).kind).toBe("taken");
    for (let turn = 0; turn < 2; turn += 1) {
      for (const clock of [fast, slow]) clock.stop(10_000);
      expect((await one.renew(["clocks"], slow.nowMs())).get("clocks")?.kind).toBe("held");
      expect((await other.acquire("clocks", fast.nowMs())).kind).toBe("taken");
    }
    fast.stop(14_000);
    expect((await other.acquire("clocks", fast.nowMs())).kind).toBe("taken");
    fast.stop(1_001);
    expect((await other.acquire("clocks", fast.nowMs())).kind).toBe("held");
    expect(leaseOf("clocks").spec).toMatchObject({ holderIdentity: "other", leaseTransitions: 1 });
    expect((await one.renew(["clocks"], slow.nowMs())).get("clocks")).toMatchObject({
      kind: "taken",
      by: "other",
    });
  });

  there("labels and annotations that others put on it stay, and are no reason to lose it", async () => {
    const clock = new HandClock(startMs);
    const one = backendOf("one", clock);
    await one.acquire("kept", clock.nowMs());
    cluster().kubectl(["-n", namespace, "label", "leases.coordination.k8s.io", "kept", "team=shop"]);
    cluster().kubectl(["-n", namespace, "annotate", "leases.coordination.k8s.io", "kept", "note=by hand"]);
    clock.stop(5_000);
    expect((await one.renew(["kept"], clock.nowMs())).get("kept")?.kind).toBe("held");
    await one.release(["kept"]);
    const other = backendOf("other", clock);
    expect((await other.acquire("kept", clock.nowMs())).kind).toBe("held");
    const { metadata, spec } = leaseOf("kept");
    expect(metadata).toMatchObject({ labels: { team: "shop" }, annotations: { note: "by hand" } });
    expect(spec).toMatchObject({ holderIdentity: "other", leaseTransitions: 1, leaseDurationSeconds: 15 });
  });

  there("one that was written since it was moved on last is given back all the same", async () => {
    const clock = new HandClock(startMs);
    const one = backendOf("one", clock);
    for (const name of ["touched", "untouched"]) await one.acquire(name, clock.nowMs());
    cluster().kubectl(["-n", namespace, "label", "leases.coordination.k8s.io", "touched", "team=shop"]);
    await one.release(["touched", "untouched"]);
    for (const name of ["touched", "untouched"]) expect(leaseOf(name).spec.holderIdentity ?? "").toBe("");
    const other = backendOf("other", clock);
    expect((await other.acquire("touched", clock.nowMs())).kind).toBe("held");
    // Another's is left alone.
    await one.release(["touched"]);
    expect(leaseOf("touched").spec.holderIdentity).toBe("other");
  });

  there("of several that take it at once one does", async () => {
    const clock = new HandClock(startMs);
    for (const name of ["raced-new", "raced-old"]) {
      if (name === "raced-old") {
        await backendOf("gone", clock).acquire(name, clock.nowMs());
        await backendOf("gone", clock).release([name]);
      }
      const contenders = ["p", "q", "r"].map((id) => backendOf(id, clock));
      for (const one of contenders) if (name === "raced-old") await one.acquire(name, clock.nowMs());
      clock.stop(ttlMs + 1);
      const answers = await Promise.all(contenders.map((one) => one.acquire(name, clock.nowMs())));
      expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(1);
    }
  });

  there("what the server refuses is told with the documented word, and nobody holds it", async () => {
    const clock = new HandClock(startMs);
    const guest = backendOf("one", clock, cluster().kubeconfigAs("nobody"));
    expect(await guest.acquire("a", clock.nowMs())).toMatchObject({
      kind: "unknown",
      diagnostics: {
        backend: "k8s",
        namespace,
        name: "a",
        error: expect.stringMatching(/^kubectl_get_failed:.*forbidden/i),
      },
    });
    cluster().kubectl([
      "create",
      "clusterrole",
      "looker",
      "--verb=get",
      "--resource=leases.coordination.k8s.io",
    ]);
    cluster().kubectl(["create", "clusterrolebinding", "looker", "--clusterrole=looker", "--user=looker"]);
    const looker = backendOf("one", clock, cluster().kubeconfigAs("looker"));
    expect(await looker.acquire("never", clock.nowMs())).toMatchObject({
      diagnostics: { error: expect.stringMatching(/^kubectl_create_failed:/) },
    });
    await backendOf("one", clock).acquire("mine", clock.nowMs());
    expect(await looker.acquire("mine", clock.nowMs())).toMatchObject({
      diagnostics: { error: expect.stringMatching(/^kubectl_replace_failed:/) },
    });
  });

  there(
    "one that has no time is somebody's, however long nothing happens; one of nobody is free",
    async () => {
      const clock = new HandClock(startMs);
      const make = (name: string, spec: object) =>
        cluster().kubectl(
          ["-n", namespace, "create", "-f", "-"],
          JSON.stringify({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name }, spec }),
        );
      make("timeless", { holderIdentity: "ctl-1", leaseDurationSeconds: 15 });
      make("empty", {});
      const one = backendOf("one", clock);
      expect((await one.acquire("timeless", clock.nowMs())).kind).toBe("unknown");
      clock.stop(24 * 3_600_000);
      expect((await one.acquire("timeless", clock.nowMs())).kind).toBe("unknown");
      expect((await one.acquire("empty", clock.nowMs())).kind).toBe("held");
    },
  );

  there("one that is removed under its holder is not his any more", async () => {
    const clock = new HandClock(startMs);
    const one = backendOf("one", clock);
    await one.acquire("removed", clock.nowMs());
    cluster().kubectl(["-n", namespace, "delete", "leases.coordination.k8s.io", "removed"]);
    expect((await one.renew(["removed"], clock.nowMs())).get("removed")?.kind).toBe("unknown");
  });

  there(
    "a server that does not answer, and a kubectl that hangs or floods, are told as such in time",
    async () => {
      const clock = new HandClock(startMs);
      const door = await cluster().door();
      await door.shut();
      expect(await backendOf("one", clock, door.kubeconfig).acquire("a", clock.nowMs())).toMatchObject({
        kind: "unknown",
        diagnostics: { error: expect.stringMatching(/^kubectl_get_failed:/) },
      });
      const folder = mkdtempSync(join(tmpdir(), "akc-kubectl-"));
      for (const [body, code] of [
        ["sleep 60", "TOOL_TIMEOUT"],
        ["yes", "PROVIDER_FAILED"],
        ["echo '{'", "JSON_SYNTAX"],
      ]) {
        const path = join(folder, "kubectl");
        writeFileSync(path, `#!/bin/sh\n${body}\n`);
        chmodSync(path, 0o755);
        const kubectl = findLeaseKubectl({
          namespace,
          env: { AKC_KUBECTL: path },
          timeoutMs: code === "TOOL_TIMEOUT" ? 300 : 20_000,
        });
        expect(await kubectl.get(["a"])).toMatchObject({
          objects: [],
          failure: expect.stringContaining(code ?? ""),
        });
      }
      rmSync(folder, { recursive: true });
    },
  );
});

test("times have six digits of a second, whatever the milliseconds are; what is no time is none", () => {
  expect(microTime(1_795_348_690_000)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000Z$/);
  for (const atMs of [0, 1, 999, 1_000, startMs, startMs + 1])
    expect(readMicroTime(microTime(atMs))).toBe(atMs);
  expect(readMicroTime("2026-11-22T11:58:10Z")).toBe(Date.UTC(2026, 10, 22, 11, 58, 10));
  expect(readMicroTime("2026-11-22T12:58:10.123456789+01:00")).toBe(Date.UTC(2026, 10, 22, 11, 58, 10, 123));
  for (const text of ["", "soon", "2026-11-22", "2026-13-22T11:58:10Z", "1795348690"])
    expect(readMicroTime(text)).toBeUndefined();
});

test("a lease that is taken over keeps all that is not ours to say", () => {
  const taking = { name: "a", namespace, holder: "two", ttlMs: 1_500, nowMs: startMs };
  const spec = { holderIdentity: "one", strategy: "OldestEmulationVersion", leaseTransitions: 7 };
  const after = heldLease({ ...newLease({ ...taking, holder: "one" }), extra: { x: 1 }, spec }, taking);
  expect(after).toMatchObject({
    extra: { x: 1 },
    spec: {
      strategy: "OldestEmulationVersion",
      leaseTransitions: 8,
      leaseDurationSeconds: 2,
      holderIdentity: "two",
    },
  });
  expect(readLease({ kind: "ConfigMap", metadata: { name: "a" } })).toBeUndefined();
});

test("a namespace is asked for", async () => {
  const make = async () =>
    createLeaseBackend(
      { backend: "k8s", ttlMs },
      { outputsRoot: "/", identity: newIdentity("one"), clock: new HandClock(0), env: {} },
    );
  expect(await codeOf(make)).toBe("AUTOPILOT_CONFIG_INVALID");
});
