/**
 * Requests of a validator: to the origin of its binding and nowhere else, with the secrets that the binding names added on the way
 * out and taken out of what comes back. Cuts what is too large; never tells a validator a secret.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { HandedOver } from "../plugin-host/secrets.ts";
import type { HttpLane } from "../policy/model.ts";
import { namedLiterally, urlAllowed } from "../policy/url-pattern.ts";
import { classifyAddress } from "../system/address.ts";
import { type GuardedRequest, guardedFetch } from "../system/http.ts";
import type { DoorFetch, DoorResponse } from "./contract.ts";

export interface SecretHeader {
  readonly name: string;
  /** All of it. */
  readonly value: string;
  /** Where the operator lets it go: hosts and URL prefixes. */
  readonly sendTo: readonly string[];
}

export interface HttpDeps extends Pick<GuardedRequest, "resolve" | "tls"> {
  /** Of the binding's own URL; undefined where it has none, and nothing may be asked. */
  readonly origin: string | undefined;
  /** URL and host patterns of the operator's; absent does not narrow. */
  readonly http?: readonly string[] | undefined;
  readonly secretHeaders: readonly SecretHeader[];
  readonly secrets: HandedOver;
  readonly leftMs: () => number;
}

/** A validator looks and changes nothing. */
const methods = ["GET", "HEAD", "POST"];

/** @throws AkcError HTTP_*, ROUTE_MALFORMED, CANCELLED */
export async function fetchThrough(
  { url, method: asked, headers, body }: DoorFetch,
  deps: HttpDeps,
  signal: AbortSignal,
): Promise<DoorResponse> {
  const method = asked.toUpperCase();
  const lane = laneOf(deps);
  if (!lane.enabled) throw new AkcError("HTTP_DISABLED", { message: "the binding names no URL" });
  if (!methods.includes(method)) {
    throw new AkcError("HTTP_METHOD_DENIED", { message: `a validator may only use ${methods.join(", ")}` });
  }
  if (!urlAllowed(lane, url)) throw new AkcError("HTTP_URL_DENIED");
  const { origin, secretHeaders, secrets, http, resolve, tls } = deps;
  const own = URL.parse(url)?.origin === origin ? secretHeaders.filter((header) => maySend(header, url)) : [];
  const isSecret = (name: string) => own.some((secret) => secret.name.toLowerCase() === name.toLowerCase());
  const response = await guardedFetch({
    url,
    method,
    headers: [
      ...Object.entries(headers).filter(([name]) => !isSecret(name)),
      ...own.map(({ name, value }) => [name, value] as const),
    ],
    ...(body === undefined ? {} : { body }),
    timeoutMs: Math.max(1, deps.leftMs()),
    bodyBytesMax: lane.bodyBytesMax,
    responseBytesMax: lane.responseBytesMax,
    excess: "cut",
    // A redirect takes the secrets along.
    allowed: (target) => urlAllowed(lane, target) && own.every((header) => maySend(header, target)),
    addressAllowed: (target, address) =>
      classifyAddress(address) === "public" ||
      namedLiterally({ ...lane, narrowedBy: [] }, target, address) ||
      (http !== undefined && namedLiterally({ ...lane, allowlist: http, narrowedBy: [] }, target, address)),
    signal,
    ...(resolve === undefined ? {} : { resolve }),
    ...(tls === undefined ? {} : { tls }),
  });
  const { status, truncated } = response;
  // A secret that is cut in two would not be found any more.
  const whole = truncated ? response.body.subarray(0, secrets.settled(response.body)) : response.body;
  const type = secrets.text(response.headers.get("content-type") ?? "").slice(0, mediaTypeCharsMax);
  return {
    status,
    headers: type === "" ? {} : { "content-type": type },
    body: secrets.isEmpty ? whole : secrets.bytes(whole),
    truncated,
  };
}

const mediaTypeCharsMax = 256;

export function maySend({ sendTo }: Pick<SecretHeader, "sendTo">, url: URL | string): boolean {
  return urlAllowed({ allowlist: sendTo, narrowedBy: [] }, url);
}

function laneOf({ origin, http }: HttpDeps): HttpLane {
  return {
    enabled: origin !== undefined,
    allowlist: origin === undefined ? [] : [origin],
    narrowedBy: http === undefined ? [] : [http],
    methods,
    bodyBytesMax: limits.validatorRequestBytesMax,
    responseBytesMax: limits.validatorResponseBytesMax,
  };
}
