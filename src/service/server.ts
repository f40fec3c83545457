/**
 * The controller's server, for those who look at it: on loopback or at a unix socket, bounded in requests, bodies and times. It changes
 * nothing but by a signed delivery, which it hands on, and its faults never reach the controller.
 *
 * Source: docs/autopilot.md, "Seen from outside"; spec cli §17.3.
 */

import type { Listen } from "../autopilot/config/model.ts";
import type { AutopilotStore, Controller } from "../autopilot/contract.ts";
import type { LeaseAnswer } from "../autopilot/lease/contract.ts";
import { scopeName } from "../autopilot/model.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";
import { budgetsIn, createMetrics, type Metrics, type MetricsDeps } from "./metrics/metrics.ts";
import { openEventLog } from "./outside/event-log.ts";
import { atLoopback, type LoopbackWords, originOf } from "./outside/loopback.ts";
import { answer, type Deliver, json, knownPaths, type RouteDeps } from "./outside/routes.ts";
import { atUnixSocket } from "./outside/unix-socket.ts";

export type { Deliver, Delivery } from "./outside/routes.ts";

export interface OutsideDeps {
  readonly listen: Listen;
  readonly clock: Clock;
  readonly config: MetricsDeps["config"];
  readonly burns?: MetricsDeps["burns"];
  /** For readers of events who come back; absent: what is no longer in memory is gone. */
  readonly store?: Pick<AutopilotStore, "entriesBetween" | "scopes"> | undefined;
  /** Takes deliveries to `/` and `/v1/trigger`; absent: there is no webhook, and no `/health` that speaks of one. */
  readonly deliver?: Deliver | undefined;
  /** Shared with the export of telemetry; absent: its own, closed with the server. */
  readonly metrics?: Metrics | undefined;
}

export interface Outside {
  /** `unix:/run/akc/autopilot.sock`, `http://127.0.0.1:9464`. */
  readonly address: string;
  /** 0 at a unix socket. */
  readonly port: number;
  readonly metrics: Metrics;
  /** Ends streams and connections, and takes the socket away. */
  close(): Promise<void>;
}

/** @throws AkcError LISTEN_REFUSED when it is no loopback address, or taken */
export async function serveOutside(controller: Controller, deps: OutsideDeps): Promise<Outside> {
  const { listen, clock, store } = deps;
  const metrics = deps.metrics ?? createMetrics(controller, deps);
  const events = openEventLog(controller, { store, nowMs: () => clock.nowMs() });
  const leases = new Map<string, LeaseAnswer["kind"]>();
  const forget = controller.listen((told) => {
    if (told.kind === "lease") leases.set(scopeName(told.scope), told.answer);
  });
  const stopping = new AbortController();
  const routes: RouteDeps = {
    controller,
    clock,
    metrics,
    events,
    leases,
    deliver: deps.deliver,
    budgets: (scope) => budgetsIn(deps.config(), scope),
    checkHost: listen.kind === "tcp",
    stopping: stopping.signal,
    streams: { open: 0 },
  };
  const release = () => {
    stopping.abort();
    forget();
    events.close();
    if (deps.metrics === undefined) metrics.close();
  };
  try {
    const server = await listening(listen, routes);
    const port = server.port ?? 0;
    return {
      address: listen.kind === "unix" ? `unix:${listen.path}` : originOf({ ...listen, port }),
      port,
      metrics,
      async close() {
        release();
        await server.stop(true);
      },
    };
  } catch (cause) {
    release();
    throw cause;
  }
}

type HttpServer = Bun.Server<undefined>;

function listening(listen: Listen, routes: RouteDeps): Promise<HttpServer> {
  const handlers = {
    maxRequestBodySize: limits.webhookBodyBytesMax,
    development: false,
    fetch: (request: Request, server: HttpServer) => served(request, server, routes),
    error: () => json(500, { error: "internal" }),
  } as const;
  if (listen.kind === "unix") {
    const { path, mode } = listen;
    // Idle connections at a socket end after Bun's own ten seconds.
    return atUnixSocket(path, mode, () => Bun.serve({ ...handlers, unix: path }));
  }
  const idleTimeout = limits.outsideIdleMs / 1_000;
  const bind = () => Bun.serve({ ...handlers, idleTimeout, hostname: listen.host, port: listen.port });
  return Promise.resolve(atLoopback(listen, loopbackAlone, bind));
}

const loopbackAlone: LoopbackWords = {
  elsewhere: {
    message: "the autopilot's server listens on loopback alone",
    hint: "Use 127.0.0.1, ::1 or a unix socket; put a proxy with its own authentication in front for others.",
  },
};

async function served(request: Request, server: HttpServer, routes: RouteDeps): Promise<Response> {
  const path = URL.parse(request.url)?.pathname ?? "";
  const isStream = path === "/v1/events";
  // One that sends nothing is ended by the idle time; one that streams is kept by its heartbeats.
  if (isStream) server.timeout(request, limits.outsideStreamIdleMs / 1_000);
  const response =
    server.pendingRequests > limits.outsideRequestsMax
      ? json(503, { error: "too_many_requests_at_a_time" })
      : await answered(request, routes);
  routes.metrics.httpServed(knownPaths.has(path) ? path : "other", response.status);
  return response;
}

/** A fault of ours is answered, not thrown: nobody outside learns its words. */
async function answered(request: Request, routes: RouteDeps): Promise<Response> {
  try {
    return await answer(request, routes);
  } catch {
    return json(500, { error: "internal" });
  }
}
