/**
 * A custom primary adapter with native behind it for what the primary cannot do beside executing. Execution itself
 * always goes to the primary; every fallback is reported, never silent.
 *
 * Source: spec bundle §14.3.
 */
import type { JsonObject } from "../json/value.ts";
import type { ActionRequest, Adapter, AdapterCapabilities, Recovery, RunContext } from "./contract.ts";

export type FallbackCapability =
  | "durable_waits"
  | "external_signals"
  | "external_checkpointing"
  | "compensation_hooks";

export interface Fallback {
  readonly context: RunContext;
  readonly primaryId: string;
  readonly fallbackId: string;
  readonly capability: FallbackCapability;
  readonly reason: string;
}

const reasons: Record<FallbackCapability, string> = {
  durable_waits: "adapter lacks durable_waits",
  external_signals: "adapter lacks external_signals",
  external_checkpointing: "adapter lacks external checkpointing",
  compensation_hooks: "adapter lacks compensation hooks",
};

const flags: Record<FallbackCapability, keyof AdapterCapabilities> = {
  durable_waits: "durableWaits",
  external_signals: "externalSignals",
  external_checkpointing: "externalCheckpointing",
  compensation_hooks: "compensationHooks",
};

export function createHybridAdapter(
  primary: Adapter,
  fallback: Adapter,
  onFallback: (fallback: Fallback) => void,
): Adapter {
  const choose = (context: RunContext, capability: FallbackCapability): Adapter => {
    if (primary.capabilities[flags[capability]]) return primary;
    onFallback({
      context,
      primaryId: primary.id,
      fallbackId: fallback.id,
      capability,
      reason: reasons[capability],
    });
    return fallback;
  };
  return {
    id: primary.id,
    capabilities: primary.capabilities,
    respectsRouting: primary.respectsRouting,
    movesFiles: primary.movesFiles === true,
    async prepare(context, bundle) {
      await primary.prepare?.(context, bundle);
      await fallback.prepare?.(context, bundle);
    },
    execute: (request) => primary.execute(request),
    ...(primary.recover === undefined
      ? {}
      : { recover: (request: ActionRequest) => primary.recover?.(request) ?? unknownRecovery }),
    fallBack: (context, capability) => void choose(context, capability),
    async waitSignal(context: RunContext, spec: JsonObject) {
      const capability = spec["requires_external_signal"] === true ? "external_signals" : "durable_waits";
      return (await choose(context, capability).waitSignal?.(context, spec)) ?? null;
    },
    async checkpoint(context) {
      return (await choose(context, "external_checkpointing").checkpoint?.(context)) ?? null;
    },
    async restore(context, token) {
      await choose(context, "external_checkpointing").restore?.(context, token);
    },
    async cancel(context, actionId) {
      await choose(context, "compensation_hooks").cancel?.(context, actionId);
    },
    async close() {
      await primary.close?.();
      await fallback.close?.();
    },
  };
}

const unknownRecovery: Promise<Recovery> = Promise.resolve({ kind: "unknown" });

/** The documented payload of `runtime.adapter.fallback` (spec bundle §12). */
export function fallbackPayload(fallback: Fallback): JsonObject {
  const { context } = fallback;
  return {
    tenant_id: context.scope.tenantId,
    repo_id: context.scope.repoId,
    run_id: context.runId,
    runtime_run_id: context.runtimeRunId,
    primary_adapter_id: fallback.primaryId,
    fallback_adapter_id: fallback.fallbackId,
    capability: fallback.capability,
    reason: fallback.reason,
  };
}
