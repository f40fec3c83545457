/** The manifests of the container forms: taken by a real API server and by Compose, and as confined as they say. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { limits } from "../../src/limits.ts";
import { acquireDocker } from "../env/docker.ts";
import { Cluster } from "../env/kubernetes.ts";

const deploy = join(import.meta.dir, "../../deploy");
const kubernetes = join(deploy, "kubernetes");
const compose = join(deploy, "compose/compose.yaml");
const text = (path: string) => Bun.file(path).text();
/** After the time for a stop in good order, and for cutting it off. */
const stopMs = limits.autopilotDrainMsDefault + limits.serviceAbortMs;

const here = Cluster.canBeHad();
const cluster = here ? Cluster.up() : undefined;
afterAll(() => cluster?.down());

describe.skipIf(!here)("the Kubernetes manifests", () => {
  const kubectl = (args: string, stdin?: string) => cluster?.kubectl(args.split(" "), stdin) ?? "";

  test("are taken by the API server, field by field", () => {
    kubectl(`apply --filename=${kubernetes}/namespace.yaml`);
    const applied = kubectl(`apply --server-side --dry-run=server -k ${kubernetes}`);
    for (const what of [
      "deployment.apps",
      "role.rbac",
      "rolebinding.rbac",
      "persistentvolumeclaim",
      "configmap",
    ])
      expect(applied).toContain(what);
    // A field that it does not know would be refused.
    const rendered = kubectl(`kustomize ${kubernetes}`);
    const misspelt = rendered.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem");
    expect(() => kubectl("apply --server-side --dry-run=server --filename=-", misspelt)).toThrow(
      "readOnlyRootFileSystem",
    );
  });

  test("let the controller keep leases in its namespace, and do nothing else", () => {
    kubectl(`apply -k ${kubernetes}`);
    const may = (what: string, where = "--namespace=akc-autopilot") => {
      const as = "--as=system:serviceaccount:akc-autopilot:akc-autopilot";
      try {
        return kubectl(`auth can-i ${what} ${as} ${where}`).trim();
      } catch {
        return "no";
      }
    };
    const leases = "leases.coordination.k8s.io";
    for (const verb of ["get", "create", "update"])
      expect([verb, may(`${verb} ${leases}`)]).toEqual([verb, "yes"]);
    for (const what of [`delete ${leases}`, `list ${leases}`, "get secrets", "create pods", "get configmaps"])
      expect([what, may(what)]).toEqual([what, "no"]);
    expect(may(`get ${leases}`, "--namespace=default")).toBe("no");
  });
});

test("a pod has one writer, no rights, a read-only root, time to stop, and probes that ask the controller", async () => {
  const { spec } = parse(await text(join(kubernetes, "deployment.yaml")));
  const pod = spec.template.spec;
  const [container] = pod.containers;
  expect(spec).toMatchObject({ replicas: 1, strategy: { type: "Recreate" } });
  expect(pod.securityContext).toMatchObject({
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  });
  expect(container.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(stopMs);
  for (const [probe, what] of [
    ["startupProbe", "livez"],
    ["livenessProbe", "livez"],
    ["readinessProbe", "readyz"],
  ] as const)
    expect(container[probe].exec.command).toContain(`--probe=${what}`);
  const [, role] = parseAllDocuments(await text(join(kubernetes, "access.yaml")));
  expect(role?.toJS().rules).toEqual([
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: ["get", "create", "update"] },
  ]);
});

const engine = await acquireDocker();
afterAll(() => engine?.release());

describe.skipIf(engine === undefined)("the Compose file", () => {
  const rendered = async () => {
    const said = await engine?.docker("compose", "--file", compose, "config", "--format=json");
    return JSON.parse(said ?? "");
  };

  test("is taken by Compose, and has no rights, a read-only root and time to stop", async () => {
    const { autopilot } = (await rendered()).services;
    expect(autopilot).toMatchObject({
      user: "65532:65532",
      read_only: true,
      init: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
      restart: "unless-stopped",
    });
    expect(autopilot.healthcheck.test.slice(-2)).toEqual(["--probe", "livez"]);
    expect(autopilot.stop_grace_period).toBe("2m0s");
    expect(120_000).toBeGreaterThan(stopMs);
  });
});
