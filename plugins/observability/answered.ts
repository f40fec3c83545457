/**
 * Sends a request through akc and makes of whatever comes back a JSON document, or says why there is none. A status, a failure
 * to connect and an answer that was cut are each a verdict of their own; none of them is a number.
 */
import { type Call, isPluginError, type Json, truncatedHeader } from "akc/sdk";
import { bounds } from "./bounds.ts";
import { bounded, isMap, memberOf } from "./reading.ts";
import { denied, limited, malformed, type Refused, timedOut, unreachable } from "./refused.ts";
import type { QueryRequest } from "./request.ts";

export interface Answered {
  readonly document: Json;
  /** Of the bytes as they came. */
  readonly sha256: string;
}

/** @throws Refused, or the host's own error where the call is over */
export async function answered(
  request: QueryRequest,
  call: Pick<Call, "fetch" | "signal">,
  seen: (sha256: string) => void,
): Promise<Answered> {
  const { url, method, headers, body, endpoint } = request;
  let response: Response;
  let bytes: Uint8Array;
  try {
    response = await call.fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    if (isOfTheHost(cause, call.signal)) throw cause;
    throw refusalOf(cause, endpoint);
  }
  const sha256 = new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))).toHex();
  seen(sha256);
  const text = new TextDecoder().decode(bytes);
  const { status } = response;
  if (status < 200 || status > 299) throw refusalOfStatus(status, endpoint, wordsOf(text));
  if (response.headers.has(truncatedHeader)) {
    throw limited(`${endpoint} answered more than is read of an answer: ${bytes.length} bytes were kept`);
  }
  return { document: documentOf(text, endpoint), sha256 };
}

/** By code, never by message. */
function refusalOf(cause: unknown, endpoint: string): Refused {
  if (!isPluginError(cause)) return unreachable(`${endpoint} cannot be reached`);
  const message = `${endpoint}: ${bounded(cause.message, bounds.messageCharsMax)}`;
  if (cause.kind === "denied") return denied(message);
  switch (cause.code) {
    case "HTTP_TIMEOUT":
      return timedOut(message);
    case "HTTP_REDIRECT_REFUSED":
    case "HTTP_TLS_UNTRUSTED":
      return denied(message);
    case "HTTP_RESPONSE_TOO_LARGE":
    case "PLUGIN_MESSAGE_TOO_LARGE":
      return limited(message);
    case undefined:
    case "HTTP_UNREACHABLE":
      return unreachable(message);
    default:
      return cause.retryable ? unreachable(message) : malformed(message);
  }
}

/** The call's own end, and a record that does not hold what is asked, are not this validator's to judge. */
function isOfTheHost(cause: unknown, signal: AbortSignal): boolean {
  if (signal.aborted) return true;
  return isPluginError(cause) && (cause.kind === "cancelled" || cause.code?.startsWith("REPLAY_") === true);
}

function refusalOfStatus(status: number, endpoint: string, words: string): Refused {
  const message = `${endpoint} answered ${status}${words === "" ? "" : `: ${words}`}`;
  if (status === 401 || status === 403 || status === 407) return denied(message);
  if (status === 408 || status === 425 || status === 429 || status >= 500) return unreachable(message);
  if (status === 404) return malformed(`${message} (is it the right endpoint?)`);
  return malformed(message);
}

/** What the server says of its refusal; a page for people is left out. */
function wordsOf(text: string): string {
  if (/^\s*</.test(text)) return "";
  try {
    const document: Json = JSON.parse(text);
    if (!isMap(document)) return "";
    const said = memberOf(document, "error") ?? memberOf(document, "message");
    return typeof said === "string" ? bounded(said, bounds.messageCharsMax) : "";
  } catch {
    return bounded(text, bounds.messageCharsMax);
  }
}

function documentOf(text: string, endpoint: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed(`${endpoint} answered what is no JSON`);
  }
}
