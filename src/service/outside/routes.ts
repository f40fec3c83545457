/**
 * What is at which path of the controller's server, and what each answers. Only reads, but for a signed delivery, which is handed on.
 * Tells nothing to a browser that was led here: a name in `Host` that is not a loopback's is refused.
 *
 * Source: docs/autopilot.md, "Seen from outside"; spec cli §15.5 (webhook); cli:W-62, W-63.
 */
import type { Controller } from "../../autopilot/contract.ts";
import type { LeaseAnswer } from "../../autopilot/lease/contract.ts";
import type { Budgets, ScopeId } from "../../autopilot/model.ts";
import { toPlain } from "../../json/plain.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { Clock } from "../../system/clock.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { prometheusContentType, prometheusText } from "../metrics/prometheus-text.ts";
import type { EventLog } from "./event-log.ts";
import { eventStream, eventStreamType } from "./event-stream.ts";
import { checkText, liveness, readiness } from "./health.ts";
import { isLoopbackName } from "./loopback.ts";
import { statusShape } from "./told-shape.ts";

/** A delivery to the webhook, unread: whoever takes it checks its signature over exactly these bytes. */
export interface Delivery {
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Never rejects for what a sender sends. */
export type Deliver = (delivery: Delivery) => Promise<{ readonly status: number; readonly body: JsonObject }>;

export interface RouteDeps {
  readonly controller: Controller;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly events: EventLog;
  readonly leases: ReadonlyMap<string, LeaseAnswer["kind"]>;
  readonly deliver: Deliver | undefined;
  budgets(scope: ScopeId): Budgets | undefined;
  /** Whether a browser could be led here: over TCP. */
  readonly checkHost: boolean;
  readonly stopping: AbortSignal;
  /** Of readers of events, now. */
  readonly streams: { open: number };
}

/** Paths as the metrics name them; every other one is `other`. */
export const knownPaths: ReadonlySet<string> = new Set([
  "/",
  "/health",
  "/livez",
  "/readyz",
  "/metrics",
  "/v1/status",
  "/v1/events",
  "/v1/trigger",
]);

export async function answer(request: Request, deps: RouteDeps): Promise<Response> {
  const url = new URL(request.url);
  const { pathname } = url;
  // Signed by its sender, or a constant: these may come through a proxy under its own name.
  if (pathname === "/" || pathname === "/v1/trigger" || pathname === "/health") {
    return delivered(request, pathname, deps.deliver);
  }
  if (!knownPaths.has(pathname)) return json(404, { error: "not_found" });
  if (deps.checkHost && !isLoopbackName(request.headers.get("host"))) {
    return json(421, { error: "host_not_loopback" });
  }
  if (!isRead(request)) return notAllowed("GET, HEAD");
  const { controller, clock, metrics } = deps;
  switch (pathname) {
    case "/livez":
      return probe("livez", liveness(controller.status(), clock.monotonicMs()), url);
    case "/readyz": {
      const input = { status: controller.status(), monotonicMs: clock.monotonicMs(), leases: deps.leases };
      return probe("readyz", readiness(input), url);
    }
    case "/metrics":
      return new Response(prometheusText(metrics.families()), {
        headers: { "content-type": prometheusContentType },
      });
    case "/v1/status":
      return status(url, deps);
    default:
      return events(request, url, deps);
  }
}

async function delivered(request: Request, path: string, deliver: Deliver | undefined): Promise<Response> {
  if (deliver === undefined) return json(404, { error: "not_found" });
  if (path === "/health") {
    return isRead(request) ? json(200, webhookHealth) : notAllowed("GET, HEAD");
  }
  if (request.method !== "POST") return notAllowed("POST");
  const body = await bodyOf(request);
  if (!(body instanceof Uint8Array)) return body;
  const answered = await deliver({ headers: request.headers, body });
  return json(answered.status, answered.body);
}

/** Says that there is a webhook, and nothing else. */
const webhookHealth: JsonObject = { ok: true, schema: "akc.living.webhook_health.v1" };

function isRead({ method }: Request): boolean {
  return method === "GET" || method === "HEAD";
}

/** All of it within its time, or the refusal. */
async function bodyOf(request: Request): Promise<Uint8Array | Response> {
  if (request.body === null) return new Uint8Array();
  const reader = request.body.getReader();
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void reader.cancel().catch(() => undefined);
  }, limits.outsideRequestMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) return json(408, { error: "body_too_slow" });
      if (done) return Buffer.concat(parts);
      bytes += value.byteLength;
      if (bytes > limits.webhookBodyBytesMax) {
        await reader.cancel();
        return json(413, { error: "payload_too_large", limit_bytes: limits.webhookBodyBytesMax });
      }
      parts.push(value);
    }
  } catch {
    return json(400, { error: "body_cut_off" });
  } finally {
    clearTimeout(timer);
  }
}

function probe(name: string, checks: Parameters<typeof checkText>[1], url: URL): Response {
  const isWell = checks.every(({ ok }) => ok);
  return new Response(checkText(name, checks, url.searchParams.has("verbose")), {
    status: isWell ? 200 : 503,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  });
}

function status(url: URL, { controller, clock, budgets }: RouteDeps): Response {
  const now = controller.status();
  const wanted = scopeOf(url);
  if (wanted === "malformed") return json(400, { error: "scope_malformed", expected: "<tenant>/<repo>" });
  const scopes =
    wanted === undefined
      ? now.scopes
      : now.scopes.filter(
          ({ scope }) => scope.tenantId === wanted.tenantId && scope.repoId === wanted.repoId,
        );
  if (wanted !== undefined && scopes.length === 0) return json(404, { error: "scope_not_watched" });
  return json(200, statusShape(now, clock.monotonicMs(), scopes, budgets));
}

function events(request: Request, url: URL, deps: RouteDeps): Response {
  const scope = scopeOf(url);
  if (scope === "malformed") return json(400, { error: "scope_malformed", expected: "<tenant>/<repo>" });
  if (request.method === "HEAD") {
    return new Response(null, { headers: { "content-type": eventStreamType } });
  }
  const { streams, metrics } = deps;
  if (streams.open >= limits.outsideStreamsMax) return json(503, { error: "too_many_readers" });
  streams.open += 1;
  metrics.eventStreams(streams.open);
  const last = request.headers.get("last-event-id") ?? undefined;
  const body = eventStream({
    begin: (reader) => deps.events.read(reader, last, scope),
    ended(cut) {
      streams.open -= 1;
      metrics.eventStreams(streams.open);
      if (cut) metrics.eventStreamCut();
    },
    signal: deps.stopping,
    heartbeatMs: limits.outsideStreamHeartbeatMs,
    queueMax: limits.outsideStreamQueueMax,
  });
  return new Response(body, { headers: { "content-type": eventStreamType, "cache-control": "no-store" } });
}

function scopeOf(url: URL): ScopeId | "malformed" | undefined {
  const text = url.searchParams.get("scope");
  if (text === null) return undefined;
  const [, tenantId, repoId] = /^([^/]+)\/([^/]+)$/.exec(text) ?? [];
  return tenantId === undefined || repoId === undefined ? "malformed" : { tenantId, repoId };
}

function notAllowed(allow: string): Response {
  const refusal = json(405, { error: "method_not_allowed" });
  refusal.headers.set("allow", allow);
  return refusal;
}

export function json(status: number, body: JsonObject): Response {
  return new Response(`${JSON.stringify(toPlain(body))}\n`, {
    status,
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}
