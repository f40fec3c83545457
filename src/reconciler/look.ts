/**
 * One look at everything: what should stand, what akc owns, what stands. The bundle's files are read once, the world as often as
 * asked; a look that fails as a whole is a look in which nothing can be seen, never one in which nothing stands.
 *
 * Source: spec reconcile §4.10, §16 no. 3; W-20.
 */
import { isDeepStrictEqual } from "node:util";
import { AkcError } from "../errors.ts";
import { parseJson } from "../json/read.ts";
import { isJsonObject, type JsonObject } from "../json/value.ts";
import { limits } from "../limits.ts";
import type {
  DesiredResource,
  Observation,
  OwnedResource,
  Provider,
  ProviderCall,
  Revision,
} from "../providers/contract.ts";
import type { DeploymentReader, OwnedRow } from "../store/contract.ts";

export interface Looked {
  readonly observations: ReadonlyMap<string, Observation>;
  readonly owned: readonly OwnedResource[];
}

export interface Wanted {
  readonly revisions: ReadonlyMap<string, Revision>;
  readonly refused: readonly { readonly resourceId: string; readonly message: string }[];
}

/** @throws AkcError of the provider's when what the bundle says cannot be worked out at all */
export async function wantedOf(
  provider: Provider,
  desired: readonly DesiredResource[],
  signal: AbortSignal,
): Promise<Wanted> {
  const resolutions = await askWithin(signal, limits.providerObserveMsMax, (call) =>
    provider.resolve(desired, call),
  );
  const answered = new Map(resolutions.map((one) => [idOf(one), one]));
  const revisions = new Map<string, Revision>();
  const refused: { resourceId: string; message: string }[] = [];
  for (const { resourceId } of desired) {
    const one = answered.get(resourceId);
    if (one?.kind === "resolved") revisions.set(resourceId, one.revision);
    else refused.push({ resourceId, message: one?.message ?? "the provider said nothing of it" });
  }
  return { revisions, refused };
}

function idOf(one: Awaited<ReturnType<Provider["resolve"]>>[number]): string {
  return one.kind === "resolved" ? one.revision.resourceId : one.resourceId;
}

/**
 * @param asked revisions whose copies are counted; what else is owned is looked at too
 * @param leaving what is to be gone, as it was known last: looked at too, though the inventory may not have it any more
 */
export async function look(
  provider: Provider,
  deployment: Pick<DeploymentReader, "owned">,
  asked: readonly Revision[],
  signal: AbortSignal,
  leaving: readonly OwnedResource[] = [],
): Promise<Looked> {
  const owned = (await deployment.owned()).filter((row) => row.providerId === provider.id).map(ownedOf);
  const listed = new Set(owned.map(({ resourceId }) => resourceId));
  const sought = [...owned, ...leaving.filter(({ resourceId }) => !listed.has(resourceId))];
  try {
    const observed = await askWithin(signal, limits.providerObserveMsMax, (call) =>
      provider.observe(asked, sought, call),
    );
    const observations = new Map<string, Observation>();
    for (const one of observed) {
      const before = observations.get(one.resourceId);
      const isSure = before === undefined || isDeepStrictEqual(before, one);
      observations.set(one.resourceId, isSure ? one : unseen(one, "ambiguous", saidTwice));
    }
    for (const resource of [...asked, ...sought]) {
      if (!observations.has(resource.resourceId)) {
        observations.set(
          resource.resourceId,
          unseen(resource, "not_reported", "the provider said nothing of it"),
        );
      }
    }
    return { observations, owned };
  } catch (cause) {
    if (signal.aborted) throw cause;
    const { code, message } = faultOf(cause);
    const all = [...asked, ...sought].map((resource) => unseen(resource, code, message));
    return { observations: new Map(all.map((one) => [one.resourceId, one])), owned };
  }
}

function unseen(
  { resourceId, resourceClass }: { readonly resourceId: string; readonly resourceClass: string },
  reason: string,
  message: string,
): Observation {
  return { resourceId, resourceClass, standing: { kind: "unobservable", reason, message } };
}

function ownedOf(row: OwnedRow): OwnedResource {
  const { providerId, resourceId, resourceClass, desiredHash } = row;
  const dependsOn: readonly string[] = JSON.parse(row.dependsOn);
  return { providerId, resourceId, resourceClass, desiredHash, dependsOn, handle: objectOf(row.handle) };
}

function objectOf(text: string): JsonObject {
  const value = parseJson(text);
  return isJsonObject(value) ? value : {};
}

/** What went wrong at a provider, as a code for programs and a line for people. */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

export function faultOf(cause: unknown): Fault {
  if (!(cause instanceof AkcError)) {
    const timedOut = cause instanceof DOMException && cause.name === "TimeoutError";
    if (timedOut)
      return { code: "TOOL_TIMEOUT", message: "the provider did not answer in time", retryable: true };
    return { code: "PROVIDER_FAILED", message: String(cause), retryable: false };
  }
  const { code, message, details } = cause;
  const told = details["retryable"];
  return { code, message, retryable: typeof told === "boolean" ? told : cause.class === "retryable" };
}

/**
 * Asks the provider for something that ends with the outer signal or its own deadline. One that does not heed that is not waited for.
 * @throws AkcError TOOL_TIMEOUT at the deadline; the signal's reason when it aborts; as the provider
 */
export async function askWithin<T>(
  signal: AbortSignal,
  timeoutMs: number,
  ask: (call: ProviderCall) => Promise<T>,
): Promise<T> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const call = { signal: AbortSignal.any([signal, deadline]) };
  const { promise: cut, reject } = Promise.withResolvers<never>();
  // It may have to end a program of its own first.
  const cutOff = () => {
    const late = AbortSignal.timeout(limits.providerEndMsMax);
    late.addEventListener("abort", () => reject(signal.aborted ? signal.reason : tooLate()), { once: true });
  };
  call.signal.addEventListener("abort", cutOff, { once: true });
  try {
    return await Promise.race([ask(call), cut]);
  } finally {
    call.signal.removeEventListener("abort", cutOff);
  }
}

function tooLate(): AkcError {
  return new AkcError("TOOL_TIMEOUT", { message: "the provider did not answer in time" });
}

const saidTwice = "the provider told of it twice, and not the same";
