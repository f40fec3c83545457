/**
 * What stands, as a plugin tells it: in one call where it can, else one by one with bounded parallelism. What it does not tell of,
 * or cannot see, is unobservable; nothing is changed here.
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { CallServices, PluginHandle } from "../../plugin-host/host.ts";
import { hostCalls, type Json, type JsonMap, type ProviderCapability } from "../../sdk/protocol.ts";
import type { ProviderCall, Revision, Standing } from "../contract.ts";
import { asUnobservable, type Clean, isFault } from "./failure.ts";
import { asDesired, type Compared, comparedByDiff, comparedByFields } from "./fields.ts";
import {
  intentOf,
  readChanges,
  readObserved,
  readObservedAll,
  type SeenByPlugin,
  type SeenRow,
  wireJson,
  wireResource,
} from "./wire.ts";

/** One provider of the manifest's `offers`. */
export interface ProviderOffer {
  readonly id: string;
  readonly capabilities: readonly ProviderCapability[];
}

export interface Asked {
  readonly resourceId: string;
  readonly resourceClass: string;
  /** Undefined: only what stands is wanted to know. */
  readonly revision?: Revision;
}

export type Unobservable = Standing & { readonly kind: "unobservable" };
export type Seen = { readonly kind: "seen"; readonly seen: SeenByPlugin } | Unobservable;

export interface LookDeps {
  readonly handle: PluginHandle;
  readonly offer: ProviderOffer;
  readonly clean: Clean;
  readonly services?: CallServices | undefined;
}

export class PluginLook {
  readonly #deps: LookDeps;

  constructor(deps: LookDeps) {
    this.#deps = deps;
  }

  /** @throws AkcError as the plugin's call */
  ask(method: string, params: JsonMap, timeoutMs: number, { signal }: ProviderCall): Promise<Json> {
    const { handle, offer, services } = this.#deps;
    const options = { timeoutMs, signal, ...(services === undefined ? {} : { services }) };
    return handle.call(method, { provider: offer.id, ...params }, options);
  }

  /** @throws AkcError as the plugin's call */
  async one(asked: Asked, call: ProviderCall): Promise<SeenByPlugin> {
    return readObserved(
      await this.ask(hostCalls.providerObserve, wireName(asked), limits.providerObserveMsMax, call),
    );
  }

  /** By id: one answer each, and what else a plugin tells of. @throws AkcError CANCELLED */
  async all(
    asked: readonly Asked[],
    call: ProviderCall,
  ): Promise<{ readonly seen: ReadonlyMap<string, Seen>; readonly others: readonly SeenRow[] }> {
    return this.#can("observe_all")
      ? this.#inOne(asked, call)
      : { seen: await this.#oneByOne(asked, call), others: [] };
  }

  /** What stands beside what is wanted. @throws AkcError as the plugin's call */
  async compared(revision: Revision, seen: SeenByPlugin, call: ProviderCall): Promise<Compared> {
    if (seen.observed_hash === revision.desiredHash) return asDesired(seen);
    if (!this.#can("diff")) return comparedByFields(seen, intentOf(revision), revision.desiredHash);
    const { fields, ...rest } = seen;
    const observed = {
      ...rest,
      ...(fields === undefined ? {} : { fields: wireJson(fields) }),
    };
    const params = { resource: wireResource(revision), observed };
    return comparedByDiff(
      seen,
      readChanges(await this.ask(hostCalls.providerDiff, params, limits.providerObserveMsMax, call)),
    );
  }

  async #inOne(asked: readonly Asked[], call: ProviderCall) {
    const seen = new Map<string, Seen>();
    const others: SeenRow[] = [];
    const ids = new Set(asked.map(({ resourceId }) => resourceId));
    for (const page of pagesOf(asked, this.#deps.handle.plugin.manifest.limits.messageBytes)) {
      try {
        const params = { resources: page.map(wireName) };
        const answer = await this.ask(
          hostCalls.providerObserveAll,
          params,
          limits.providerObserveMsMax,
          call,
        );
        for (const row of readObservedAll(answer)) {
          if (!ids.has(row.resource_id)) others.push(row);
          else if (seen.has(row.resource_id)) seen.set(row.resource_id, contradiction);
          else seen.set(row.resource_id, this.#seenOf(row));
        }
      } catch (cause) {
        const standing = this.#unobservable(cause, call);
        for (const { resourceId } of page) seen.set(resourceId, standing);
      }
    }
    return {
      seen: new Map(asked.map(({ resourceId }) => [resourceId, seen.get(resourceId) ?? silence])),
      others,
    };
  }

  #seenOf(row: SeenRow): Seen {
    if ("observed" in row) return { kind: "seen", seen: row.observed };
    return { kind: "unobservable", reason: "unreachable", message: this.#deps.clean(row.unobservable) };
  }

  async #oneByOne(asked: readonly Asked[], call: ProviderCall): Promise<ReadonlyMap<string, Seen>> {
    let trouble: Unobservable | undefined;
    const answers = await inParallel(asked, async (one): Promise<readonly [string, Seen]> => {
      // A plugin that is in trouble is not asked a thousand times.
      if (trouble !== undefined) return [one.resourceId, trouble];
      try {
        return [one.resourceId, { kind: "seen", seen: await this.one(one, call) }];
      } catch (cause) {
        const standing = this.#unobservable(cause, call);
        if (isFault(cause)) trouble = standing;
        return [one.resourceId, standing];
      }
    });
    return new Map(answers);
  }

  #unobservable(cause: unknown, { signal }: ProviderCall): Unobservable {
    const standing = asUnobservable(cause, this.#deps.clean, signal.aborted);
    if (standing.kind === "unobservable") return standing;
    throw new AkcError("INTERNAL");
  }

  #can(capability: ProviderCapability): boolean {
    return this.#deps.offer.capabilities.includes(capability);
  }
}

const silence: Unobservable = {
  kind: "unobservable",
  reason: "malformed",
  message: "the plugin told nothing of it, though it was asked",
};
const contradiction: Unobservable = {
  kind: "unobservable",
  reason: "malformed",
  message: "the plugin told of it twice",
};

/** A call must fit into a message, and its answer is larger than the question. */
function pagesOf(asked: readonly Asked[], messageBytes: number): readonly (readonly Asked[])[] {
  const bytesMax = messageBytes / 8;
  const pages: Asked[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const one of asked) {
    const size = Buffer.byteLength(JSON.stringify(wireName(one)));
    const page = pages.at(-1);
    if (page === undefined || bytes + size > bytesMax || page.length >= limits.pluginObservePage) {
      pages.push([one]);
      bytes = size;
    } else {
      page.push(one);
      bytes += size;
    }
  }
  // Asked about nothing, it still may tell of what else stands.
  return pages.length === 0 ? [[]] : pages;
}

export function wireName({ resourceId, resourceClass }: Asked) {
  return { resource_id: resourceId, resource_class: resourceClass };
}

/** In the order asked, a few at a time. */
export async function inParallel<Item, Answer>(
  items: readonly Item[],
  work: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const left = items.entries();
  const lane = async () => {
    for (const [index, item] of left) answers[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(items.length, limits.resourcesInParallelDefault) }, lane));
  return answers;
}
