/**
 * The secrets that plugins were handed, and where they come from. Reads a value only when it is asked for, keeps it only to
 * find it again in what a plugin says; it never writes one anywhere.
 */
import { AkcError } from "../../errors.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import type { SecretSource } from "../../policy/model.ts";
import { readFileBounded } from "../../system/files.ts";

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
  /** Longest first: a value that begins another must not leave the rest of it. */
  #forms: readonly Buffer[] = [];

  add(value: string): void {
    if (value.length < charsMin || this.#values.has(value)) return;
    this.#values.add(value);
    const forms = [...this.#values].flatMap(formsOf);
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length).map((form) => Buffer.from(form));
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  text(text: string): string {
    return this.#forms.reduce((clean, form) => clean.replaceAll(form.toString(), mark), text);
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
    const longest = this.#forms[0]?.length ?? 0;
    for (let at = Math.max(0, bytes.length - longest + 1); at < bytes.length; at += 1) {
      const rest = bytes.subarray(at);
      if (this.#forms.some((form) => form.length > rest.length && form.subarray(0, rest.length).equals(rest)))
        return at;
    }
    return bytes.length;
  }

  #item(value: JsonValue): JsonValue {
    if (typeof value === "string") return this.text(value);
    if (isJsonArray(value)) return value.map((item) => this.#item(item));
    return isJsonObject(value) ? this.json(value) : value;
  }
}

const mark = "[REDACTED]";

/** As it is, and as it stands in JSON, in a URL and in base64. */
function formsOf(value: string): readonly string[] {
  const base64 = Buffer.from(value).toString("base64");
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    base64,
    base64.replace(/=+$/, ""),
    Buffer.from(value).toString("base64url"),
    Buffer.from(value).toString("hex"),
  ];
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
    parts.push(bytes.subarray(from, found), Buffer.from(mark));
    from = found + form.length;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}
