/**
 * What a bundle wants to stand, by which provider and how it is to get there: settled before anything happens. Pure.
 *
 * Source: spec reconcile §1.2, §1.4; docs/rollouts.md.
 */
import { listAt, member, objectAt } from "../../bundle/member.ts";
import type { Bundle, PolicyMode } from "../../bundle/model.ts";
import { AkcError, type Issue } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { DesiredResource } from "../../providers/contract.ts";
import { inMemoryProviderId } from "../../providers/in-memory.ts";
import { misalignments } from "../../reconciler/alignment.ts";
import { type Resync, resyncOf } from "../../reconciler/backoff.ts";
import { desiredResources, providerKind } from "../../reconciler/desired.ts";
import { gateOf, type HealthGate } from "../../reconciler/gate.ts";
import { layersOf } from "../../reconciler/order.ts";
import type { Strategy } from "../../reconciler/rollout/model.ts";
import { strategyOf } from "../../reconciler/rollout/strategy.ts";

export interface Deployment {
  /** The provider that is really used. */
  readonly kind: string;
  /** What the bundle names; absent when it names none. */
  readonly declared?: string;
  /** `deployment_provider` of the bundle. */
  readonly settings: JsonObject;
  /** `deployment_observe_hash_contract` of the bundle; absent when it has none. */
  readonly observeHashContract?: JsonObject;
  /** `tenant_id/repo_id` */
  readonly scope: string;
  readonly repoRoot: string;
  readonly bundleSha256: string;
  readonly desired: readonly DesiredResource[];
  readonly strategy: Strategy;
  readonly gate: HealthGate;
  /** @param key what makes the waits of one run differ from another's */
  resyncOf(key: string): Resync;
  /** JSON pointers of fields that may differ. */
  ignoredOf(resourceId: string): readonly string[];
}

/**
 * Undefined when the bundle wants nothing to stand.
 * @throws AkcError DESIRED_STATE_INVALID with every issue, DEPENDENCY_CYCLE
 */
export function deploymentOf(bundle: Bundle, mode: PolicyMode): Deployment | undefined {
  const desired = desiredResources(bundle);
  if (desired.length === 0) return undefined;
  if (desired.length > limits.resourcesMax) {
    throw new AkcError("DESIRED_STATE_INVALID", {
      message: `the bundle wants ${desired.length} resources; ${limits.resourcesMax} are the most`,
    });
  }
  const issues = misalignments(bundle);
  if (issues.length > 0) {
    throw new AkcError("DESIRED_STATE_INVALID", {
      message: "the deployment intents are not what the IR says",
      hint: "Compile the bundle again, or set deployment_intents_ir_alignment to off.",
      issues,
    });
  }
  layersOf(desired);
  const ignored = ignoredIn(desired);
  const { metadata, scope, repoRoot, sha256 } = bundle;
  const declared = providerKind(bundle);
  const hashContract = member(metadata, "deployment_observe_hash_contract");
  const kind = declared ?? kindByDefault(desired);
  return {
    kind,
    ...(declared === undefined ? {} : { declared }),
    settings: objectAt(metadata, "deployment_provider"),
    ...(isJsonObject(hashContract) ? { observeHashContract: hashContract } : {}),
    scope: `${scope.tenantId}/${scope.repoId}`,
    repoRoot,
    bundleSha256: sha256,
    desired,
    strategy: strategyOf(metadata, { mode, resources: desired.length, ...habitsOf(kind) }),
    gate: gateOf(metadata),
    resyncOf: (key) => resyncOf(metadata, key),
    ignoredOf: (resourceId) => ignored.get(resourceId) ?? [],
  };
}

/** Whoever says how a resource is to be run and not by whom means this host. Otherwise the documented default. */
function kindByDefault(desired: readonly DesiredResource[]): string {
  const says = desired.some(({ settings }) => member(settings, "process") !== undefined);
  return says ? "process" : inMemoryProviderId;
}

/** What is right after a start looks healthy; only what stays so is. Starting processes costs little, asking a tool much. */
function habitsOf(kind: string): { readonly minHealthyMs: number; readonly parallel: number } {
  if (kind === inMemoryProviderId) return { minHealthyMs: 0, parallel: limits.resourcesInParallelMax };
  const parallel = kind === "process" ? limits.resourcesInParallelMax : limits.resourcesInParallelDefault;
  return { minHealthyMs: limits.minHealthyMsDefault, parallel };
}

function ignoredIn(desired: readonly DesiredResource[]): ReadonlyMap<string, readonly string[]> {
  const issues: Issue[] = [];
  const ignored = desired.map(({ resourceId, settings }): [string, readonly string[]] => {
    const paths = listAt(settings, "ignore").flatMap((path, index) => {
      if (typeof path === "string" && path.startsWith("/")) return [path];
      const where = `/runtime_deployment/ignore/${index} of ${resourceId}`;
      issues.push({ path: where, message: "must be a JSON pointer, as /replicas" });
      return [];
    });
    return [resourceId, paths];
  });
  if (issues.length > 0) throw new AkcError("DESIRED_STATE_INVALID", { issues });
  return new Map(ignored);
}

/** Whether a provider of this kind only looks. */
export function onlyObserves(kind: string): boolean {
  return kind.endsWith("_observe");
}
