/**
 * Judges a JSON document that a server answers with: bindings of kind `http_json`. Reaches the world through the door only, and is
 * pure beyond it.
 */

import { canonicalJson } from "../json/canonical.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject } from "../json/value.ts";
import { redactedUrl } from "../system/redacted-url.ts";
import { answered, doorFault, oneLine } from "./answers.ts";
import type { Answer, DoorFetch, DoorResponse, Validator } from "./contract.ts";
import { judgeDocument, judgingOf } from "./judged-value.ts";

export const httpJson: Validator = {
  id: "http_json",
  kinds: ["http_json"],
  async validate({ binding, evaluatedAtMs }, door, signal) {
    const request = requestOf(binding);
    let response: DoorResponse;
    try {
      response = await door.fetch(request, signal);
    } catch (cause) {
      const { message = "", ...fault } = doorFault(cause);
      return { ...fault, message: oneLine(`${redactedUrl(request.url)}: ${message}`) };
    }
    return judge(response, binding, evaluatedAtMs);
  },
};

function requestOf({ url, method, headers, body }: JsonObject): DoorFetch {
  const asked = typeof method === "string" ? method.toUpperCase() : "GET";
  const named = Object.entries(isJsonObject(headers) ? headers : {}).flatMap(([name, value]) =>
    typeof value === "string" ? [[name, value] as const] : [],
  );
  const isTyped = named.some(([name]) => name.toLowerCase() === "content-type");
  const isJson = body !== undefined && typeof body !== "string";
  const text = typeof body === "string" ? body : body === undefined ? undefined : canonicalJson(body);
  return {
    url: typeof url === "string" ? url : "",
    method: asked,
    headers: {
      accept: "application/json",
      ...(isJson && !isTyped ? { "content-type": "application/json" } : {}),
      ...Object.fromEntries(named),
    },
    ...(text === undefined ? {} : { body: new TextEncoder().encode(text) }),
  };
}

function judge({ status, body, truncated }: DoorResponse, binding: JsonObject, nowMs: number): Answer {
  const evidence = { status, response_bytes: body.length, truncated };
  if (!accepted(binding).includes(status)) {
    const message = `the server answered with status ${status}`;
    return answered("error", { reason: statusReason(status), message, observed: { status }, evidence });
  }
  if (truncated) {
    const message = `the answer is larger than the ${body.length} bytes that are read`;
    return answered("inconclusive", { reason: "limited", message, evidence });
  }
  const judging = judgingOf(binding) ?? { pointer: "", aggregate: "single" };
  return judgeDocument(body, judging, evidence, nowMs);
}

function accepted({ status }: JsonObject): readonly number[] {
  return isJsonArray(status) ? status.flatMap((one) => asDouble(one) ?? []) : [200];
}

function statusReason(status: number): string {
  if (status === 401 || status === 403 || status === 407) return "denied";
  return status >= 500 || status === 408 || status === 425 || status === 429 ? "unreachable" : "malformed";
}
