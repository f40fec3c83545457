/**
 * The bytes between akc and a plugin: lines that are cut and bounded before anybody looks into them, then messages.
 * Holds at most one unfinished line, makes no string of it, and never mends what is not exactly the protocol.
 *
 * Source: docs/plugin-protocol.md; https://www.jsonrpc.org/specification
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Json, JsonMap, RpcError } from "../sdk/protocol.ts";

const newline = 0x0a;

/** Cuts chunks of bytes into lines. */
export class LineCutter {
  readonly #bytesMax: number;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** `bytesMax` is without the newline. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of the line that is not finished. */
  get unfinishedBytes(): number {
    return this.#bytes;
  }

  /**
   * The lines that `chunk` finishes, without their newlines. A line may share memory with the chunk: use it before the next one.
   * @throws AkcError PLUGIN_MESSAGE_TOO_LARGE as soon as a line is too long, finished or not.
   */
  *feed(chunk: Uint8Array): Generator<Uint8Array, void> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      yield this.#finish(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(chunk.subarray(from));
  }

  #finish(last: Uint8Array): Uint8Array {
    this.#mind(last.length);
    if (this.#pieces.length === 0) return last;
    const line = new Uint8Array(this.#bytes + last.length);
    let at = 0;
    for (const piece of this.#pieces) {
      line.set(piece, at);
      at += piece.length;
    }
    line.set(last, at);
    this.#pieces = [];
    this.#bytes = 0;
    return line;
  }

  #keep(rest: Uint8Array): void {
    this.#mind(rest.length);
    // A copy: whoever reads the stream may fill the same memory again.
    this.#pieces.push(new Uint8Array(rest));
    this.#bytes += rest.length;
  }

  #mind(more: number): void {
    const bytes = this.#bytes + more;
    if (bytes <= this.#bytesMax) return;
    throw new AkcError("PLUGIN_MESSAGE_TOO_LARGE", { details: { bytes, limitBytes: this.#bytesMax } });
  }
}

/** What a plugin can say. */
export type Incoming =
  | { readonly kind: "result"; readonly id: number; readonly result: Json }
  | { readonly kind: "error"; readonly id: number | null; readonly error: RpcError }
  | { readonly kind: "request"; readonly id: number; readonly method: string; readonly params: JsonMap }
  | { readonly kind: "notification"; readonly method: string; readonly params: JsonMap };

/** A byte-order mark is kept, and is then not JSON. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @throws AkcError PLUGIN_GARBAGE; `details.why` is one of `not-utf8`, `not-json`, `too-deep`, `not-jsonrpc`. */
export function parseMessage(line: Uint8Array): Incoming {
  let text: string;
  try {
    text = decoder.decode(line);
  } catch {
    throw garbage("not-utf8", line);
  }
  let message: Json;
  try {
    message = JSON.parse(text);
  } catch {
    throw garbage("not-json", line);
  }
  // Shorter lines cannot be too deep.
  if (line.length > limits.pluginMessageDepthMax && tooDeep(message, limits.pluginMessageDepthMax)) {
    throw garbage("too-deep", line);
  }
  const incoming = isMap(message) && message["jsonrpc"] === "2.0" ? classify(message) : undefined;
  if (incoming === undefined) throw garbage("not-jsonrpc", line);
  return incoming;
}

function classify(message: JsonMap): Incoming | undefined {
  const { id, method, params = {}, result, error } = message;
  if (typeof method === "string") {
    if (!isMap(params) || result !== undefined || error !== undefined) return undefined;
    if (id === undefined) return { kind: "notification", method, params };
    return isId(id) ? { kind: "request", id, method, params } : undefined;
  }
  if (method !== undefined) return undefined;
  if (result !== undefined)
    return isId(id) && error === undefined ? { kind: "result", id, result } : undefined;
  const read = error === undefined ? undefined : readError(error);
  if (read === undefined) return undefined;
  return id === null || isId(id) ? { kind: "error", id, error: read } : undefined;
}

function readError(error: Json): RpcError | undefined {
  if (!isMap(error)) return undefined;
  const { code, message, data } = error;
  if (typeof code !== "number" || typeof message !== "string") return undefined;
  if (!isMap(data)) return { code, message };
  const { retryable, code: name } = data;
  return {
    code,
    message,
    data: {
      ...(typeof retryable === "boolean" ? { retryable } : {}),
      ...(typeof name === "string" ? { code: name } : {}),
    },
  };
}

function isId(id: Json | undefined): id is number {
  return typeof id === "number" && Number.isSafeInteger(id) && id > 0;
}

function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Without recursion: the depth is the plugin's to choose. */
function tooDeep(value: Json, depthMax: number): boolean {
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > depthMax) return true;
    const below: Json[] = [];
    for (const one of level) {
      if (typeof one !== "object" || one === null) continue;
      for (const inner of Object.values<Json>(one)) {
        if (typeof inner === "object" && inner !== null) below.push(inner);
      }
    }
    level = below;
  }
  return false;
}

function garbage(why: string, line: Uint8Array): AkcError {
  return new AkcError("PLUGIN_GARBAGE", { details: { why, line: excerpt(line) } });
}

const excerptBytes = 120;

/** Enough of it to find where it was printed. */
function excerpt(line: Uint8Array): string {
  const start = Buffer.from(line.subarray(0, excerptBytes)).toString("latin1");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  const shown = start.replaceAll(/[\x00-\x1f\x7f-\x9f]/g, "?");
  return line.length > excerptBytes ? `${shown}…` : shown;
}
