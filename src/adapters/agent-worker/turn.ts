/**
 * What one agent turn is given, and how a turn that came to nothing is told. Carries nothing out.
 *
 * Source: spec bundle §14.2, spec kernel §12.8.
 */
import type { ErrorCode } from "../../errors.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { JsonObject } from "../../json/value.ts";
import type { Clock } from "../../system/clock.ts";
import type { GuardedRequest } from "../../system/http.ts";
import type { ActionRequest, ActionResult } from "../contract.ts";
import type { AgentWorkerEnv } from "./env.ts";
import type { AgentBounds, StepFacts } from "./request.ts";

export interface AgentTurnDeps extends Pick<GuardedRequest, "resolve" | "tls"> {
  readonly env: AgentWorkerEnv;
  readonly clock: Clock;
  readonly adapterId: string;
  readonly bounds: AgentBounds;
  readonly goal?: string;
  factsOf?(stepId: string): StepFacts;
}

/** Why a turn came to nothing. `token` is the documented one; the code says the same to programs. */
export interface TurnFailure {
  readonly token: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly status: "failed" | "timeout" | "cancelled";
  readonly usage: JsonObject;
}

export function fault(
  token: string,
  code: ErrorCode = "AGENT_WORKER_FAILED",
  retryable = false,
): TurnFailure {
  return { token, code, retryable, status: "failed", usage: {} };
}

const nothingSaid = sha256Hex("");

export function failedTurn(
  request: ActionRequest,
  deps: AgentTurnDeps,
  { token, code, retryable, status, usage }: TurnFailure,
  durationMs: number,
): ActionResult {
  const workerStatus = status === "timeout" ? "timeout" : "failed";
  return {
    status: status === "cancelled" ? "cancelled" : "failed",
    outputs: { ...outputsOf(request, deps, workerStatus, nothingSaid, 0), agent_worker_error: token },
    error: { code, message: token, retryable },
    durationMs,
    cost: usage,
  };
}

export function outputsOf(
  { action }: ActionRequest,
  { adapterId }: AgentTurnDeps,
  status: string,
  sha256: string,
  length: number,
): JsonObject {
  return {
    action_id: action.actionId,
    action_type: action.actionType,
    adapter_id: adapterId,
    agent_worker_status: status,
    agent_worker_output_sha256: sha256,
    agent_worker_output_len: length,
  };
}
