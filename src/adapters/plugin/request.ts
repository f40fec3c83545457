/**
 * An action as a plugin is told of it. Leaves out what is only akc's affair; numbers that JavaScript cannot hold lose digits.
 *
 * Source: docs/plugin-protocol.md, "adapter/execute"; spec kernel §4.4.
 */
import { isJsonArray, isJsonObject, JsonFloat, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { ExecuteParams, Json, JsonMap, WireContext, WireStep } from "../../sdk/protocol.ts";
import type { AgentBounds, StepFacts } from "../agent-worker/request.ts";
import type { ActionRequest, RunContext } from "../contract.ts";

/** What the bundle says about a step and no key of the action does. */
export interface BundleWords {
  readonly goal?: string;
  readonly bounds: AgentBounds;
  readonly requestBytesMax?: number;
  factsOf(stepId: string): StepFacts;
}

export function executeParams(
  adapter: string,
  request: ActionRequest,
  words: BundleWords | undefined,
): JsonMap & ExecuteParams {
  const { context, action, attempt, handoffs, timeoutMs, workdir, node } = request;
  const execution = executionOf(request);
  const own = execution[adapter];
  const { runtime_execution: _, ...properties } = node.properties;
  const step = stepOf(request, words);
  return {
    adapter,
    context: wireContext(context, adapter),
    action: {
      action_id: action.actionId,
      action_type: action.actionType,
      node_id: action.nodeId,
      node_kind: action.nodeKind,
      contract_id: action.contractId,
      inputs_fingerprint: action.inputsFingerprint,
      idempotency_key: action.idempotencyKey,
      ...(action.policyContext === undefined ? {} : { policy_context: wireMap(action.policyContext) }),
    },
    attempt,
    settings: wireMap(isJsonObject(own) ? own : execution),
    node: wireMap(properties),
    handoffs: handoffs.map(({ stepId, sha256, sizeBytes }) => ({
      step_id: stepId,
      sha256,
      size_bytes: sizeBytes,
    })),
    timeout_ms: timeoutMs,
    workdir,
    ...(step === undefined ? {} : { step }),
  };
}

export function wireContext(context: RunContext, adapter: string): JsonMap & WireContext {
  return {
    tenant_id: context.scope.tenantId,
    repo_id: context.scope.repoId,
    run_id: context.runId,
    runtime_run_id: context.runtimeRunId,
    policy_mode: context.mode,
    adapter_id: adapter,
  };
}

/** The contract's word, and the node's over it (spec bundle §13.2). */
function executionOf({ node }: ActionRequest): JsonObject {
  return {
    ...objectOf(node.contract?.acceptance?.["runtime_execution"]),
    ...objectOf(node.properties["runtime_execution"]),
  };
}

function stepOf(
  { step, action }: ActionRequest,
  words: BundleWords | undefined,
): (JsonMap & WireStep) | undefined {
  if (step === undefined) return undefined;
  const stepId = action.policyContext?.["coordination_step_id"];
  const { label, agent } = words?.factsOf(typeof stepId === "string" ? stepId : step.stepId) ?? {};
  const { maxSeconds, maxInputTokens, maxOutputTokens } = words?.bounds ?? {};
  return {
    step_id: step.stepId,
    role_id: step.roleId,
    allowed_tools: [...step.allowedTools],
    allow_network: step.allowNetwork,
    ...(words?.goal === undefined ? {} : { goal: words.goal }),
    ...(label === undefined ? {} : { label }),
    ...(agent === undefined ? {} : { agent }),
    bounds: {
      ...(maxSeconds === undefined ? {} : { max_seconds: maxSeconds }),
      ...(maxInputTokens === undefined ? {} : { max_input_tokens: maxInputTokens }),
      ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
      ...(words?.requestBytesMax === undefined ? {} : { max_request_bytes: words.requestBytesMax }),
    },
  };
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function wireMap(object: JsonObject): JsonMap {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, wireJson(value)]));
}

export function wireJson(value: JsonValue): Json {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof JsonFloat) return value.value;
  if (isJsonArray(value)) return value.map(wireJson);
  return isJsonObject(value) ? wireMap(value) : value;
}
