/**
 * The plugin's end of the wire: sends messages that the host will take, asks the host and hears its answers.
 * Never sends a message that is too large or too many of the kind that may be lost; it knows no method.
 */
import type { LogLevel } from "./console.ts";
import { cancelled, failed, PluginError } from "./errors.ts";
import { type Json, type JsonMap, notifications, type RpcError, rpcErrors } from "./protocol.ts";

/** Calls to the host under way at one time; more wait their turn. */
const asksMax = 32;
/** Log messages a second in the long run, and at once. The host takes more for a flood. */
const logsPerSecond = 500;
const logsBurst = 2_000;
const logCharsMax = 8_000;

interface Ask {
  readonly resolve: (result: Json) => void;
  readonly reject: (cause: PluginError) => void;
}

export class Peer {
  /** Of one message to the host, without its newline. */
  messageBytesMax: number;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #asks = new Map<number, Ask>();
  readonly #turns: (() => void)[] = [];
  #lastId = 0;
  #closed = false;
  #logs = logsBurst;
  #logsAtMs = performance.now();
  #logsLost = 0;

  constructor(output: WritableStream<Uint8Array>, messageBytesMax: number) {
    this.messageBytesMax = messageBytesMax;
    this.#writer = output.getWriter();
    this.#writer.closed.catch(() => this.#end());
  }

  /** Answers a call of the host's; what is too large becomes an error. @throws TypeError for what JSON cannot write */
  result(id: number, result: object | null): void {
    const bytes = this.#encode({ jsonrpc: "2.0", id, result: result ?? null });
    if (bytes.length <= this.messageBytesMax) {
      this.#write(bytes);
      return;
    }
    this.error(id, {
      code: rpcErrors.failed,
      message: `the answer has ${bytes.length} bytes, the host takes ${this.messageBytesMax}: send what is large with call.output`,
      data: { retryable: false, code: "ANSWER_TOO_LARGE" },
    });
  }

  error(id: number | null, error: RpcError): void {
    this.#write(this.#encode({ jsonrpc: "2.0", id, error }));
  }

  notify(method: string, params: JsonMap): void {
    this.#write(this.#encode({ jsonrpc: "2.0", method, params }));
  }

  /** Resolves when the pipe has room. */
  async room(): Promise<void> {
    if ((this.#writer.desiredSize ?? 1) <= 0) await this.#writer.ready.catch(() => undefined);
  }

  /** @throws PluginError what the host said, or `cancelled` when `signal` aborts */
  async ask(method: string, params: JsonMap, signal: AbortSignal): Promise<Json> {
    if (this.#asks.size >= asksMax) await new Promise<void>((turn) => this.#turns.push(turn));
    if (signal.aborted || this.#closed) {
      this.#turns.shift()?.();
      throw cancelled();
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const bytes = this.#encode({ jsonrpc: "2.0", id, method, params });
    if (bytes.length > this.messageBytesMax) {
      this.#turns.shift()?.();
      throw failed(`the request has ${bytes.length} bytes, the host takes ${this.messageBytesMax}`, {
        code: "REQUEST_TOO_LARGE",
      });
    }
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const abort = () => reject(cancelled());
    signal.addEventListener("abort", abort, { once: true });
    this.#asks.set(id, { resolve, reject });
    this.#write(bytes);
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** An answer of the host's. False when nothing was asked under this id. */
  answered(id: number, answer: { readonly result: Json } | { readonly error: RpcError }): boolean {
    const ask = this.#asks.get(id);
    if (ask === undefined) return false;
    this.#asks.delete(id);
    this.#turns.shift()?.();
    if ("result" in answer) ask.resolve(answer.result);
    else ask.reject(errorOf(answer.error));
    return true;
  }

  /** Beyond the rate messages are lost and counted; a plugin is not worth its life for its log. */
  log(level: LogLevel, message: string, rest: JsonMap = {}): void {
    const nowMs = performance.now();
    this.#logs = Math.min(logsBurst, this.#logs + ((nowMs - this.#logsAtMs) / 1_000) * logsPerSecond);
    this.#logsAtMs = nowMs;
    if (this.#logs < 1) {
      this.#logsLost += 1;
      return;
    }
    this.#logs -= 1;
    const lost = this.#logsLost === 0 ? "" : ` (${this.#logsLost} messages before this one were too many)`;
    this.#logsLost = 0;
    const text = message.length > logCharsMax ? `${message.slice(0, logCharsMax)}…` : message;
    const bytes = this.#encode({
      jsonrpc: "2.0",
      method: notifications.log,
      params: { level, message: text + lost, ...rest },
    });
    if (bytes.length <= this.messageBytesMax) {
      this.#write(bytes);
      return;
    }
    const short = text.slice(0, Math.max(0, Math.floor(this.messageBytesMax / 12)));
    this.notify(notifications.log, { level, message: `${short}… (cut: too large)` });
  }

  async close(): Promise<void> {
    this.#end();
    await this.#writer.close().catch(() => undefined);
  }

  #end(): void {
    this.#closed = true;
    for (const ask of this.#asks.values()) ask.reject(cancelled("the host has gone"));
    this.#asks.clear();
    for (const turn of this.#turns.splice(0)) turn();
  }

  #encode(message: object): Uint8Array {
    return this.#encoder.encode(`${JSON.stringify(message)}\n`);
  }

  #write(bytes: Uint8Array): void {
    // A host that has gone is told by the end of the input.
    if (!this.#closed) this.#writer.write(bytes).catch(() => this.#end());
  }
}

function errorOf({ code, message, data }: RpcError): PluginError {
  return new PluginError(message, {
    kind: code === rpcErrors.denied ? "denied" : code === rpcErrors.cancelled ? "cancelled" : "failed",
    retryable: data?.retryable === true,
    ...(data?.code === undefined ? {} : { code: data.code }),
  });
}
