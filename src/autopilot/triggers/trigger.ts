/**
 * Makes triggers: one line of reason, details that are small and free of secrets. Pure; it never decides that there is one.
 */
import { redactText } from "../../evidence/redact.ts";
import { canonicalJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonObject } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { ScopeState, Trigger } from "../model.ts";

/** As found: nothing of it is bounded or redacted yet. */
export type RawTrigger = Omit<Trigger, "details"> & { readonly details?: JsonObject };

/** @param secrets known values; what merely looks like a secret is found without them */
export function makeTrigger(raw: RawTrigger, secrets: readonly string[] = []): Trigger {
  const { details = {}, ...rest } = raw;
  return {
    ...rest,
    key: shortened(redactText(raw.key, secrets), limits.autopilotReasonChars),
    reason: oneLine(redactText(raw.reason, secrets)),
    details: fitting(redactedObject(details, secrets)),
  };
}

/** Whether somebody is at work on it already: what comes now may be about what he makes of it. */
export function isBeingHandled({ attempt, recompiling }: ScopeState, { id }: Trigger): boolean {
  return attempt?.triggerIds.includes(id) === true || recompiling?.triggerIds.includes(id) === true;
}

/** One line of at most so many characters, without control characters. */
export function oneLine(text: string, charsMax: number = limits.autopilotReasonChars): string {
  return shortened(
    text
      .toWellFormed()
      .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
      .trim(),
    charsMax,
  );
}

function shortened(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  return `${text.slice(0, charsMax - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Over the whole text, since a name and its value stand apart in it only. */
function redactedObject(details: JsonObject, secrets: readonly string[]): JsonObject {
  try {
    const value = parseJson(redactText(canonicalJson(details), secrets));
    return isJsonObject(value) ? value : { withheld: true };
  } catch {
    // A secret that was a number, or stood across two strings, leaves no JSON behind.
    return { withheld: true };
  }
}

/** Members in their order for as long as there is room; the names of the others. */
function fitting(details: JsonObject): JsonObject {
  const bytesMax = limits.autopilotTriggerBytesMax - reservedBytes;
  if (sizeOf(details) <= bytesMax) return details;
  const kept: Record<string, JsonObject[string]> = {};
  const left: string[] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(details)) {
    const size = sizeOf({ [name]: value });
    if (bytes + size > bytesMax) left.push(shortened(name, nameChars));
    else {
      kept[name] = value;
      bytes += size;
    }
  }
  return { ...kept, left_out: left.slice(0, limits.autopilotNamedMax) };
}

/** For reason, key, ids and the names of what was left out. */
const reservedBytes = 8 * 1024;
const nameChars = 100;

function sizeOf(value: JsonObject): number {
  return Buffer.byteLength(canonicalJson(value));
}
