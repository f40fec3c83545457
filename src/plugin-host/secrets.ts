/**
 * The secrets that were handed over, and where they come from. Reads a value only when it is asked for, keeps it only to find it
 * again in what a plugin or a server says; it never writes one anywhere.
 */
import { AkcError } from "../errors.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { SecretSource } from "../policy/model.ts";
import { readFileBounded } from "../system/files.ts";
import { formsOf, latin1Of } from "./secret-forms.ts";

/** @throws AkcError PLUGIN_SECRET_UNAVAILABLE, never with a value */
export async function readSecret(
  name: string,
  sources: ReadonlyMap<string, SecretSource> | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const source = sources?.get(name);
  if (source === undefined) throw unavailable(name, "the operator's policy does not say where it is");
  const value = "env" in source ? env[source.env] : await textOf(name, source.file);
  if (value === undefined || value === "") {
    throw unavailable(name, "env" in source ? `${source.env} is not set` : `${source.file} is empty`);
  }
  return value;
}

async function textOf(name: string, path: string): Promise<string> {
  try {
    const bytes = await readFileBounded(path, limits.pluginSecretBytesMax);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch (cause) {
    throw unavailable(name, `${path} cannot be read`, cause);
  }
}

function unavailable(name: string, why: string, cause?: unknown): AkcError {
  return new AkcError("PLUGIN_SECRET_UNAVAILABLE", {
    message: `the secret ${name} cannot be had: ${why}`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Shorter values stand in every text by chance. */
const charsMin = 4;

/** What was handed over, in the forms in which it may come back. */
export class HandedOver {
  readonly #values = new Set<string>();
  /** Both longest first: a value that begins another must not leave the rest of it. */
  #texts: readonly string[] = [];
  #forms: readonly Buffer[] = [];

  add(value: string): void {
    // A header is sent without the blanks around it.
    for (const text of [value, value.trim()]) if (text.length >= charsMin) this.#values.add(text);
    const values = [...this.#values];
    const texts = [...new Set(values.flatMap(formsOf))];
    const forms = [
      ...texts.map((text) => Buffer.from(text)),
      ...values.flatMap((one) => latin1Of(one) ?? []),
    ];
    this.#texts = texts.sort((a, b) => b.length - a.length);
    this.#forms = forms.sort((a, b) => b.length - a.length);
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  text(text: string): string {
    return this.#texts.reduce((clean, form) => clean.replaceAll(form, redactionMark), text);
  }

  json(value: JsonObject): JsonObject {
    if (this.isEmpty) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.text(key), this.#item(item)]));
  }

  bytes(bytes: Uint8Array): Uint8Array {
    let clean = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const form of this.#forms) clean = without(clean, form);
    return clean;
  }

  /** How much of the beginning of `bytes` can be cleaned without knowing what follows: no form reaches over its end. */
  settled(bytes: Uint8Array): number {
    let end = this.#openAt(bytes);
    for (let before = -1; before !== end; ) {
      before = end;
      for (const form of this.#forms) end = Math.min(end, crossing(bytes, form, end));
    }
    return end;
  }

  /** Where a form may begin that is not whole yet; the length of `bytes` when nowhere. */
  #openAt(bytes: Uint8Array): number {
    return this.#forms.reduce((at, form) => Math.min(at, beginning(bytes, form)), bytes.length);
  }

  #item(value: JsonValue): JsonValue {
    if (typeof value === "string") return this.text(value);
    if (isJsonArray(value)) return value.map((item) => this.#item(item));
    return isJsonObject(value) ? this.json(value) : value;
  }
}

export const redactionMark = "[REDACTED]";

/** Where `bytes` end in the beginning of a form and not in all of it; their length when they do not. */
function beginning(bytes: Uint8Array, form: Buffer): number {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [first = 0] = form;
  const from = Math.max(0, all.length - form.length + 1);
  for (let at = all.indexOf(first, from); at >= 0; at = all.indexOf(first, at + 1)) {
    if (all.compare(form, 0, all.length - at, at) === 0) return at;
  }
  return all.length;
}

/** Where the first form begins that lies on both sides of `at`; else `at`. */
function crossing(bytes: Uint8Array, form: Buffer, at: number): number {
  const from = Math.max(0, at - form.length + 1);
  const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(form, from);
  return found >= 0 && found < at ? found : at;
}

function without(bytes: Buffer<ArrayBufferLike>, form: Buffer): Buffer<ArrayBufferLike> {
  let found = bytes.indexOf(form);
  if (found < 0) return bytes;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (; found >= 0; found = bytes.indexOf(form, from)) {
    parts.push(bytes.subarray(from, found), Buffer.from(redactionMark));
    from = found + form.length;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}
