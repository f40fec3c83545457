/** Reads what a worker answered and holds it to the turn's budget. */
import type { Json, JsonMap, WireStep } from "akc/sdk";
import { charactersPerToken, isMap, mapIn } from "./request.ts";

export type Answer =
  | { readonly kind: "text"; readonly text: string; readonly length: number; readonly usage: JsonMap }
  | {
      readonly kind: "unusable";
      readonly token: string;
      readonly retryable: boolean;
      readonly usage: JsonMap;
    };

export function readAnswer(body: string, bounds: WireStep["bounds"]): Answer {
  let document: Json;
  try {
    document = JSON.parse(body);
  } catch {
    return unusable("invalid_json_response");
  }
  if (!isMap(document)) return unusable("response_not_object");
  const { text } = document;
  if (typeof text !== "string") return unusable("missing_text_field");
  const input = tokensOf(document, "input_tokens");
  const output = tokensOf(document, "output_tokens");
  const usage = {
    ...(input === undefined ? {} : { input_tokens: input }),
    ...(output === undefined ? {} : { output_tokens: output }),
  };
  const overrun = (token: string): Answer => ({ kind: "unusable", token, retryable: false, usage });
  const length = [...text].length;
  const { max_input_tokens: inputMax, max_output_tokens: outputMax } = bounds;
  if (outputMax !== undefined && length > charactersPerToken * outputMax) {
    return overrun("output_exceeds_token_budget_heuristic");
  }
  if (outputMax !== undefined && output !== undefined && output > outputMax) {
    return overrun("usage_output_tokens_exceeds_budget");
  }
  if (inputMax !== undefined && input !== undefined && input > inputMax) {
    return overrun("usage_input_tokens_exceeds_budget");
  }
  return { kind: "text", text, length, usage };
}

function unusable(token: string): Answer {
  return { kind: "unusable", token, retryable: true, usage: {} };
}

function tokensOf(document: JsonMap, key: string): number | undefined {
  const value = mapIn(document["usage"])[key];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
