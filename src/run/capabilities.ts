/**
 * Whether a run's adapter can what its bundle says that it needs. Refuses before anything runs; akc's own waits and signals
 * need nothing of an adapter.
 *
 * Source: spec bundle §14.1; docs/plugins.md.
 */
import type { Adapter } from "../adapters/contract.ts";
import type { Bundle } from "../bundle/model.ts";
import { AkcError } from "../errors.ts";
import { isJsonArray, isJsonObject } from "../json/value.ts";

/** @param declared what a plugin's manifest says of it. @throws AkcError ADAPTER_CAPABILITY_MISSING */
export function refuseMissingCapabilities(
  bundle: Pick<Bundle, "metadata">,
  adapter: Adapter,
  declared: readonly string[] = capabilitiesOf(adapter),
): void {
  const missing = requiredOf(bundle).filter((capability) => !declared.includes(capability));
  if (missing.length === 0) return;
  throw new AkcError("ADAPTER_CAPABILITY_MISSING", {
    message: `the bundle needs an adapter that can ${missing.join(", ")}, and ${adapter.id} cannot`,
    details: { adapter: adapter.id, missing, has: declared },
  });
}

function requiredOf({ metadata }: Pick<Bundle, "metadata">): readonly string[] {
  const execution = metadata["runtime_execution"];
  const required = isJsonObject(execution) ? execution["required_adapter_capabilities"] : undefined;
  return isJsonArray(required) ? required.filter((name) => typeof name === "string") : [];
}

function capabilitiesOf({ capabilities, recover }: Adapter): readonly string[] {
  const { durableWaits, externalSignals, compensationHooks, externalCheckpointing } = capabilities;
  return [
    ...(durableWaits ? ["durable_waits"] : []),
    ...(externalSignals ? ["external_signals"] : []),
    ...(compensationHooks ? ["compensation_hooks"] : []),
    ...(externalCheckpointing ? ["external_checkpointing"] : []),
    ...(recover === undefined ? [] : ["recover"]),
  ];
}
