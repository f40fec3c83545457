/**
 * The HTTP agent worker as a plugin: one turn of a coordination step by the operator's worker, or by the one that a delegate
 * edge names. Its outputs are those of akc's own (spec bundle §14.2); the worker's text is the action's output.
 */
import {
  type Call,
  definePlugin,
  type ExecuteRequest,
  failed,
  isPluginError,
  type JsonMap,
  PluginError,
} from "akc/sdk";
import { readAnswer } from "./answer.ts";
import { delegateUrls, turnBody } from "./request.ts";

/** Of one turn, where the bundle sets none. */
const turnTimeoutMs = 60_000;
const operatorTimeoutMs = 30_000;

interface Operator {
  readonly url?: string;
  /** Caps one request. */
  readonly timeoutMs?: number;
}

const operator = readOperator();

export default definePlugin({
  adapters: {
    agent_worker: {
      async execute(request, call) {
        const { step } = request;
        if (step === undefined) return { outputs: { effect: "none" } };
        const [delegate, another] = delegateUrls(request);
        if (another !== undefined) throw await fault("coordination_http_delegate_multiple_urls");
        if (operator === undefined) throw await fault("coordination_agent_worker_config_error");
        const url = delegate ?? operator.url;
        if (url === undefined) return nothingSaid(request);

        const turnMs = Math.min(
          step.bounds.max_seconds === undefined ? turnTimeoutMs : step.bounds.max_seconds * 1_000,
          request.timeoutMs,
        );
        const body = await turnBody({ request, step, timeoutMs: turnMs, handoff: call.handoff });
        if (body === undefined) throw await fault("coordination_http_request_body_exceeds_cap");
        const response = await answerOf(request, call, { url, body, turnMs });
        if (response.status < 200 || response.status > 299) {
          const { status } = response;
          const detail = status >= 400 ? `http_error status=${status}` : `unexpected status=${status}`;
          throw await fault(`http_error:${detail}`, {
            retryable: status >= 500 || status === 429 || status === 408,
          });
        }
        const answer = readAnswer(await response.text(), step.bounds);
        if (answer.kind === "unusable") {
          throw await fault(answer.token, { retryable: answer.retryable, usage: answer.usage });
        }
        return {
          outputs: await outputsOf("succeeded", answer.text, answer.length),
          cost: answer.usage,
          output: answer.text,
        };
      },
    },
  },
});

/** Without a worker a turn says its own name, as akc's deterministic worker does. */
async function nothingSaid({ action }: ExecuteRequest) {
  const text = `noop:${action.idempotencyKey}`;
  const outputs = { ...(await outputsOf("succeeded", text, text.length)), effect: "none" };
  return { outputs, cost: { input_tokens: 0, output_tokens: 0 }, output: text };
}

interface Sending {
  readonly url: string;
  readonly body: string;
  readonly turnMs: number;
}

async function answerOf(
  request: ExecuteRequest,
  call: Call,
  { url, body, turnMs }: Sending,
): Promise<Response> {
  const key = await keyFor(url, call);
  const timeoutMs = Math.min(turnMs, operator?.timeoutMs ?? turnMs);
  const over = Promise.withResolvers<never>();
  const isTurnDeadline = timeoutMs === turnMs;
  const timer = setTimeout(async () => {
    over.reject(
      isTurnDeadline
        ? await fault("agent_worker_deadline_exceeded", { retryable: true, status: "timeout" })
        : await fault("http_error:HTTP_TIMEOUT", { retryable: true }),
    );
  }, timeoutMs);
  try {
    const headers = {
      "content-type": "application/json",
      accept: "application/json",
      "idempotency-key": request.action.idempotencyKey,
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    };
    return await Promise.race([call.fetch(url, { method: "POST", headers, body }), over.promise]);
  } catch (cause) {
    // What this plugin says itself has its outputs already.
    if (!isPluginError(cause) || cause.outputs !== undefined || call.signal.aborted) throw cause;
    const code = cause.code ?? "";
    throw await fault(refusals[code] ?? `http_error:${code}`, { retryable: cause.retryable });
  } finally {
    clearTimeout(timer);
  }
}

/** The documented words for what the lane refuses. */
const refusals: Readonly<Record<string, string>> = {
  PLUGIN_NOT_GRANTED: "coordination_http_execution_disabled",
  HTTP_DISABLED: "coordination_http_execution_disabled",
  HTTP_ALLOWLIST_EMPTY: "coordination_http_worker_allowlist_missing",
  HTTP_METHOD_DENIED: "coordination_http_post_not_allowlisted",
  HTTP_URL_DENIED: "coordination_http_worker_url_not_allowlisted",
  HTTP_BODY_TOO_LARGE: "coordination_http_request_body_exceeds_cap",
  HTTP_RESPONSE_TOO_LARGE: "http_error:response exceeded max_response_bytes",
};

/** The key goes to the worker that the operator named, never to another origin; without a URL of his it is for the delegates. */
async function keyFor(url: string, call: Call): Promise<string | undefined> {
  const trusted = operator?.url === undefined || new URL(operator.url).origin === new URL(url).origin;
  if (!trusted) return undefined;
  try {
    return await call.secret("agent_worker_api_key");
  } catch (cause) {
    if (isPluginError(cause) && cause.code === "PLUGIN_SECRET_UNAVAILABLE") return undefined;
    throw cause;
  }
}

interface FaultDetails {
  readonly retryable?: boolean;
  readonly status?: "failed" | "timeout";
  readonly usage?: JsonMap;
}

async function fault(token: string, details: FaultDetails = {}): Promise<PluginError> {
  const { retryable = false, status = "failed", usage = {} } = details;
  const outputs = { ...(await outputsOf(status, "", 0)), agent_worker_error: token };
  return retryable
    ? new PluginError(token, { retryable: true, outputs, cost: usage })
    : failed(token, { outputs, cost: usage });
}

async function outputsOf(status: string, text: string, length: number) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return {
    agent_worker_status: status,
    agent_worker_output_sha256: new Uint8Array(digest).toHex(),
    agent_worker_output_len: length,
  };
}

/** Undefined when the operator says what cannot be meant. */
function readOperator(): Operator | undefined {
  const url = process.env["AKC_HTTP_AGENT_WORKER_URL"]?.trim() || undefined;
  const timeout = process.env["AKC_HTTP_AGENT_WORKER_TIMEOUT_S"]?.trim() || undefined;
  const seconds = timeout === undefined ? undefined : Number(timeout);
  if (url !== undefined && !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return undefined;
  if (seconds !== undefined && !Number.isFinite(seconds)) return undefined;
  return {
    ...(url === undefined ? {} : { url }),
    ...(seconds === undefined ? {} : { timeoutMs: seconds > 0 ? seconds * 1_000 : operatorTimeoutMs }),
  };
}
