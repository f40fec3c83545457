/**
 * A plugin's provider as akc's own kind of provider: asks the plugin, and says of what it answers only what the contract means.
 * It starts no process itself and decides nothing; a plugin in trouble leaves everything unobservable, never absent.
 *
 * Source: docs/plugin-protocol.md, "Methods of providers"
 */
import { AkcError } from "../../errors.ts";
import { fingerprint } from "../../json/fingerprint.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { CallServices, PluginHandle } from "../../plugin-host/host.ts";
import { hostCalls, type JsonMap } from "../../sdk/protocol.ts";
import type { Clock } from "../../system/clock.ts";
import {
  type Change,
  type Deletion,
  type DesiredResource,
  type Observation,
  type OwnedResource,
  type Provider,
  type ProviderCall,
  providerCapabilities,
  type Revision,
  type Standing,
} from "../contract.ts";
import { asProviderError, asUnobservable, type Clean } from "./failure.ts";
import { type Asked, inParallel, PluginLook, type ProviderOffer, wireName } from "./look.ts";
import { watchPlugin } from "./watch.ts";
import { readObserved, type SeenByPlugin, snapshotOf, wireResource } from "./wire.ts";

export type { ProviderOffer } from "./look.ts";

export interface PluginProviderDeps {
  /** `tenant_id/repo_id` */
  readonly scope: string;
  readonly clock: Clock;
  /** What the plugin may ask of akc while it is called; absent: nothing. */
  readonly services?: CallServices;
  /** Takes secrets that were handed over out of what the plugin says. */
  readonly clean?: Clean;
}

/** The handle is the provider's from here on: closing the one closes the other. */
export function createPluginProvider(
  handle: PluginHandle,
  offer: ProviderOffer,
  deps: PluginProviderDeps,
): Provider {
  const plugin = new PluginProvider(handle, offer, deps);
  const can = (capability: string) => offer.capabilities.some((one) => one === capability);
  return {
    id: offer.id,
    // akc compares fields itself where the plugin cannot.
    capabilities: new Set(providerCapabilities.filter((one) => one === "diff" || can(one))),
    resolve: async (resources) =>
      resources.map((one) => ({ kind: "resolved", revision: revisionOf(one, offer.id) })),
    observe: (revisions, owned, call) => plugin.observe(revisions, owned, call),
    apply: (change, call) => plugin.apply(change, call),
    delete: (deletion, call) => plugin.delete(deletion, call),
    ...(can("watch")
      ? {
          watch: (changed: (ids: readonly string[]) => void, call: ProviderCall) =>
            watchPlugin(plugin.look, changed, deps.clock, call),
        }
      : {}),
    close: () => handle.close(),
  };
}

/** `runtime_deployment.<provider>` where there is one, else the intent without what is only akc's affair. */
function revisionOf(resource: DesiredResource, providerId: string): Revision {
  const { resourceId, resourceClass, desiredHash, dependsOn, settings } = resource;
  const own = Object.hasOwn(settings, providerId) ? settings[providerId] : undefined;
  const intent = own ?? withoutSettings(resource.intent);
  const fields = isJsonObject(intent) ? intent : { intent };
  return { resourceId, resourceClass, desiredHash, dependsOn, snapshot: snapshotOf(intent), fields };
}

function withoutSettings(intent: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(intent).filter(([key]) => key !== "runtime_deployment"));
}

type Owner = "akc" | "other";

class PluginProvider {
  readonly look: PluginLook;
  readonly #offer: ProviderOffer;
  readonly #scope: string;
  readonly #clean: Clean;
  /** Whose each resource was when it was last looked at: not every plugin can tell. */
  readonly #owners = new Map<string, Owner>();
  /** The key sent last, by resource: what came of it nobody may know, and it must not be held against the next try. */
  readonly #sent = new Map<string, string>();

  constructor(handle: PluginHandle, offer: ProviderOffer, { scope, services, clean }: PluginProviderDeps) {
    this.#offer = offer;
    this.#scope = scope;
    this.#clean = clean ?? ((text) => text);
    this.look = new PluginLook({ handle, offer, services, clean: this.#clean });
  }

  async observe(
    revisions: readonly Revision[],
    owned: readonly OwnedResource[],
    call: ProviderCall,
  ): Promise<readonly Observation[]> {
    const inventory = new Map(owned.map((one) => [one.resourceId, one]));
    const asked = new Map<string, Asked>(owned.map((one) => [one.resourceId, one]));
    for (const revision of revisions) asked.set(revision.resourceId, { ...revision, revision });
    const { seen, others } = await this.look.all([...asked.values()], call);
    const observed = await inParallel([...asked.values()], async (one): Promise<Observation> => {
      const { resourceId, resourceClass, revision } = one;
      const found = seen.get(resourceId);
      if (found === undefined) throw new AkcError("INTERNAL");
      if (found.kind === "unobservable") return { resourceId, resourceClass, standing: found };
      return this.#observation(one, revision, found.seen, inventory.get(resourceId), call);
    });
    const strangers = others.flatMap((row) => {
      if (!("observed" in row) || !row.observed.exists || row.observed.scope !== this.#scope) return [];
      const one = { resourceId: row.resource_id, resourceClass: row.resource_class ?? "service" };
      return [
        { ...one, standing: this.#present(one.resourceId, row.observed, row.observed.fields ?? {}, "akc") },
      ];
    });
    return [...observed, ...strangers];
  }

  async #observation(
    { resourceId, resourceClass }: Asked,
    revision: Revision | undefined,
    seen: SeenByPlugin,
    owned: OwnedResource | undefined,
    call: ProviderCall,
  ): Promise<Observation> {
    if (!seen.exists) {
      this.#owners.delete(resourceId);
      return { resourceId, resourceClass, standing: { kind: "absent" } };
    }
    const stands = revision !== undefined && seen.observed_hash === revision.desiredHash;
    // A change was sent whose end nobody heard of: what stands is half of it.
    const ours = owned !== undefined || stands || this.#sent.has(resourceId);
    const owner = this.#told(seen) ?? (ours ? "akc" : "other");
    try {
      const compared = revision === undefined ? undefined : await this.look.compared(revision, seen, call);
      const fields = compared?.fields ?? seen.fields ?? {};
      const standing = this.#present(resourceId, seen, fields, owner, owned?.desiredHash);
      return {
        resourceId,
        resourceClass,
        ...(compared === undefined ? {} : { wanted: compared.wanted }),
        standing,
      };
    } catch (cause) {
      return { resourceId, resourceClass, standing: asUnobservable(cause, this.#clean, call.signal.aborted) };
    }
  }

  #present(
    resourceId: string,
    seen: SeenByPlugin,
    fields: JsonObject,
    owner: Owner,
    appliedHash?: string,
  ): Standing {
    this.#owners.set(resourceId, owner);
    const markedHash = owner === "akc" ? (seen.observed_hash ?? appliedHash) : undefined;
    return {
      kind: "present",
      owner,
      ...(markedHash === undefined ? {} : { markedHash }),
      version: versionOf(seen),
      fields,
      health: seen.health,
      ...(seen.message === undefined
        ? {}
        : { message: this.#clean(seen.message).slice(0, limits.pluginErrorChars) }),
      conditions: [],
      handle: {},
    };
  }

  /** Undefined when the plugin does not say whose it is. */
  #told({ scope }: SeenByPlugin): Owner | undefined {
    if (scope === undefined) return undefined;
    return scope === this.#scope ? "akc" : "other";
  }

  async apply(change: Change, call: ProviderCall): Promise<void> {
    const { revision, idempotencyKey, expectedVersion, adopt } = change;
    const { resourceId } = revision;
    await this.#asked(resourceId, call, async () => {
      const before = await this.look.one(revision, call);
      const again = this.#sent.get(resourceId) === idempotencyKey;
      if (this.#isDone(before, change, again)) return;
      if (before.exists && !adopt && this.#ownerOf(before, change, again) === "other")
        throw notOwned(resourceId);
      if (!again) mustBeAt(resourceId, before, expectedVersion);
      const rollsBack = change.kind === "rollback" && this.#offer.capabilities.includes("rollback");
      const method = rollsBack ? hostCalls.providerRollback : hostCalls.providerApply;
      const params = { resource: wireResource(revision), ...expectation(before, again) };
      await this.#send(method, resourceId, idempotencyKey, params, call);
      this.#owners.set(resourceId, "akc");
    });
  }

  async delete({ resource, idempotencyKey, expectedVersion }: Deletion, call: ProviderCall): Promise<void> {
    const { resourceId } = resource;
    await this.#asked(resourceId, call, async () => {
      const before = await this.look.one(resource, call);
      if (!before.exists) return;
      if (this.#told(before) === "other") throw notOwned(resourceId);
      const again = this.#sent.get(resourceId) === idempotencyKey;
      if (expectedVersion !== null && !again) mustBeAt(resourceId, before, expectedVersion);
      const expected = expectedVersion === null ? {} : expectation(before, again);
      await this.#send(
        hostCalls.providerDelete,
        resourceId,
        idempotencyKey,
        { ...wireName(resource), ...expected },
        call,
      );
    });
  }

  async #send(
    method: string,
    resourceId: string,
    key: string,
    params: JsonMap,
    call: ProviderCall,
  ): Promise<void> {
    this.#sent.set(resourceId, key);
    try {
      const all = { ...params, idempotency_key: key, scope: this.#scope };
      readObserved(await this.look.ask(method, all, limits.providerChangeMsMax, call));
    } catch (cause) {
      // It was answered that it was not done.
      if (cause instanceof AkcError && cause.code === "PLUGIN_FAILED") this.#sent.delete(resourceId);
      throw cause;
    }
  }

  /** A try before this one made the change, though nobody heard of it: it stands, and it is not what it was when this was planned. */
  #isDone(before: SeenByPlugin, { revision, expectedVersion }: Change, again: boolean): boolean {
    const stands = before.exists && before.observed_hash === revision.desiredHash;
    return stands && this.#told(before) !== "other" && (again || versionOf(before) !== expectedVersion);
  }

  /** What stands where there was nothing, after a try whose end nobody heard of, is that try's. */
  #ownerOf(before: SeenByPlugin, { kind, revision }: Change, again: boolean): Owner {
    const told = this.#told(before);
    if (told !== undefined || again) return told ?? "akc";
    const seenBefore = this.#owners.get(revision.resourceId);
    if (seenBefore !== undefined) return seenBefore;
    return kind === "create" && before.observed_hash !== revision.desiredHash ? "other" : "akc";
  }

  async #asked(resourceId: string, { signal }: ProviderCall, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw asProviderError(cause, resourceId, this.#clean, signal.aborted);
    }
  }
}

/** A plugin that tells no version is compared by what it tells. */
function versionOf(seen: SeenByPlugin): string {
  if (seen.version !== undefined) return seen.version;
  const facts: readonly JsonValue[] = [seen.exists, seen.fields ?? null, seen.observed_hash ?? null];
  return `seen:${fingerprint([...facts])}`;
}

/** For the plugin to compare once more, when it makes the change. A try that was lost may have moved the version itself. */
function expectation(before: SeenByPlugin, again: boolean): { readonly expected_version?: string } {
  return before.version === undefined || again ? {} : { expected_version: before.version };
}

function mustBeAt(resourceId: string, before: SeenByPlugin, expected: string | null): void {
  const found = before.exists ? versionOf(before) : null;
  if (found === expected) return;
  throw new AkcError("PROVIDER_CONFLICT", { details: { resourceId, expected, found } });
}

function notOwned(resourceId: string): AkcError {
  return new AkcError("PROVIDER_NOT_OWNED", { details: { resourceId } });
}
