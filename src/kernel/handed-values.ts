/**
 * Fills the placeholders of a route in with what the steps before put out, as it is on record. It takes no value that looks
 * like a secret, none that could not stand in an argument, and looks at nothing beside what was handed over.
 *
 * Source: docs/step-files.md.
 */
import type { ArtifactStore } from "../adapters/contract.ts";
import { member } from "../bundle/member.ts";
import type { HttpRoute, Route, SubprocessRoute } from "../bundle/model.ts";
import { filledRoute, type Placeholder, placeholderName, placeholdersOf } from "../bundle/placeholders.ts";
import { AkcError } from "../errors.ts";
import { redacted, redactText } from "../evidence/redact.ts";
import { canonicalJson } from "../json/canonical.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { parseJson } from "../json/read.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { emptyOutput, type StepOutputs } from "./action.ts";

export interface FilledRoute {
  readonly route: Route;
  /** For the record: by placeholder the digest and the size of its value. */
  readonly values: JsonObject;
}

export interface ValueSource {
  readonly outputs: StepOutputs;
  readonly artifacts: Pick<ArtifactStore, "read">;
  readonly secrets: readonly string[];
}

/** @throws AkcError PLACEHOLDER_UNRESOLVED, PLACEHOLDER_VALUE_REFUSED, STORE_… */
export async function fillPlaceholders(
  route: SubprocessRoute | HttpRoute,
  source: ValueSource,
): Promise<FilledRoute> {
  const texts = new Map<string, Promise<string>>();
  const values = new Map<string, string>();
  for (const placeholder of placeholdersOf(route)) {
    const name = placeholderName(placeholder);
    values.set(name, checked(name, await takeValue(placeholder, source, texts)));
  }
  return {
    route: filledRoute(route, (placeholder) => values.get(placeholderName(placeholder)) ?? ""),
    values: Object.fromEntries(
      [...values].map(([name, value]) => [
        name,
        { sha256: sha256Hex(value), size_bytes: Buffer.byteLength(value) },
      ]),
    ),
  };
}

/** Keys that stand for the whole of what a step handed over. */
const wholeOutput = ["output", "stdout", "body", "payload"];

async function takeValue(
  placeholder: Placeholder,
  source: ValueSource,
  texts: Map<string, Promise<string>>,
): Promise<string> {
  const { stepId, key } = placeholder;
  const [first = "", ...members] = key;
  const name = placeholderName(placeholder);
  if (!wholeOutput.includes(first)) {
    const value = member(source.outputs.leftBy(stepId)?.values ?? {}, first);
    if (value === undefined || value === null) throw unresolved(name, "is not on record");
    const text = textOf(value);
    if (text.includes(redacted)) throw secret(name);
    return text;
  }
  const reading = texts.get(stepId) ?? outputText(stepId, name, source);
  texts.set(stepId, reading);
  const text = await reading;
  const shown = redactText(text, source.secrets);
  if (members.length > 0) {
    const value = memberAt(name, text, members);
    // What is a secret often shows by what stands beside it: the whole text is asked, not the value alone.
    if (shown !== text && !sameMember(shown, members, value)) throw secret(name);
    return textOf(value);
  }
  if (shown !== text) throw secret(name);
  return first === "stdout" ? text.replace(/\r?\n$/, "") : text;
}

async function outputText(
  stepId: string,
  name: string,
  { outputs, artifacts }: ValueSource,
): Promise<string> {
  const { sha256, sizeBytes } = outputs.outputOf(stepId) ?? emptyOutput;
  if (sizeBytes > limits.placeholderSourceBytesMax)
    throw refused(name, `is taken from more than ${limits.placeholderSourceBytesMax} bytes`);
  const bytes = sizeBytes === 0 ? new Uint8Array() : await artifacts.read(sha256).catch(damaged(name));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused(name, "is no UTF-8 text");
  }
}

function damaged(name: string): (cause: unknown) => never {
  return (cause) => {
    if (!(cause instanceof AkcError) || cause.code !== "STORE_DAMAGED") throw cause;
    throw new AkcError("STEP_INPUT_DAMAGED", { message: `${name}: ${cause.message}`, cause });
  };
}

function memberAt(name: string, text: string, members: readonly string[]): JsonValue {
  let value = parsed(text);
  if (value === undefined) throw unresolved(name, "leads into something that is no JSON");
  for (const key of members) {
    value = isJsonObject(value) ? member(value, key) : isJsonArray(value) ? value[indexOf(key)] : undefined;
    if (value === undefined) throw unresolved(name, `leads to "${key}", which is not there`);
  }
  return value;
}

function sameMember(text: string, members: readonly string[], value: JsonValue): boolean {
  try {
    return canonicalJson(memberAt("", text, members)) === canonicalJson(value);
  } catch (cause) {
    if (cause instanceof AkcError) return false;
    throw cause;
  }
}

function parsed(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch (cause) {
    if (cause instanceof AkcError) return undefined;
    throw cause;
  }
}

function indexOf(key: string): number {
  return /^\d{1,9}$/.test(key) ? Number(key) : -1;
}

/** Texts as they are, anything else as its JSON. */
function textOf(value: JsonValue): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

function checked(name: string, value: string): string {
  if (value.includes("\0")) throw refused(name, "holds a NUL character");
  const bytes = Buffer.byteLength(value);
  if (bytes > limits.placeholderValueBytesMax)
    throw refused(name, `has ${bytes} bytes, and ${limits.placeholderValueBytesMax} may be filled in`);
  return value;
}

function secret(name: string): AkcError {
  return refused(name, "looks like a secret, or stands beside one");
}

function refused(name: string, why: string): AkcError {
  return new AkcError("PLACEHOLDER_VALUE_REFUSED", { message: `${name} ${why}` });
}

function unresolved(name: string, why: string): AkcError {
  return new AkcError("PLACEHOLDER_UNRESOLVED", { message: `${name} ${why}` });
}
