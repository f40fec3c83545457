/**
 * A recorded world for one case of a validator: what it asks the host for is answered from the case's exchanges, each used once
 * and in order among equals. Knows neither the wire nor the plugin.
 */
import { type JsonMap, pluginCalls, type RpcError, rpcErrors } from "../protocol.ts";
import type { ExchangeCase } from "./cases.ts";
import { brief } from "./check.ts";

export type WorldAnswer = { readonly result: JsonMap } | { readonly error: RpcError };

export class World {
  readonly #left: ExchangeCase[];
  readonly #made = new Map<string, Uint8Array>();

  constructor(exchanges: readonly ExchangeCase[]) {
    this.#left = [...exchanges];
  }

  /** What nobody asked for, in words. */
  get unused(): readonly string[] {
    return this.#left.map(nameOf);
  }

  /** Undefined for what no exchange can answer, as a secret. */
  async answer(method: string, params: JsonMap): Promise<WorldAnswer | undefined> {
    switch (method) {
      case pluginCalls.fetch:
        return this.#fetch(params);
      case pluginCalls.run:
        return this.#run(params);
      case pluginCalls.readMade:
        return this.#readMade(params);
      default:
        return undefined;
    }
  }

  #fetch({ url, method = "GET", body, body_base64: bytes }: JsonMap): WorldAnswer {
    const asked = `${String(method).toUpperCase()} ${normal(String(url))}`;
    const sent = typeof bytes === "string" ? new TextDecoder().decode(Uint8Array.fromBase64(bytes)) : body;
    const found = this.#take(
      (one) =>
        one.kind === "http" &&
        nameOf(one) === asked &&
        (one.request_body === undefined || one.request_body === sent),
    );
    if (found?.kind !== "http") return notRecorded(asked);
    if (found.error !== undefined) return failedWith(found.error);
    const { status, headers, body: content, truncated } = found;
    return {
      result: { status, headers, body_base64: content.toBase64(), ...(truncated ? { truncated } : {}) },
    };
  }

  async #run({ argv }: JsonMap): Promise<WorldAnswer> {
    const asked = brief(argv);
    const found = this.#take(
      (one) => one.kind === "tool" && JSON.stringify(one.argv) === JSON.stringify(argv),
    );
    if (found?.kind !== "tool") return notRecorded(asked);
    if (found.error !== undefined) return failedWith(found.error);
    return {
      result: {
        exit_code: found.signal === null ? found.exit_code : null,
        signal: found.signal,
        stdout_base64: found.stdout.toBase64(),
        stdout_sha256: await sha256Of(found.stdout),
        stderr_base64: found.stderr.toBase64(),
        stderr_sha256: await sha256Of(found.stderr),
        truncated: found.truncated,
      },
    };
  }

  async #readMade({ name, offset, length }: JsonMap): Promise<WorldAnswer> {
    if (typeof name !== "string" || typeof offset !== "number" || typeof length !== "number") {
      return { error: { code: rpcErrors.invalidParams, message: "name, offset and length are needed" } };
    }
    if (offset === 0) {
      const found = this.#take((one) => one.kind === "file" && one.name === name);
      if (found?.kind !== "file") return notRecorded(`the file ${name}`);
      if (found.error !== undefined) return failedWith(found.error);
      this.#made.set(name, found.content);
    }
    const content = this.#made.get(name) ?? new Uint8Array();
    const part = content.subarray(offset, offset + length);
    const eof = offset + part.length >= content.length;
    return { result: { data_base64: part.toBase64(), sha256: await sha256Of(content), eof } };
  }

  #take(wanted: (one: ExchangeCase) => boolean): ExchangeCase | undefined {
    const at = this.#left.findIndex(wanted);
    return at < 0 ? undefined : this.#left.splice(at, 1)[0];
  }
}

function nameOf(one: ExchangeCase): string {
  switch (one.kind) {
    case "http":
      return `${one.method} ${normal(one.url)}`;
    case "tool":
      return brief(one.argv);
    case "file":
      return `the file ${one.name}`;
  }
}

function normal(url: string): string {
  return URL.parse(url)?.href ?? url;
}

function notRecorded(asked: string): WorldAnswer {
  const message = `plugin.test.yaml has no (further) exchange for ${asked}`;
  return { error: { code: rpcErrors.denied, message } };
}

function failedWith(code: string): WorldAnswer {
  return {
    error: { code: rpcErrors.failed, message: `recorded: ${code}`, data: { code, retryable: false } },
  };
}

async function sha256Of(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice())).toHex();
}
