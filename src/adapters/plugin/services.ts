/**
 * What one call of an adapter's hands to its plugin: web requests through the guard of the http route, secrets by name, what
 * the predecessors handed over. Nothing beyond the run's policy, whatever was granted.
 */
import { AkcError } from "../../errors.ts";
import type { Granted } from "../../plugin-host/contract.ts";
import type {
  CallServices,
  HandoffPart,
  HostFetchRequest,
  HostFetchResponse,
} from "../../plugin-host/host.ts";
import { netAllows } from "../../plugin-host/net-grant.ts";
import type { HandedOver } from "../../plugin-host/secrets.ts";
import type { HttpLane } from "../../policy/model.ts";
import { urlAllowed } from "../../policy/url-pattern.ts";
import { type GuardedRequest, guardedFetch } from "../../system/http.ts";
import type { ActionRequest } from "../contract.ts";
import { guardsOf } from "../http-lane.ts";

export interface ServiceDeps extends Pick<GuardedRequest, "resolve" | "tls"> {
  readonly granted: Granted;
  readonly secrets: HandedOver;
  /** The lane of the run's policy that the plugin's requests take; undefined: they may not be made. */
  readonly lane: HttpLane | undefined;
  /** @throws AkcError PLUGIN_SECRET_UNAVAILABLE */
  readonly secretOf: (name: string) => Promise<string>;
}

/** What a call needs to be served; a provider's hands nothing over. */
export type ServedCall = Pick<ActionRequest, "timeoutMs" | "handoffs">;

export function servicesFor(request: ServedCall, deps: ServiceDeps): CallServices {
  return {
    fetch: (asked, signal) => fetchFor(request, asked, signal, deps),
    async secret(name) {
      const value = await deps.secretOf(name);
      // Before it is handed over: what comes back with it must be found.
      deps.secrets.add(value);
      return value;
    },
    readHandoff: handoffReader(request),
  };
}

async function fetchFor(
  { timeoutMs }: ServedCall,
  { url, method, headers, body }: HostFetchRequest,
  signal: AbortSignal,
  { granted, lane, resolve, tls }: ServiceDeps,
): Promise<HostFetchResponse> {
  const open = openLane(lane, method, url);
  const guards = guardsOf(open);
  const response = await guardedFetch({
    url,
    method,
    headers: Object.entries(headers),
    ...(body === undefined ? {} : { body }),
    timeoutMs,
    ...guards,
    // Where a redirect leads must be granted too.
    allowed: (target) => netAllows(granted.net, target.href) && guards.allowed(target),
    signal,
    ...(resolve === undefined ? {} : { resolve }),
    ...(tls === undefined ? {} : { tls }),
  });
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: response.body,
  };
}

/** The checks of the http route in their order. */
function openLane(lane: HttpLane | undefined, method: string, url: string): HttpLane {
  if (lane?.enabled !== true) throw new AkcError("HTTP_DISABLED");
  if (lane.allowlist.length === 0) throw new AkcError("HTTP_ALLOWLIST_EMPTY");
  if (!lane.methods.includes(method)) throw new AkcError("HTTP_METHOD_DENIED");
  if (!urlAllowed(lane, url)) throw new AkcError("HTTP_URL_DENIED");
  return lane;
}

/** A content is read once for all its parts; the last one that was asked for is kept while the call goes on. */
function handoffReader({ handoffs }: ServedCall) {
  let last: { readonly sha256: string; readonly content: Promise<Uint8Array> } | undefined;
  return async (sha256: string, offset: number, length: number): Promise<HandoffPart> => {
    const handoff = handoffs.find((one) => one.sha256 === sha256);
    if (handoff === undefined) {
      throw new AkcError("PLUGIN_NOT_GRANTED", {
        message: "the call was handed nothing of this content",
        details: { sha256 },
      });
    }
    if (last?.sha256 !== sha256) last = { sha256, content: handoff.read() };
    const content = await last.content;
    const end = Math.min(content.length, offset + length);
    return { bytes: content.subarray(offset, end), eof: end >= content.length };
  };
}
