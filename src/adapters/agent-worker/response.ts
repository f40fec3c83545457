/**
 * Reads what an agent worker answered and holds it to the turn's budget. Never trusts it further than that.
 *
 * Source: spec bundle §14.2, spec kernel §12.8.
 */
import { parseJson } from "../../json/read.ts";
import { asDouble, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { type AgentBounds, charactersPerToken } from "./request.ts";

export type TurnAnswer =
  | { readonly kind: "text"; readonly text: string; readonly length: number; readonly usage: JsonObject }
  | {
      readonly kind: "unusable";
      /** One of the documented tokens. */
      readonly token: string;
      /** Whether asking again may help; a budget that was overrun is spent. */
      readonly retryable: boolean;
      readonly usage: JsonObject;
    };

export function readTurnAnswer(body: Uint8Array, bounds: AgentBounds): TurnAnswer {
  const document = parsed(body);
  if (document === undefined) return unusable("invalid_json_response");
  if (!isJsonObject(document)) return unusable("response_not_object");
  const text = document["text"];
  if (typeof text !== "string") return unusable("missing_text_field");

  const input = tokens(document["usage"], "input_tokens");
  const output = tokens(document["usage"], "output_tokens");
  const usage = {
    ...(input === undefined ? {} : { input_tokens: input }),
    ...(output === undefined ? {} : { output_tokens: output }),
  };
  const overrun = (token: string): TurnAnswer => ({ kind: "unusable", token, retryable: false, usage });
  const length = codePoints(text);
  const { maxInputTokens, maxOutputTokens } = bounds;
  if (maxOutputTokens !== undefined && length > charactersPerToken * maxOutputTokens) {
    return overrun("output_exceeds_token_budget_heuristic");
  }
  if (maxOutputTokens !== undefined && output !== undefined && output > maxOutputTokens) {
    return overrun("usage_output_tokens_exceeds_budget");
  }
  if (maxInputTokens !== undefined && input !== undefined && input > maxInputTokens) {
    return overrun("usage_input_tokens_exceeds_budget");
  }
  return { kind: "text", text, length, usage };
}

function unusable(token: string): TurnAnswer {
  return { kind: "unusable", token, retryable: true, usage: {} };
}

function parsed(body: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}

function tokens(usage: JsonValue | undefined, key: string): number | undefined {
  const value = isJsonObject(usage) ? asDouble(usage[key]) : undefined;
  return value !== undefined && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** The length that the documented outputs count in. */
function codePoints(text: string): number {
  let pairs = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) >> 10 === 0x36) pairs += 1;
  }
  return text.length - pairs;
}
