/**
 * Takes secrets out of what an attempt reports before anybody stores or shows it. What a step hands to its successors by
 * content is left as it is: it is the step's work, not a report of it.
 *
 * Source: bundle:W-29.
 */
import type { ActionResult } from "../adapters/contract.ts";
import { redactText } from "../evidence/redact.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";

/** @param secrets known values; what merely looks like a secret is found without them */
export function redactResult(result: ActionResult, secrets: readonly string[]): ActionResult {
  const { error } = result;
  return {
    ...result,
    outputs: redactMembers(result.outputs, secrets),
    ...(error === undefined ? {} : { error: { ...error, message: redactText(error.message, secrets) } }),
  };
}

function redactMembers(object: JsonObject, secrets: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, redactValue(value, secrets)]));
}

function redactValue(value: JsonValue, secrets: readonly string[]): JsonValue {
  if (typeof value === "string") return redactText(value, secrets);
  if (isJsonArray(value)) return value.map((item) => redactValue(item, secrets));
  return isJsonObject(value) ? redactMembers(value, secrets) : value;
}
