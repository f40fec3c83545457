/**
 * Kubernetes as a place where resources stand, through kubectl and server-side apply. `kubernetes_observe` has nothing that
 * changes a cluster, and `kubernetes_apply` touches only what bears the scope's mark.
 *
 * Source: spec reconcile §4.4, §4.7–4.10; docs/provider-kubernetes.md.
 */
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import type {
  DesiredResource,
  DocumentedDeps,
  Provider,
  ProviderCall,
  ProviderCapability,
} from "../contract.ts";
import { runObserveProbes } from "../probe/observe-probes.ts";
import { apply, type ChangeDeps, removeResource } from "./change.ts";
import { findKubectl } from "./cluster/kubectl.ts";
import { resolve } from "./desired/resolve.ts";
import { type KubernetesKind, kubernetesSettings } from "./desired/settings.ts";
import { wantedByAll, wantedOf } from "./desired/wanted.ts";
import { keyOf, type ObjectRef } from "./object.ts";
import { observe } from "./observe.ts";

/**
 * What it has stored is `rollback_apply_manifest_by_desired_hash`; the objects of such a manifest are shared out among the resources of
 * the last `resolve`.
 */
export interface KubernetesProvider extends Provider {
  readonly resolveStored: NonNullable<Provider["resolveStored"]>;
  /** How many times kubectl was started. */
  readonly kubectlRuns: number;
}

const capabilities: Readonly<Record<KubernetesKind, readonly ProviderCapability[]>> = {
  kubernetes_apply: ["observe", "apply", "delete", "diff", "rollback"],
  kubernetes_observe: ["observe"],
};

/** `settings`: the bundle's `deployment_provider`. @throws AkcError DESIRED_STATE_INVALID, TOOL_MISSING */
export function createKubernetesProvider(settings: JsonObject, deps: DocumentedDeps): KubernetesProvider {
  const read = kubernetesSettings(settings);
  const { repoRoot, scope, observeHashContract } = deps;
  const home = read.namespace;
  const kubectl = findKubectl({
    namespace: home,
    ...(read.context === undefined ? {} : { context: read.context }),
    cwd: repoRoot,
    env: deps.env,
    clock: deps.clock,
  });
  const runProbes = deps.probe ?? runObserveProbes;
  const probe = read.probes.length === 0 ? undefined : (call: ProviderCall) => runProbes(read.probes, call);

  // What was resolved and seen last, so that a change finds what it has to take away and leaves what others want. Only a memory:
  // the inventory keeps it too.
  let bundle: readonly DesiredResource[] = [];
  let wantedBy: ReadonlyMap<string, string> = new Map();
  const standing = new Map<string, readonly ObjectRef[]>();
  const changeDeps = (resourceId: string): ChangeDeps => ({
    kubectl,
    scope,
    home,
    standing: standing.get(resourceId) ?? [],
    wantedBy,
  });
  const refuseToChange = () => {
    if (read.kind === "kubernetes_apply") return;
    throw new AkcError("PROVIDER_FAILED", {
      message: `${read.kind} changes nothing`,
      hint: "Name kubernetes_apply in deployment_provider.kind to let akc apply a manifest.",
      details: { reason: "observe_only", retryable: false },
    });
  };

  return {
    id: read.kind,
    capabilities: new Set(capabilities[read.kind]),
    get kubectlRuns() {
      return kubectl.runs;
    },
    async resolve(resources) {
      const resolutions = await resolve(resources, read.manifest, { settings: read, repoRoot });
      bundle = resources;
      wantedBy = wantedByAll(
        resolutions.flatMap((one) => (one.kind === "resolved" ? [wantedOf(one.revision, home)] : [])),
      );
      return resolutions;
    },
    async resolveStored(resource, desiredHash) {
      const manifest = read.earlier.get(desiredHash.toLowerCase());
      if (manifest === undefined) return undefined;
      const others = bundle.filter(({ resourceId }) => resourceId !== resource.resourceId);
      const resources = [...others, { ...resource, desiredHash }];
      return (await resolve(resources, manifest, { settings: read, repoRoot })).at(-1);
    },
    async observe(revisions, owned, call) {
      const looked = await observe(
        revisions,
        owned,
        {
          kubectl,
          scope,
          home,
          wantedBy,
          ...(probe === undefined ? {} : { probe }),
          ...(observeHashContract === undefined ? {} : { observeHashContract }),
        },
        call,
      );
      wantedBy = looked.wantedBy;
      for (const { resourceId, standing: stands } of looked.observations) {
        if (stands.kind === "absent") standing.delete(resourceId);
        if (stands.kind === "present") standing.set(resourceId, looked.standing.get(resourceId) ?? []);
      }
      return looked.observations;
    },
    async apply(change, call) {
      refuseToChange();
      const { resourceId } = change.revision;
      const before = changeDeps(resourceId);
      // Noted before it is tried: a change that ends half way leaves objects that a rollback has to find.
      const refs = [...before.standing, ...wantedOf(change.revision, home).refs];
      standing.set(resourceId, [...new Map(refs.map((ref) => [keyOf(ref, home), ref])).values()]);
      await apply(change, before, call);
    },
    async delete(deletion, call) {
      refuseToChange();
      await removeResource(deletion, changeDeps(deletion.mark.resourceId), call);
    },
    close: async () => {},
  };
}
