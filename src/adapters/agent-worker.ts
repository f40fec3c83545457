/**
 * Carries out one turn of a coordination step: by the deterministic worker, or by an HTTP worker of the operator.
 * Never retries, and never puts what a worker said into outputs; the text is kept by its content.
 *
 * Source: spec bundle §14.2, spec kernel §12.8 (kernel:W-15, kernel:W-17).
 */
import { unreachable } from "../errors.ts";
import type { JsonObject } from "../json/value.ts";
import { httpTurn } from "./agent-worker/http.ts";
import { delegateUrls } from "./agent-worker/request.ts";
import { type AgentTurnDeps, failedTurn, fault } from "./agent-worker/turn.ts";
import type { ActionRequest, ActionResult } from "./contract.ts";

/** Never rejects for the worker's own failure. */
export function runAgentTurn(request: ActionRequest, deps: AgentTurnDeps): Promise<ActionResult> {
  const { env } = deps;
  switch (env.kind) {
    case "deterministic":
      return deterministicTurn(request, deps.adapterId);
    case "invalid":
      return Promise.resolve(failedTurn(request, deps, fault("coordination_agent_worker_config_error"), 0));
    case "http": {
      const [delegate, another] = delegateUrls(request);
      if (another !== undefined) {
        const failure = fault("coordination_http_delegate_multiple_urls");
        return Promise.resolve(failedTurn(request, deps, failure, 0));
      }
      const url = delegate ?? env.url;
      return url === undefined
        ? deterministicTurn(request, deps.adapterId)
        : httpTurn(request, deps, env, url);
    }
    default:
      return unreachable(env);
  }
}

const nothingUsed: JsonObject = { input_tokens: 0, output_tokens: 0 };

/**
 * Says `noop:<idempotency key>` and touches nothing else. Its text is stored like any other, so that a successor can
 * read it; the store's hash of it is the documented `agent_worker_output_sha256`, and none is taken twice.
 */
export function deterministicTurn(request: ActionRequest, adapterId = "native"): Promise<ActionResult> {
  const { actionId, actionType, idempotencyKey } = request.action;
  const text = `noop:${idempotencyKey}`;
  return request.artifacts.put(Buffer.from(text)).then((output) => ({
    status: "succeeded",
    outputs: {
      action_id: actionId,
      action_type: actionType,
      adapter_id: adapterId,
      agent_worker_status: "succeeded",
      agent_worker_output_sha256: output.sha256,
      agent_worker_output_len: text.length,
      effect: "none",
    },
    durationMs: 0,
    cost: nothingUsed,
    output,
  }));
}
