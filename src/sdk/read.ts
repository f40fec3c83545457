/**
 * Reads the params of calls: what is missing or of another type is named by its place, once, here.
 * The host is trusted, but it may be of another version.
 */
import type { Action, ExecuteRequest, RunContext } from "./adapter.ts";
import type { Json, JsonMap, WireStep } from "./protocol.ts";
import type { ChangeOptions, Observed, Resource, ResourceName } from "./provider.ts";

/** Params that are not as the method has them; becomes JSON-RPC's -32602. */
export class InvalidParams extends Error {
  override readonly name = "InvalidParams";
}

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textAt(params: JsonMap, key: string): string {
  const value = params[key];
  if (typeof value !== "string") throw wrong(key, "text");
  return value;
}

export function optionalTextAt(params: JsonMap, key: string): string | undefined {
  return params[key] === undefined || params[key] === null ? undefined : textAt(params, key);
}

export function numberAt(params: JsonMap, key: string): number {
  const value = params[key];
  if (typeof value !== "number") throw wrong(key, "a number");
  return value;
}

export function mapAt(params: JsonMap, key: string): JsonMap {
  const value = params[key];
  if (!isMap(value)) throw wrong(key, "an object");
  return value;
}

export function contextAt(params: JsonMap): RunContext {
  const context = mapAt(params, "context");
  return {
    tenantId: textAt(context, "tenant_id"),
    repoId: textAt(context, "repo_id"),
    runId: textAt(context, "run_id"),
    runtimeRunId: textAt(context, "runtime_run_id"),
    policyMode: textAt(context, "policy_mode"),
    adapterId: textAt(context, "adapter_id"),
  };
}

export function executeRequestOf(params: JsonMap): ExecuteRequest {
  return {
    context: contextAt(params),
    action: actionOf(mapAt(params, "action")),
    attempt: numberAt(params, "attempt"),
    settings: mapAt(params, "settings"),
    node: mapAt(params, "node"),
    handoffs: handoffsAt(params),
    timeoutMs: numberAt(params, "timeout_ms"),
    workdir: textAt(params, "workdir"),
    ...(params["step"] === undefined ? {} : { step: stepOf(mapAt(params, "step")) }),
  };
}

function stepOf(step: JsonMap): WireStep {
  const { allowed_tools: tools = [], allow_network: network, goal, label, agent } = step;
  const bounds = isMap(step["bounds"]) ? step["bounds"] : {};
  const number = (key: string) => (bounds[key] === undefined ? {} : { [key]: numberAt(bounds, key) });
  return {
    step_id: textAt(step, "step_id"),
    role_id: textAt(step, "role_id"),
    allowed_tools: Array.isArray(tools)
      ? tools.filter((tool): tool is string => typeof tool === "string")
      : [],
    allow_network: network === true,
    ...(typeof goal === "string" ? { goal } : {}),
    ...(typeof label === "string" ? { label } : {}),
    ...(typeof agent === "string" ? { agent } : {}),
    bounds: {
      ...number("max_seconds"),
      ...number("max_input_tokens"),
      ...number("max_output_tokens"),
      ...number("max_request_bytes"),
    },
  };
}

export function handoffsAt(params: JsonMap): ExecuteRequest["handoffs"] {
  const { handoffs = [] } = params;
  if (!Array.isArray(handoffs)) throw wrong("handoffs", "a list");
  return handoffs.map((handoff: Json) => {
    if (!isMap(handoff)) throw wrong("handoffs", "a list of objects");
    return {
      stepId: textAt(handoff, "step_id"),
      sha256: textAt(handoff, "sha256"),
      sizeBytes: numberAt(handoff, "size_bytes"),
    };
  });
}

function actionOf(wire: JsonMap): Action {
  const text = (key: string) => optionalTextAt(wire, key) ?? "";
  return {
    actionId: textAt(wire, "action_id"),
    actionType: text("action_type"),
    nodeId: text("node_id"),
    nodeKind: text("node_kind"),
    contractId: text("contract_id"),
    inputsFingerprint: text("inputs_fingerprint"),
    idempotencyKey: textAt(wire, "idempotency_key"),
    wire,
  };
}

export function resourceNameOf(params: JsonMap): ResourceName {
  const resourceClass = optionalTextAt(params, "resource_class");
  return {
    resourceId: textAt(params, "resource_id"),
    ...(resourceClass === undefined ? {} : { resourceClass }),
  };
}

export function resourceNamesAt(params: JsonMap): readonly ResourceName[] {
  const { resources } = params;
  if (!Array.isArray(resources)) throw wrong("resources", "a list");
  return resources.map((one: Json) => {
    if (!isMap(one)) throw wrong("resources", "a list of objects");
    return resourceNameOf(one);
  });
}

export function resourceAt(params: JsonMap): Resource {
  const resource = mapAt(params, "resource");
  return {
    resourceId: textAt(resource, "resource_id"),
    resourceClass: textAt(resource, "resource_class"),
    desiredHash: textAt(resource, "desired_hash"),
    intent: resource["intent"] ?? null,
  };
}

export function changeOptionsOf(params: JsonMap): ChangeOptions {
  const expectedVersion = optionalTextAt(params, "expected_version");
  const scope = optionalTextAt(params, "scope");
  return {
    idempotencyKey: textAt(params, "idempotency_key"),
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
    ...(scope === undefined ? {} : { scope }),
  };
}

const healths = ["healthy", "unknown", "degraded", "failed"] as const;

export function observedAt(params: JsonMap): Observed {
  const observed = mapAt(params, "observed");
  const { exists, fields } = observed;
  if (typeof exists !== "boolean") throw wrong("observed.exists", "true or false");
  const health = healths.find((known) => known === observed["health"]);
  if (health === undefined) throw wrong("observed.health", healths.join(", "));
  const version = optionalTextAt(observed, "version");
  const observedHash = optionalTextAt(observed, "observed_hash");
  const message = optionalTextAt(observed, "message");
  const scope = optionalTextAt(observed, "scope");
  return {
    exists,
    health,
    ...(version === undefined ? {} : { version }),
    ...(isMap(fields) ? { fields } : {}),
    ...(observedHash === undefined ? {} : { observedHash }),
    ...(message === undefined ? {} : { message }),
    ...(scope === undefined ? {} : { scope }),
  };
}

function wrong(key: string, expected: string): InvalidParams {
  return new InvalidParams(`params: ${key} must be ${expected}`);
}
