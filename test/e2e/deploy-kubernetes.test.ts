/** What the built binary makes of a namespace on a real API server, and what it leaves alone. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { homedir } from "node:os";
import { Cluster } from "../env/kubernetes.ts";
import { configMap, deployment, service } from "../reconcile/kubernetes-objects.ts";
import type { Json } from "./bundle.ts";
import {
  expectGatedAndPromoted,
  intent,
  outcomes,
  planned,
  type Release,
  Releases,
  siteIn,
} from "./releases.ts";
import { inWorld, jsonObject, type Started, until, type World } from "./world.ts";

const here = Cluster.canBeHad();
let cluster: Cluster;
if (here) {
  beforeAll(() => {
    cluster = Cluster.up();
  }, 120_000);
  afterAll(() => cluster.down());
}

/** A namespace of its own; the cluster is gone when the tests are over. */
class Stage {
  static #count = 0;
  readonly namespace: string;
  readonly releases: Releases;

  constructor(world: World) {
    Stage.#count += 1;
    this.namespace = `shop-${Stage.#count}`;
    cluster.kubectl(["create", "namespace", this.namespace]);
    const provider = { kind: "kubernetes_apply", namespace: this.namespace };
    this.releases = new Releases(siteIn(world), provider, {
      KUBECONFIG: cluster.kubeconfig,
      HOME: homedir(),
    });
  }

  kubectl(...args: readonly string[]): string {
    return cluster.kubectl(["--namespace", this.namespace, ...args]);
  }

  names(kind: string): readonly string[] {
    const names = this.kubectl("get", kind, "-o", "jsonpath={.items[*].metadata.name}").split(" ");
    return names.filter((name) => name !== "" && name !== "kube-root-ca.crt" && name !== "kubernetes").sort();
  }

  image(): string {
    return this.kubectl(
      "get",
      "deployment",
      "web",
      "-o",
      "jsonpath={.spec.template.spec.containers[0].image}",
    );
  }

  /** As a kubelet would say of pods of this image that crash. Whether there was one. */
  crash(image: string): boolean {
    const path = `{range .items[?(@.spec.containers[0].image=="${image}")]}{.metadata.name} {end}`;
    const pods = this.kubectl("get", "pods", "-o", `jsonpath=${path}`).split(" ").filter(Boolean);
    const waiting = { reason: "CrashLoopBackOff", message: "back-off restarting failed container" };
    const said = { name: "app", image, imageID: "", ready: false, restartCount: 3, state: { waiting } };
    const patch = JSON.stringify({ status: { phase: "Running", containerStatuses: [said] } });
    for (const pod of pods) this.kubectl("patch", "pod", pod, "--subresource=status", "--patch", patch);
    return pods.length > 0;
  }

  /** Starts it, and plays the node for the pods of this image until the run has ended. */
  async rollOut(release: Release, image: string): Promise<Started> {
    const started = this.releases.start(release);
    await soon(
      `the deployment runs ${image}`,
      () => this.names("deployment").includes("web") && this.image() === image,
    );
    cluster.ready(this.namespace, "web");
    return await started;
  }
}

/** Asking takes the machine longer than answering. */
function soon(name: string, what: () => boolean): Promise<void> {
  return until(name, async () => {
    await Bun.sleep(200);
    return what();
  });
}

async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  await inWorld(async (world) => await work(new Stage(world)));
}

function release(
  id: string,
  objects: readonly Json[],
  ids: readonly string[] = ["web", "settings"],
): Release {
  const intents = ids.map((resource) => intent(resource, 1, {}, resource === "web" ? ["settings"] : []));
  return { id, intents, manifest: objects.map((one) => JSON.stringify(one)).join("\n---\n") };
}

const settings = configMap("settings", { COLOUR: "green" });
const old = configMap("old", { a: "1" });
const first = release("v1", [deployment("web"), service("web"), settings, old], ["web", "settings", "old"]);

describe.skipIf(!here)("kubernetes_apply", () => {
  test("makes a namespace stand, sees what was changed by hand field by field, and puts it right", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      const started = await stage.rollOut(first, "shop:1");
      expect({ code: started.code, ...started.report }).toMatchObject({
        code: 0,
        outcome: "succeeded",
        converged: true,
      });
      expect([stage.names("deployment"), stage.names("service"), stage.names("configmap")]).toEqual([
        ["web"],
        ["web"],
        ["old", "settings"],
      ]);
      const look = await releases.reconcile("--dry-run", "--diff", "--exit-code");
      expect({ code: look.code, planned: planned(look), ...look.report }).toMatchObject({
        code: 0,
        planned: [],
        converged: true,
      });

      stage.kubectl("scale", "deployment", "web", "--replicas", "1");
      stage.kubectl("patch", "configmap", "settings", "--patch", JSON.stringify({ data: { COLOUR: "red" } }));
      stage.kubectl("delete", "configmap", "old");
      const differs = await releases.reconcile("--dry-run", "--diff", "--exit-code");
      expect({ code: differs.code, planned: planned(differs) }).toEqual({
        code: 7,
        planned: [
          "old create",
          "settings update /ConfigMap/settings/data/COLOUR",
          "web update /Deployment.apps/web/spec/replicas",
        ],
      });
      const applying = releases.reconcile("--apply");
      await soon(
        "there are three again",
        () => stage.kubectl("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") === "3",
      );
      cluster.ready(stage.namespace, "web");
      const applied = await applying;
      expect({ code: applied.code, outcomes: outcomes(applied) }).toEqual({
        code: 0,
        outcomes: ["old converged", "settings converged", "web converged"],
      });
      expect(stage.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.COLOUR}")).toBe("green");
      expect((await releases.reconcile("--dry-run", "--exit-code")).code).toBe(0);
      expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
    }));

  test("rolls out a new release, deletes what it no longer wants, and touches nothing that is not its own", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      await stage.rollOut(first, "shop:1");
      stage.kubectl("create", "configmap", "guest", "--from-literal=a=1");
      const guest = () =>
        stage.kubectl("get", "configmap", "guest", "-o", "jsonpath={.metadata.resourceVersion} {.data.a}");
      const before = guest();
      const next = await stage.rollOut(
        release("v2", [deployment("web", { image: "shop:2" }), service("web", 81), settings]),
        "shop:2",
      );
      expect({ code: next.code, ...next.report }).toMatchObject({ code: 0, converged: true });
      expect(stage.names("configmap")).toEqual(["guest", "settings"]);
      expect(stage.kubectl("get", "service", "web", "-o", "jsonpath={.spec.ports[0].port}")).toBe("81");
      expect((await releases.reconcile("--dry-run", "--exit-code")).code).toBe(0);

      // In the place of a resource it is reported, and left alone until somebody says otherwise.
      const objects = [
        deployment("web", { image: "shop:2" }),
        service("web", 81),
        settings,
        configMap("guest", { a: "2" }),
      ];
      const claiming = await releases.start(release("v3", objects, ["web", "settings", "guest"]));
      expect({ code: claiming.code, ...claiming.report }).toMatchObject({ code: 0, converged: false });
      expect(planned(await releases.reconcile("--dry-run"))).toEqual([
        expect.stringMatching(/^guest update .*\(not_owned\)$/),
      ]);
      expect(guest()).toBe(before);
      expect((await releases.reconcile("--apply", "--adopt")).report).toMatchObject({ converged: true });
      expect(guest()).toEndWith(" 2");
      expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
    }));

  test("brings a release back as a whole whose pods crash", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      await stage.rollOut(first, "shop:1");
      const broken = deployment("web", { image: "shop:broken" });
      // The controller itself gives up then, as it would after the ten minutes of its default.
      const impatient = {
        ...broken,
        spec: { ...jsonObject(JSON.stringify(broken["spec"])), progressDeadlineSeconds: 2 },
      };
      const starting = releases.start(
        release("v2", [impatient, service("web", 81), configMap("settings", { COLOUR: "red" })]),
      );
      await soon("a pod of it has crashed", () => stage.crash("shop:broken"));
      const ran = await starting;
      expect({ code: ran.code, ...ran.report }).toMatchObject({
        code: 0,
        outcome: "succeeded",
        converged: false,
      });
      expect(stage.image()).toBe("shop:1");
      expect(stage.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.COLOUR}")).toBe("green");
      expect(stage.kubectl("get", "service", "web", "-o", "jsonpath={.spec.ports[0].port}")).toBe("80");
      expect(stage.names("configmap")).toEqual(["old", "settings"]);
      const status = await releases.ask("rollout", "status");
      expect({ code: status.code, ...status.report }).toMatchObject({
        code: 1,
        phase: "rolled_back",
        reason: "unhealthy",
        message: expect.stringContaining("CrashLoopBackOff"),
      });
      expect((await releases.verify()).report).toMatchObject({ verdict: "verified" });
    }));

  test("plans nothing while the API is out of reach, and says so of each resource", () =>
    onStage(async (stage) => {
      const { releases } = stage;
      const only = release("v1", [settings, old], ["settings", "old"]);
      await releases.start(only);
      const door = await cluster.door();
      await door.shut();
      const away = { KUBECONFIG: door.kubeconfig, AKC_ENABLE_MUTATING_DEPLOYMENT_PROVIDER: "1" };
      for (const [how, code] of [
        ["--dry-run", 7],
        ["--apply", 1],
      ] as const) {
        const ran = await releases.reconcileIn(away, how, "--exit-code");
        expect({ code: ran.code, outcomes: outcomes(ran), planned: planned(ran) }).toEqual({
          code,
          outcomes: ["old blocked unobservable", "settings blocked unobservable"],
          planned: ["old noop (unobservable)", "settings noop (unobservable)"],
        });
        expect(ran.stderr).toContain("2 left alone (unobservable)");
      }
      expect(stage.names("configmap")).toEqual(["old", "settings"]);
      expect((await releases.reconcile("--apply", "--exit-code")).code).toBe(0);
    }));

  test("is refused before any action of the run while its gate is closed, and without a packet", () =>
    onStage(async (stage) => {
      await expectGatedAndPromoted(stage.releases, first);
      expect([stage.names("deployment"), stage.names("configmap")]).toEqual([[], []]);
    }));
});
