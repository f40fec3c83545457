/**
 * One turn by the operator's HTTP worker: asks the lane, sends what the step needs, holds the answer to its budget.
 * The worker's key goes into one header and nowhere else; the deadline really ends the request.
 *
 * Source: spec bundle §14.2, spec kernel §12.8 (kernel:W-15).
 */
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { HttpLane } from "../../policy/model.ts";
import { urlAllowed } from "../../policy/url-pattern.ts";
import { type GuardedRequest, type GuardedResponse, guardedFetch } from "../../system/http.ts";
import type { ActionRequest, ActionResult } from "../contract.ts";
import { guardsOf, worthRetrying } from "../http-lane.ts";
import type { AgentWorkerEnv } from "./env.ts";
import { type AgentBounds, turnBody } from "./request.ts";
import { readTurnAnswer } from "./response.ts";
import { type AgentTurnDeps, failedTurn, fault, outputsOf, type TurnFailure } from "./turn.ts";

type HttpWorkerEnv = Extract<AgentWorkerEnv, { kind: "http" }>;

export async function httpTurn(
  request: ActionRequest,
  deps: AgentTurnDeps,
  env: HttpWorkerEnv,
  url: string,
): Promise<ActionResult> {
  const startedMs = deps.clock.monotonicMs();
  const elapsedMs = () => Math.max(0, Math.round(deps.clock.monotonicMs() - startedMs));
  const lane = request.policy.agentWorkerHttp;
  const refused = laneRefusal(lane, request.policy.http.enabled, url);
  if (lane === undefined || refused !== undefined) {
    return failedTurn(request, deps, refused ?? fault("coordination_http_worker_allowlist_missing"), 0);
  }
  const turnMs = Math.min(turnTimeoutMs(deps.bounds), request.timeoutMs);
  const body = await turnBody(request, {
    ...(deps.goal === undefined ? {} : { goal: deps.goal }),
    bounds: deps.bounds,
    facts: deps.factsOf?.(request.step?.stepId ?? "") ?? {},
    timeoutMs: turnMs,
    bodyBytesMax: lane.bodyBytesMax,
  });
  if (body === undefined) {
    const failure = fault("coordination_http_request_body_exceeds_cap", "HTTP_BODY_TOO_LARGE");
    return failedTurn(request, deps, failure, elapsedMs());
  }
  const timeoutMs = Math.min(turnMs, env.timeoutMs ?? turnMs);
  try {
    const response = await guardedFetch({
      url,
      method: "POST",
      headers: headersOf(env, url, request.action.idempotencyKey),
      body,
      timeoutMs,
      ...guardsOf(lane),
      signal: request.signal,
      ...(deps.resolve === undefined ? {} : { resolve: deps.resolve }),
      ...(deps.tls === undefined ? {} : { tls: deps.tls }),
    });
    return await answered(request, deps, response, elapsedMs);
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    return failedTurn(request, deps, sendFailure(error, timeoutMs === turnMs), elapsedMs());
  }
}

/** The documented checks in their order. */
function laneRefusal(lane: HttpLane | undefined, httpEnabled: boolean, url: string): TurnFailure | undefined {
  if (!(lane?.enabled ?? httpEnabled)) return fault("coordination_http_execution_disabled", "HTTP_DISABLED");
  if (lane === undefined || lane.allowlist.length === 0) {
    return fault("coordination_http_worker_allowlist_missing", "HTTP_ALLOWLIST_EMPTY");
  }
  if (!lane.methods.includes("POST"))
    return fault("coordination_http_post_not_allowlisted", "HTTP_METHOD_DENIED");
  if (!urlAllowed(lane, url)) return fault("coordination_http_worker_url_not_allowlisted", "HTTP_URL_DENIED");
  return undefined;
}

async function answered(
  request: ActionRequest,
  deps: AgentTurnDeps,
  { status, body }: GuardedResponse,
  elapsedMs: () => number,
): Promise<ActionResult> {
  if (status < 200 || status > 299) {
    const detail = status >= 400 ? `http_error status=${status}` : `unexpected status=${status}`;
    const failure = fault(`http_error:${detail}`, "HTTP_STATUS", worthRetrying(status));
    return failedTurn(request, deps, failure, elapsedMs());
  }
  const answer = readTurnAnswer(body, deps.bounds);
  if (answer.kind === "unusable") {
    const failure = { ...fault(answer.token, "AGENT_WORKER_FAILED", answer.retryable), usage: answer.usage };
    return failedTurn(request, deps, failure, elapsedMs());
  }
  const output = await request.artifacts.put(new TextEncoder().encode(answer.text));
  return {
    status: "succeeded",
    outputs: outputsOf(request, deps, "succeeded", output.sha256, answer.length),
    durationMs: elapsedMs(),
    cost: answer.usage,
    output,
  };
}

/** @param isTurnDeadline whether the time that ran out was the turn's, not the operator's cap on one call. */
function sendFailure(error: AkcError, isTurnDeadline: boolean): TurnFailure {
  if (error.code === "CANCELLED") return { ...fault("cancelled", "CANCELLED"), status: "cancelled" };
  if (error.code === "HTTP_TIMEOUT" && isTurnDeadline) {
    return { ...fault("agent_worker_deadline_exceeded", "HTTP_TIMEOUT", true), status: "timeout" };
  }
  const why = error.details["why"] ?? error.details["reason"];
  const detail =
    error.code === "HTTP_RESPONSE_TOO_LARGE"
      ? "response exceeded max_response_bytes"
      : [error.code, ...(typeof why === "string" ? [why] : [])].join(" ");
  return fault(`http_error:${detail}`, error.code, error.class === "retryable");
}

/**
 * The key goes to the worker that the operator named, never to another origin that a bundle's delegate edge names;
 * an operator who gives a key and no URL means it for the delegates.
 */
function headersOf(env: HttpWorkerEnv, url: string, idempotencyKey: string): GuardedRequest["headers"] {
  const trusted = env.url === undefined || URL.parse(env.url)?.origin === URL.parse(url)?.origin;
  return [
    ["Content-Type", "application/json"],
    ["Accept", "application/json"],
    ["Idempotency-Key", idempotencyKey],
    ...(env.apiKey !== undefined && trusted ? [["Authorization", `Bearer ${env.apiKey}`] as const] : []),
  ];
}

function turnTimeoutMs({ maxSeconds }: AgentBounds): number {
  return maxSeconds !== undefined && maxSeconds > 0 ? maxSeconds * 1_000 : limits.agentTurnTimeoutMsDefault;
}
