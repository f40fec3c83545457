/**
 * Carries out the `http` route: asks whether the lane allows the call, sends it through the guard, keeps the response.
 * Never sends anything that the lane does not allow, and never writes a query, a user name or a header's value anywhere.
 *
 * Source: spec bundle §15.3, §15.4 (bundle:W-4, bundle:W-25, bundle:W-27).
 */
import type { HttpRoute } from "../../bundle/model.ts";
import { AkcError, type ErrorCode } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { urlAllowed } from "../../policy/url-pattern.ts";
import type { Clock } from "../../system/clock.ts";
import { type GuardedRequest, type GuardedResponse, guardedFetch } from "../../system/http.ts";
import { isOwned } from "../../system/http-headers.ts";
import { redactedUrl } from "../../system/redacted-url.ts";
import type { ActionRequest, ActionResult } from "../contract.ts";
import { guardsOf, worthRetrying } from "../http-lane.ts";

export type HttpRequest = ActionRequest & { readonly route: HttpRoute };

export interface HttpRunnerDeps extends Pick<GuardedRequest, "resolve" | "tls"> {
  readonly clock: Clock;
}

export function createHttpRunner(deps: HttpRunnerDeps) {
  return { run: (request: HttpRequest): Promise<ActionResult> => run(request, deps) };
}

async function run(request: HttpRequest, { clock, ...net }: HttpRunnerDeps): Promise<ActionResult> {
  const refused = refusal(request);
  if (refused !== undefined) return failure(refused, {}, 0);
  const { action, route, policy } = request;
  const startedMs = clock.monotonicMs();
  const elapsedMs = () => Math.max(0, Math.round(clock.monotonicMs() - startedMs));
  try {
    const response = await guardedFetch({
      url: route.url,
      method: route.method,
      headers: withIdempotencyKey(route.headers, action.idempotencyKey),
      ...(route.body === undefined ? {} : { body: route.body }),
      timeoutMs: Math.min(route.timeoutMs, request.timeoutMs),
      ...guardsOf(policy.http),
      signal: request.signal,
      ...net,
    });
    return await answered(request, response, elapsedMs());
  } catch (error) {
    if (!(error instanceof AkcError)) throw error;
    const status = error.details["status"];
    const outputs = outputsOf(request, typeof status === "number" ? status : null, elapsedMs());
    return failure(error, outputs, elapsedMs());
  }
}

/** The lane's checks in their documented order; the guard makes those on the URL and the body again before it sends. */
function refusal({ route, policy, step }: HttpRequest): AkcError | undefined {
  const lane = policy.http;
  if (!lane.enabled) return new AkcError("HTTP_DISABLED");
  if (lane.allowlist.length === 0) return new AkcError("HTTP_ALLOWLIST_EMPTY");
  if (!lane.methods.includes(route.method)) return new AkcError("HTTP_METHOD_DENIED");
  if (!urlAllowed(lane, route.url)) return new AkcError("HTTP_URL_DENIED");
  if (Buffer.byteLength(route.body ?? "") > lane.bodyBytesMax) return new AkcError("HTTP_BODY_TOO_LARGE");
  if (step !== undefined && !step.allowNetwork) return new AkcError("HTTP_NETWORK_DENIED");
  return undefined;
}

async function answered(
  request: HttpRequest,
  response: GuardedResponse,
  latencyMs: number,
): Promise<ActionResult> {
  const { status, body } = response;
  const kept = await request.artifacts.put(body);
  const ignored = request.route.headers.map(([name]) => name).filter(isOwned);
  const outputs = {
    ...outputsOf(request, status, latencyMs, snippetOf(body)),
    response_sha256: kept.sha256,
    response_bytes: kept.sizeBytes,
    ...(response.redirects === 0
      ? {}
      : { http_redirects: response.redirects, http_final_url_redacted: redactedUrl(response.url) }),
    ...(ignored.length === 0 ? {} : { http_headers_ignored: ignored }),
  };
  // A redirect that was not followed never comes this far.
  if (status >= 200 && status <= 399) {
    return { status: "succeeded", outputs, durationMs: latencyMs, output: kept };
  }
  return {
    status: "failed",
    outputs,
    error: { code: "HTTP_STATUS", message: `http_error status=${status}`, retryable: worthRetrying(status) },
    durationMs: latencyMs,
  };
}

function outputsOf(request: HttpRequest, status: number | null, latencyMs: number, snippet = ""): JsonObject {
  return {
    action_id: request.action.actionId,
    action_type: request.action.actionType,
    adapter_id: "local_depth",
    route: "http",
    http_status_code: status,
    http_latency_ms: latencyMs,
    http_url_redacted: redactedUrl(request.route.url),
    http_response_snippet: snippet,
  };
}

/** Text for people: lossy, and never half of a character. */
function snippetOf(body: Uint8Array): string {
  // Four bytes are the longest character, so no more of the body needs decoding.
  const text = new TextDecoder().decode(body.subarray(0, limits.outputSnippetChars * 4));
  return Array.from(text).slice(0, limits.outputSnippetChars).join("").toWellFormed();
}

function failure(error: AkcError, outputs: JsonObject, durationMs: number): ActionResult {
  const code: ErrorCode = error.code;
  return {
    status: code === "CANCELLED" ? "cancelled" : "failed",
    outputs,
    error: { code, message: messageOf(error), retryable: error.class === "retryable" },
    durationMs,
  };
}

function messageOf({ message, details }: AkcError): string {
  const why = details["why"] ?? details["reason"];
  return typeof why === "string" ? `${message}: ${why}` : message;
}

/** The bundle's own key wins. */
function withIdempotencyKey(headers: HttpRoute["headers"], key: string): HttpRoute["headers"] {
  const own = headers.some(([name]) => name.toLowerCase() === "idempotency-key");
  return own ? headers : [...headers, ["Idempotency-Key", key]];
}
