/**
 * Carries out routes on this host: a process, an HTTP call, nothing at all, or what it delegates to. It never chooses the
 * route and never falls back to another one.
 *
 * Source: spec bundle §14.5; bundle:W-22.
 */
import { unreachable } from "../../errors.ts";
import { type ActionRequest, type ActionResult, type Adapter, noCapabilities } from "../contract.ts";
import { bareTransition } from "../native.ts";

export const localDepthAdapterId = "local_depth";

type Routed<K extends ActionRequest["route"]["kind"]> = ActionRequest & {
  readonly route: Extract<ActionRequest["route"], { kind: K }>;
};

export interface RouteRunner<K extends ActionRequest["route"]["kind"]> {
  run(request: Routed<K>): Promise<ActionResult>;
  close?(): Promise<void>;
}

export interface LocalDepthDeps {
  readonly subprocess: RouteRunner<"subprocess">;
  readonly http: RouteRunner<"http">;
  readonly delegate: Adapter;
}

export function createLocalDepthAdapter({ subprocess, http, delegate }: LocalDepthDeps): Adapter {
  return {
    id: localDepthAdapterId,
    capabilities: noCapabilities,
    respectsRouting: true,
    movesFiles: true,
    prepare: async (context, bundle) => delegate.prepare?.(context, bundle),
    execute(request) {
      const { route } = request;
      switch (route.kind) {
        case "noop":
          return Promise.resolve(bareTransition(request, localDepthAdapterId, "noop"));
        case "subprocess":
          return subprocess.run({ ...request, route });
        case "http":
          return http.run({ ...request, route });
        case "delegate_adapter":
          return delegate.execute(request);
        case "malformed":
        case "refused":
          return Promise.resolve(neverStarted(route.why));
        case "wait":
          return Promise.resolve(neverStarted("this adapter does not wait; the kernel does"));
        default:
          return unreachable(route);
      }
    },
    waitSignal: async (context, spec) => (await delegate.waitSignal?.(context, spec)) ?? null,
    checkpoint: async (context) => (await delegate.checkpoint?.(context)) ?? null,
    restore: async (context, token) => delegate.restore?.(context, token),
    cancel: async (context, actionId) => delegate.cancel?.(context, actionId),
    async close() {
      await subprocess.close?.();
      await http.close?.();
      await delegate.close?.();
    },
  };
}

/** The kernel refuses such routes before it asks an adapter; whoever embeds this one gets the same answer. */
function neverStarted(why: string): ActionResult {
  return {
    status: "failed",
    outputs: {},
    error: { code: "ROUTE_MALFORMED", message: why, retryable: false },
    durationMs: 0,
  };
}
