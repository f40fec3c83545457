/**
 * What a plugin may ask of akc while a call of akc's is under way: a web request, a secret, what a predecessor handed over.
 * Answers only what was granted, only for the call that is named, and carries nothing out itself.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { type Json, type JsonMap, pluginCalls, type RpcError, rpcErrors } from "../sdk/protocol.ts";
import type { Granted } from "./contract.ts";
import { netAllows } from "./net-grant.ts";
import { countAt, OwnCallFault, textAt, wrongParam } from "./own-params.ts";
import { readMadeFor, runFor, type ToolServices } from "./tool-services.ts";

export { OwnCallFault } from "./own-params.ts";

export interface HostFetchRequest {
  readonly url: string;
  /** Upper case; `GET` unless the plugin says otherwise. */
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

export interface HostFetchResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Said where a body that is too large is cut, not refused; one that does not fit into a message then is, too. */
  readonly truncated?: boolean;
}

/** What one call hands to the plugin. What is absent is refused. Their errors reach the plugin as code and first line only. */
export interface CallServices extends ToolServices {
  /** Must guard the request as the http route does; that `net` grants the host and port has been seen to. */
  fetch?(request: HostFetchRequest, signal: AbortSignal): Promise<HostFetchResponse>;
  /** That `secrets` grants the name has been seen to. */
  secret?(name: string): Promise<string>;
  /** Only of what the call was handed. At most `length` bytes from `offset`; `eof` when they are the last. */
  readHandoff?(sha256: string, offset: number, length: number): Promise<HandoffPart>;
}

export interface HandoffPart {
  readonly bytes: Uint8Array;
  readonly eof: boolean;
}

export interface OwnCall {
  readonly method: string;
  readonly params: JsonMap;
  readonly services: CallServices;
  /** Aborts when the call of akc's has ended. */
  readonly signal: AbortSignal;
}

export interface OwnCallDeps {
  readonly granted: Granted;
  /** One message must hold the answer. */
  readonly messageBytes: number;
  /** Told of each secret before it is handed over, so that it can be redacted. */
  readonly handedOver: (name: string, value: string) => void;
}

/** Base64 takes four bytes for three, and the rest of the message takes some too. */
const answerOverheadBytes = 4_096;

/** @throws AkcError PLUGIN_NOT_GRANTED, or what the service throws. */
export async function answerOwnCall(call: OwnCall, deps: OwnCallDeps): Promise<Json> {
  switch (call.method) {
    case pluginCalls.fetch:
      return fetchFor(call, deps);
    case pluginCalls.secret:
      return secretFor(call, deps);
    case pluginCalls.run:
      return runFor(call, deps.granted.run, partBytesMax(deps));
    case pluginCalls.readMade:
      return readMadeFor(call, deps.granted.run, partBytesMax(deps));
    case pluginCalls.readHandoff:
      return handoffFor(call, deps);
    default:
      throw new OwnCallFault(rpcErrors.methodNotFound, `there is no ${call.method}`);
  }
}

/** What the plugin is told of an error. */
export function rpcErrorOf(cause: unknown): RpcError {
  if (cause instanceof OwnCallFault) return { code: cause.rpcCode, message: cause.message };
  if (!(cause instanceof AkcError))
    return { code: rpcErrors.internal, message: "akc met a fault of its own" };
  return {
    code: cause.class === "denied" ? rpcErrors.denied : rpcErrors.failed,
    message: cause.message,
    data: { code: cause.code, retryable: cause.class === "retryable" },
  };
}

async function fetchFor({ params, services, signal }: OwnCall, deps: OwnCallDeps): Promise<Json> {
  const url = textAt(params, "url");
  if (services.fetch === undefined || !netAllows(deps.granted.net, url)) {
    throw notGranted("net", URL.parse(url)?.host ?? "");
  }
  const body = bodyOf(params);
  const answer = await services.fetch(
    {
      url,
      method: (params["method"] === undefined ? "GET" : textAt(params, "method")).toUpperCase(),
      headers: headersOf(params["headers"]),
      ...(body === undefined ? {} : { body }),
    },
    signal,
  );
  const most = partBytesMax(deps);
  const tooLarge = answer.body.length > most;
  if (tooLarge && answer.truncated === undefined) {
    throw new AkcError("PLUGIN_MESSAGE_TOO_LARGE", {
      details: { bytes: answer.body.length, limitBytes: most },
    });
  }
  const cut = tooLarge || answer.truncated === true;
  const shown = cut ? answer.body.subarray(0, Math.min(most, limits.pluginCutAnswerBytesMax)) : answer.body;
  return {
    status: answer.status,
    headers: { ...answer.headers },
    body_base64: Buffer.from(shown).toString("base64"),
    ...(cut ? { truncated: true } : {}),
  };
}

async function secretFor({ params, services }: OwnCall, deps: OwnCallDeps): Promise<Json> {
  const name = textAt(params, "name");
  if (services.secret === undefined || !deps.granted.secrets.includes(name))
    throw notGranted("secrets", name);
  const value = await services.secret(name);
  deps.handedOver(name, value);
  return { value };
}

async function handoffFor({ params, services }: OwnCall, deps: OwnCallDeps): Promise<Json> {
  const sha256 = textAt(params, "sha256");
  const offset = countAt(params, "offset");
  const length = Math.min(countAt(params, "length"), partBytesMax(deps));
  if (services.readHandoff === undefined) throw notGranted("handoff", sha256);
  const { bytes, eof } = await services.readHandoff(sha256, offset, length);
  return { data_base64: Buffer.from(bytes).toString("base64"), eof };
}

function partBytesMax({ messageBytes }: OwnCallDeps): number {
  return Math.max(1, Math.floor(((messageBytes - answerOverheadBytes) * 3) / 4));
}

function notGranted(permission: string, asked: string): AkcError {
  return new AkcError("PLUGIN_NOT_GRANTED", {
    message: `the plugin was not granted this: ${permission} ${asked}`,
    details: { permission, asked },
  });
}

function bodyOf(params: JsonMap): Uint8Array | undefined {
  if (params["body_base64"] !== undefined) return Buffer.from(textAt(params, "body_base64"), "base64");
  return params["body"] === undefined ? undefined : new TextEncoder().encode(textAt(params, "body"));
}

function headersOf(value: Json | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongParam("headers");
  const entries = Object.entries<Json>(value).map(([name, text]): [string, string] => {
    if (typeof text !== "string") throw wrongParam("headers");
    return [name, text];
  });
  return Object.fromEntries(entries);
}
