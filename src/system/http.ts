/**
 * The one HTTP client of akc: every URL, redirect and address is asked about before a byte is sent, and everything is
 * bounded. Never decides what is allowed, never uses a proxy, a cookie jar, a cache or a kept connection.
 *
 * Source: spec bundle §15 (bundle:W-4, bundle:W-25, bundle:W-28).
 */
import { lookup } from "node:dns/promises";
import { AkcError, type ErrorDetails } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Deadline, startDeadline } from "./deadline.ts";
import { type Body, readBody } from "./http-body.ts";
import { type HeaderList, headersForOtherOrigin, headersWithoutBody, wireHeaders } from "./http-headers.ts";
import { nextHop } from "./http-redirect.ts";
import { redactedUrl } from "./redacted-url.ts";

/** All addresses of a host, as text. Asked once for each request that is sent. */
export type Resolver = (hostname: string) => Promise<readonly string[]>;

export interface GuardedRequest {
  readonly url: URL | string;
  /** One of `httpMethods`, upper case. */
  readonly method: string;
  readonly headers: HeaderList;
  readonly body?: string | Uint8Array;
  /** For everything together: resolving, every redirect, and the last byte of the body. */
  readonly timeoutMs: number;
  /** 0 forbids a body. */
  readonly bodyBytesMax: number;
  readonly responseBytesMax: number;
  /** What a body beyond `responseBytesMax` does: refuse the request, the default, or be cut there and read no further. */
  readonly excess?: "refuse" | "cut";
  /** Default `limits.httpRedirectsMax`. */
  readonly redirectsMax?: number;
  allowed(url: URL): boolean;
  /** Asked for each address of the host; one that is refused refuses the request. */
  addressAllowed(url: URL, address: string): boolean;
  readonly signal?: AbortSignal;
  readonly resolve?: Resolver;
  /** Certificate authorities in PEM that are trusted instead of the system's. */
  readonly tls?: { readonly ca?: string };
}

export interface GuardedResponse {
  readonly status: number;
  readonly headers: Headers;
  /** As it came: a content encoding is not undone. */
  readonly body: Uint8Array;
  /** Whether there was more of the body; only where it may be cut. */
  readonly truncated: boolean;
  /** Where the last redirect led. */
  readonly url: URL;
  readonly redirects: number;
}

/** Others are refused: Bun would send an unknown one as GET. */
const httpMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** One request of the chain. */
interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | undefined;
}

/**
 * Sends the request and follows redirects. Any status that is not a redirect is an answer, 500 too.
 * @throws AkcError HTTP_* or ROUTE_MALFORMED, or CANCELLED when `signal` aborts; `details.status` where a status had
 * come. Neither the message nor the details ever hold a query, a user name, a password or a header's value.
 */
export async function guardedFetch(request: GuardedRequest): Promise<GuardedResponse> {
  const first = firstHop(request);
  const deadline = startDeadline(request.timeoutMs, request.signal);
  try {
    return await followHops(request, first, deadline);
  } finally {
    deadline.end();
  }
}

function firstHop(request: GuardedRequest): Hop {
  const url = typeof request.url === "string" ? URL.parse(request.url) : request.url;
  if (url === null) throw new AkcError("ROUTE_MALFORMED", { message: "the URL is not a URL" });
  if (!httpMethods.some((method) => method === request.method)) {
    throw new AkcError("ROUTE_MALFORMED", {
      message: "the HTTP method is not one that akc can send",
      hint: `Use one of ${httpMethods.join(", ")}.`,
    });
  }
  const body = bodyOf(request);
  if (body !== undefined && (request.method === "GET" || request.method === "HEAD")) {
    throw new AkcError("ROUTE_MALFORMED", { message: `a ${request.method} request carries no body` });
  }
  return { url, method: request.method, headers: request.headers, body };
}

function bodyOf(request: GuardedRequest): Uint8Array | undefined {
  // Bytes, since a string would make fetch invent a content type.
  const body = typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body;
  if (body === undefined || body.byteLength === 0) return undefined;
  if (body.byteLength <= request.bodyBytesMax) return body;
  throw new AkcError("HTTP_BODY_TOO_LARGE", {
    details: { sizeBytes: body.byteLength, limitBytes: request.bodyBytesMax },
  });
}

async function followHops(request: GuardedRequest, first: Hop, deadline: Deadline): Promise<GuardedResponse> {
  const redirectsMax = request.redirectsMax ?? limits.httpRedirectsMax;
  let hop = first;
  for (let redirects = 0; ; redirects += 1) {
    const response = await send(request, hop, redirects, deadline);
    const next = nextHop(response.status, response.headers.get("location"), hop.method, hop.url);
    if (next.kind === "final") {
      const { body, truncated } = await bodyOfAnswer(response, hop, request, deadline);
      return { status: response.status, headers: response.headers, body, truncated, url: hop.url, redirects };
    }
    await discard(response);
    const status = response.status;
    if (next.kind === "refused") throw redirectRefused(hop.url, next.target, next.why, { status });
    if (redirects >= redirectsMax) throw redirectRefused(hop.url, next.url, "too many redirects", { status });
    if (!request.allowed(next.url)) {
      throw redirectRefused(hop.url, next.url, "the target is not allowed", { status });
    }
    hop = hopAfter(hop, next.url, next.method);
  }
}

function hopAfter(hop: Hop, url: URL, method: string): Hop {
  const kept = url.origin === hop.url.origin ? hop.headers : headersForOtherOrigin(hop.headers);
  // Only a POST that becomes a GET changes its method; nothing that keeps a body is sent twice.
  return method === hop.method
    ? { ...hop, url, headers: kept }
    : { url, method, headers: headersWithoutBody(kept), body: undefined };
}

/** One exchange: ask, resolve, ask about every address, connect to one of exactly those. */
async function send(
  request: GuardedRequest,
  hop: Hop,
  redirects: number,
  deadline: Deadline,
): Promise<Response> {
  const details = { url: redactedUrl(hop.url) };
  if (!request.allowed(hop.url)) throw new AkcError("HTTP_URL_DENIED", { details });
  const host = hop.url.host.replace(/\.(?=:|$)/, "");
  const headers = wireHeaders(hop.headers, host);
  const addresses = await addressesOf(hop.url, request.resolve ?? resolveBySystem, deadline);
  const denied = addresses.find((address) => !request.addressAllowed(hop.url, address));
  if (denied !== undefined) {
    if (redirects > 0) throw redirectRefused(hop.url, undefined, "the target's address is not public");
    throw new AkcError("HTTP_ADDRESS_DENIED", { details: { ...details, address: denied } });
  }
  let last: unknown;
  for (const address of addresses) {
    try {
      return await connect(hop, address, headers, request.tls?.ca, deadline);
    } catch (error) {
      deadline.throwIfOver({ ...details });
      last = error;
      // Nothing was sent, so another of the checked addresses may be tried.
      if (!notConnected.has(codeOf(error))) break;
    }
  }
  throw failureOf(last, details);
}

async function connect(
  hop: Hop,
  address: string,
  headers: Headers,
  ca: string | undefined,
  deadline: Deadline,
): Promise<Response> {
  const pinned = new URL(hop.url);
  pinned.hostname = address.includes(":") ? `[${address}]` : address;
  pinned.username = "";
  pinned.password = "";
  // A setter ignores what it cannot use, and the name that was left would be resolved again, unchecked.
  if (!isAddress(pinned.hostname)) {
    throw new AkcError("HTTP_UNREACHABLE", { message: "the host's name resolved to what is no address" });
  }
  const serverName = hostnameOf(hop.url);
  return fetch(pinned, {
    method: hop.method,
    headers,
    redirect: "manual",
    keepalive: false,
    decompress: false,
    // Not undefined: that would take HTTP_PROXY from the environment.
    proxy: false,
    tls: {
      // Said aloud, or NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off.
      rejectUnauthorized: true,
      ...(isAddress(serverName) ? {} : { serverName }),
      ...(ca === undefined ? {} : { ca }),
    },
    ...(hop.url.protocol === "https:" ? { protocol: "http1.1" } : {}),
    signal: deadline.signal,
    ...(hop.body === undefined ? {} : { body: new Uint8Array(hop.body) }),
  });
}

/** A name is resolved, an address is itself. IPv4 first, since a broken IPv6 route would take the whole deadline. */
async function addressesOf(url: URL, resolve: Resolver, deadline: Deadline): Promise<readonly string[]> {
  const hostname = hostnameOf(url);
  if (isAddress(hostname)) return [hostname.replace(/^\[|\]$/g, "")];
  const details = { url: redactedUrl(url) };
  try {
    const found = await deadline.race(resolve(hostname));
    if (found.length > 0) return found.toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
  } catch (error) {
    deadline.throwIfOver(details);
    throw new AkcError("HTTP_UNREACHABLE", {
      message: "the host's name could not be resolved",
      details: { ...details, reason: codeOf(error) },
    });
  }
  throw new AkcError("HTTP_UNREACHABLE", { message: "the host's name has no address", details });
}

async function resolveBySystem(hostname: string): Promise<readonly string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}

function hostnameOf(url: URL): string {
  return url.hostname.endsWith(".") ? url.hostname.slice(0, -1) : url.hostname;
}

/** Of a host in WHATWG form. */
function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

async function bodyOfAnswer(
  response: Response,
  hop: Hop,
  { responseBytesMax: bytesMax, excess = "refuse" }: GuardedRequest,
  deadline: Deadline,
): Promise<Body> {
  const details = { url: redactedUrl(hop.url), status: response.status };
  try {
    return await readBody(response, { bytesMax, excess, announced: hop.method !== "HEAD" }, deadline);
  } catch (error) {
    deadline.throwIfOver(details);
    if (error instanceof AkcError && error.code === "HTTP_RESPONSE_TOO_LARGE") {
      throw new AkcError(error.code, { details: { ...details, limitBytes: bytesMax } });
    }
    throw failureOf(error, details);
  }
}

async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

function redirectRefused(from: URL, target: URL | undefined, why: string, more: ErrorDetails = {}): AkcError {
  return new AkcError("HTTP_REDIRECT_REFUSED", {
    details: {
      url: redactedUrl(from),
      ...(target === undefined ? {} : { target: redactedUrl(target) }),
      why,
      ...more,
    },
  });
}

/** Codes with which Bun says that no connection came about. */
const notConnected = new Set(["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL", "EINVAL"]);

/** The cause is left out on purpose: its text holds the whole URL. */
function failureOf(error: unknown, details: ErrorDetails): AkcError {
  if (error instanceof AkcError) return error;
  const reason = codeOf(error);
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|HOSTNAME_MISMATCH/.test(reason)) {
    return new AkcError("HTTP_TLS_UNTRUSTED", { details: { ...details, reason } });
  }
  if (reason === "ResponseHeadersTooLarge") {
    return new AkcError("HTTP_RESPONSE_TOO_LARGE", { details: { ...details, reason } });
  }
  const words = unreachableWords[reason];
  return new AkcError("HTTP_UNREACHABLE", {
    ...(words === undefined ? {} : { message: `the server could not be reached: ${words}` }),
    details: { ...details, reason },
  });
}

/** By the codes of Bun and of the system. */
const unreachableWords: Readonly<Record<string, string>> = {
  ConnectionRefused: "nothing listens there",
  ECONNREFUSED: "nothing listens there",
  ConnectionClosed: "it closed the connection",
  ECONNRESET: "it closed the connection",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no network to it",
  EPROTO: "it does not speak TLS there",
};

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
