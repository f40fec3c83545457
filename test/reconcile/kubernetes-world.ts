/** What the tests of the Kubernetes provider stand on: bundles' resources, manifests on disk, a provider for a namespace. */
import { afterAll, beforeAll, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AkcError } from "../../src/errors.ts";
import { sha256Hex } from "../../src/json/fingerprint.ts";
import type { JsonObject } from "../../src/json/value.ts";
import type {
  DesiredResource,
  Observation,
  OwnedResource,
  Provider,
  Revision,
  Standing,
} from "../../src/providers/contract.ts";
import {
  createKubernetesProvider,
  type KubernetesProvider,
} from "../../src/providers/kubernetes/provider.ts";
import { systemClock } from "../../src/system/clock.ts";
import { Cluster } from "../env/kubernetes.ts";

/** A cluster of one test file's own, while its tests run; `there` is `test` where one can be had. */
export function clusterOfThisFile(name: string) {
  const here = Cluster.canBeHad();
  const held: { cluster?: Cluster } = {};
  let places = 0;
  if (here) {
    beforeAll(() => {
      held.cluster = Cluster.up();
    }, 120_000);
  }
  afterAll(() => held.cluster?.down());
  const cluster = (): Cluster => {
    if (held.cluster === undefined) throw new Error("the cluster is not up");
    return held.cluster;
  };
  return {
    there: test.skipIf(!here),
    cluster,
    place: (): Place => {
      places += 1;
      return new Place(cluster(), `${name}-${places}`);
    },
  };
}

export const scope = "acme/shop";
export const call = () => ({ signal: new AbortController().signal });

/** A repository with a manifest, and a namespace of its own. */
export class Place {
  readonly repoRoot = mkdtempSync(join(tmpdir(), "akc-repo-"));
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
    cluster.kubectl(["create", "namespace", namespace]);
  }

  manifest(
    objects: readonly JsonObject[],
    name = `${crypto.randomUUID()}.yaml`,
  ): { path: string; sha256: string } {
    const text = objects.map((object) => JSON.stringify(object)).join("\n---\n");
    writeFileSync(join(this.repoRoot, name), text);
    return { path: name, sha256: sha256Hex(text) };
  }

  provider(
    objects: readonly JsonObject[],
    more: JsonObject = {},
    kubeconfig = this.cluster.kubeconfig,
    kubectl?: string,
  ): KubernetesProvider {
    const { path, sha256 } = this.manifest(objects);
    return this.providerOf(
      { kind: "kubernetes_apply", apply_manifest_path: path, apply_manifest_sha256: sha256, ...more },
      kubeconfig,
      kubectl,
    );
  }

  providerOf(
    settings: JsonObject,
    kubeconfig = this.cluster.kubeconfig,
    kubectl?: string,
  ): KubernetesProvider {
    return createKubernetesProvider(
      { namespace: this.namespace, ...settings },
      {
        env: { HOME: this.repoRoot, KUBECONFIG: kubeconfig, AKC_KUBECTL: kubectl },
        repoRoot: this.repoRoot,
        scope,
        clock: systemClock,
      },
    );
  }

  kubectl(...args: readonly string[]): string {
    return this.cluster.kubectl(["--namespace", this.namespace, ...args]);
  }

  create(object: JsonObject): void {
    this.cluster.kubectl(["--namespace", this.namespace, "create", "-f", "-"], JSON.stringify(object));
  }

  names(kind: string): readonly string[] {
    return this.kubectl("get", kind, "-o", "jsonpath={.items[*].metadata.name}")
      .split(" ")
      .filter(Boolean)
      .sort();
  }

  /** Every file of the repository is gone. */
  forgetFiles(): void {
    rmSync(this.repoRoot, { recursive: true, force: true });
    mkdirSync(this.repoRoot);
  }

  [Symbol.dispose](): void {
    rmSync(this.repoRoot, { recursive: true, force: true });
  }
}

/** A folder for a stand-in of kubectl. */
export class Scratch {
  readonly folder = mkdtempSync(join(tmpdir(), "akc-kubectl-"));

  /** A shell script of this text. */
  script(text: string): string {
    const path = join(this.folder, "kubectl");
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export async function revisionsOf(
  provider: Provider,
  resources: readonly DesiredResource[],
): Promise<Revision[]> {
  const resolutions = await provider.resolve(resources, call());
  return resolutions.map((resolution) => {
    if (resolution.kind === "refused") throw new Error(resolution.message);
    return resolution.revision;
  });
}

export async function look(
  provider: Provider,
  revisions: readonly Revision[],
  owned: readonly OwnedResource[] = [],
): Promise<(id: string) => Observation> {
  const observations = await provider.observe(revisions, owned, call());
  return (id) => {
    const found = observations.filter(({ resourceId }) => resourceId === id);
    if (found.length !== 1 || found[0] === undefined)
      throw new Error(`${found.length} observations of ${id}`);
    return found[0];
  };
}

export function present(observation: Observation): Extract<Standing, { kind: "present" }> {
  const { standing } = observation;
  if (standing.kind !== "present") throw new Error(`it is ${JSON.stringify(standing)}`);
  return standing;
}

export interface Push {
  readonly adopt?: boolean;
  readonly expectedVersion?: string | null;
  readonly key?: string;
  readonly kind?: "create" | "update" | "rollback";
}

/** Looks, then applies what is wanted as of that look. */
export async function push(provider: Provider, revision: Revision, options: Push = {}): Promise<void> {
  const observation = (await look(provider, [revision]))(revision.resourceId);
  const { standing } = observation;
  const version = standing.kind === "present" ? standing.version : null;
  await provider.apply(
    {
      kind: options.kind ?? (version === null ? "create" : "update"),
      revision,
      mark: { scope, resourceId: revision.resourceId, desiredHash: revision.desiredHash },
      idempotencyKey: options.key ?? crypto.randomUUID(),
      expectedVersion: options.expectedVersion === undefined ? version : options.expectedVersion,
      adopt: options.adopt ?? false,
    },
    call(),
  );
}

export function ownedOf(observation: Observation, revision: Revision): OwnedResource {
  return {
    providerId: "kubernetes_apply",
    resourceId: revision.resourceId,
    resourceClass: revision.resourceClass,
    desiredHash: revision.desiredHash,
    dependsOn: revision.dependsOn,
    handle: present(observation).handle,
  };
}

/** Paths at which two observations' fields differ, as JSON pointers. */
export function drift(observation: Observation): readonly string[] {
  return differences(present(observation).fields, observation.wanted ?? {}, "");
}

function differences(from: unknown, to: unknown, path: string): string[] {
  if (isObject(from) && isObject(to)) {
    const keysOfBoth = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return keysOfBoth.flatMap((key) => differences(from[key], to[key], `${path}/${key}`));
  }
  return Bun.deepEquals(from, to) ? [] : [path];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return error instanceof AkcError ? error.code : `no AkcError: ${error}`;
  }
}

export async function only<Item>(items: Promise<readonly Item[]>): Promise<Item> {
  const [first] = await items;
  if (first === undefined) throw new Error("there is none");
  return first;
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error("it never came to hold");
    await Bun.sleep(100);
  }
}
