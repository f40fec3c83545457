/**
 * The kit's end of a conversation with one process of the plugin: a host that forgives nothing and notes everything.
 * What the plugin sends that it must not send is kept as a violation; it is the last check that tells of them.
 */
import { joined, LineReader } from "../lines.ts";
import {
  type Json,
  type JsonMap,
  notifications,
  pluginCalls,
  type RpcError,
  rpcErrors,
} from "../protocol.ts";
import { isMap } from "../read.ts";
import { Broken, brief } from "./check.ts";
import type { Subject, Wire, WireEnd } from "./subject.ts";
import type { World } from "./world.ts";

export type Reply =
  | { readonly kind: "result"; readonly result: Json; readonly output: Uint8Array }
  | { readonly kind: "error"; readonly error: RpcError };

interface Pending {
  readonly method: string;
  readonly params: JsonMap;
  readonly resolve: (reply: Reply) => void;
  readonly output: Uint8Array[];
  /** Answers what the plugin asks in this call, before the answers that hold for all. */
  readonly world: World | undefined;
  credit: number;
}

export interface Sent {
  readonly id: number;
  /** @throws Broken when there is none in time, or the process ended */
  reply(withinMs: number): Promise<Reply>;
}

export class Client {
  readonly wire: Wire;
  readonly violations: string[] = [];
  /** Errors that answer no call, as JSON-RPC has them for what could not be read. */
  readonly complaints: RpcError[] = [];
  readonly #subject: Subject;
  readonly #pending = new Map<number, Pending>();
  readonly #died = Promise.withResolvers<never>();
  #handoffs: { readonly [sha256: string]: string } = {};
  #lastId = 0;
  #alive = true;

  constructor(subject: Subject, wire: Wire) {
    this.#subject = subject;
    this.wire = wire;
    this.#died.promise.catch(() => undefined);
    void this.#read();
    void wire.ended.then((end) => {
      this.#alive = false;
      this.#died.reject(new Broken(`the process ended: ${endText(end)}${wordsText(wire.lastWords())}`));
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** What `host/read_handoff` may be asked for. */
  offerHandoffs(contents: { readonly [sha256: string]: string }): void {
    this.#handoffs = { ...this.#handoffs, ...contents };
  }

  send(method: string, params: JsonMap, world?: World): Sent {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const credit = this.#subject.limits.outputWindowBytes;
    this.#pending.set(id, { method, params, resolve, output: [], world, credit });
    this.#say({ id, method, params });
    return { id, reply: (withinMs) => this.#within(promise, withinMs, `no answer to ${method}`) };
  }

  call(method: string, params: JsonMap, withinMs?: number, world?: World): Promise<Reply> {
    return this.send(method, params, world).reply(withinMs ?? this.#subject.limits.callMs);
  }

  /** @throws Broken when the plugin answers with an error */
  async result(method: string, params: JsonMap, withinMs?: number): Promise<Json> {
    const reply = await this.call(method, params, withinMs);
    if (reply.kind === "result") return reply.result;
    throw new Broken(`${method}: ${reply.error.code} ${brief(reply.error.message)}`);
  }

  notify(method: string, params: JsonMap): void {
    this.#say({ method, params });
  }

  raw(line: string): void {
    this.wire.send(line);
  }

  async ended(withinMs: number): Promise<WireEnd> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Broken(`still running after ${withinMs} ms`)), withinMs);
    });
    return Promise.race([this.wire.ended, late]).finally(() => clearTimeout(timer));
  }

  async kill(): Promise<void> {
    this.wire.kill();
    await this.wire.ended;
  }

  async #within<Value>(promise: Promise<Value>, ms: number, what: string): Promise<Value> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Broken(`${what} within ${ms} ms`)), ms);
    });
    const first = Promise.race([promise, late, this.#died.promise]).finally(() => clearTimeout(timer));
    // A check may have left it behind.
    first.catch(() => undefined);
    return first;
  }

  #say(message: object): void {
    if (this.#alive) this.wire.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  async #read(): Promise<void> {
    const lines = new LineReader(this.#subject.limits.messageBytes);
    const reader = this.wire.output.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || value === undefined) return;
      for (const line of lines.feed(value)) {
        if (line.kind === "line") this.#receive(line.text);
        else if (line.kind === "too-long") this.violations.push("a message larger than limits.message_bytes");
        else this.violations.push("a line that is not UTF-8");
      }
    }
  }

  #receive(text: string): void {
    let message: Json;
    try {
      message = JSON.parse(text);
    } catch {
      this.violations.push(`not JSON: ${brief(text)}`);
      return;
    }
    if (!isMap(message) || message["jsonrpc"] !== "2.0") {
      this.violations.push(`not JSON-RPC 2.0: ${brief(message)}`);
      return;
    }
    const { id, method, params = {} } = message;
    if (method === undefined) this.#answered(message);
    else if (typeof method !== "string" || !isMap(params))
      this.violations.push(`not a call: ${brief(message)}`);
    else if (id === undefined) this.#notified(method, params);
    else if (typeof id !== "number") this.violations.push(`the id of a call is ${brief(id)}`);
    else void this.#asked(id, method, params);
  }

  #answered(message: JsonMap): void {
    const { id, result, error } = message;
    const failure = isMap(error) ? errorOf(error) : undefined;
    if ((result === undefined) === (failure === undefined)) {
      this.violations.push(`neither result nor error: ${brief(message)}`);
      return;
    }
    if (id === null && failure !== undefined) {
      this.complaints.push(failure);
      return;
    }
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (pending === undefined || typeof id !== "number") {
      this.violations.push(`an answer to ${brief(id)}, which was not asked or is answered already`);
      return;
    }
    this.#pending.delete(id);
    if (failure !== undefined) pending.resolve({ kind: "error", error: failure });
    else if (result !== undefined)
      pending.resolve({ kind: "result", result, output: joined(pending.output) });
  }

  #notified(method: string, params: JsonMap): void {
    const known: readonly string[] = [notifications.log, notifications.progress, notifications.output];
    if (!known.includes(method)) {
      this.violations.push(`a notification that is unknown: ${brief(method)}`);
      return;
    }
    if (method !== notifications.output) {
      if (typeof params["message"] !== "string") this.violations.push(`${method} without a message`);
      return;
    }
    const { call, data_base64: data } = params;
    const pending = typeof call === "number" ? this.#pending.get(call) : undefined;
    if (pending === undefined || typeof data !== "string") {
      this.violations.push(`output of ${brief(call)}, which is not a call under way, or without data`);
      return;
    }
    const bytes = Uint8Array.fromBase64(data);
    pending.output.push(bytes);
    pending.credit -= bytes.length;
    if (pending.credit < 0)
      this.violations.push(`${-pending.credit} bytes of output more than there was credit for`);
    pending.credit += bytes.length;
    this.notify(notifications.credit, { call: call ?? 0, bytes: bytes.length });
  }

  /** The plugin's own calls: answered from the cases. */
  async #asked(id: number, method: string, params: JsonMap): Promise<void> {
    const { call, name, url, sha256, offset, length } = params;
    const world = typeof call === "number" ? this.#pending.get(call)?.world : undefined;
    if (world !== undefined) {
      const recorded = await world.answer(method, params);
      if (recorded !== undefined) {
        this.#say({ id, ...recorded });
        return;
      }
    }
    const refuse = (code: number, message: string) => this.#say({ id, error: { code, message } });
    if (typeof call !== "number" || !this.#pending.has(call)) {
      this.violations.push(`${method} names no call under way`);
      refuse(rpcErrors.denied, "params.call is not a call under way");
    } else if (method === pluginCalls.secret && typeof name === "string") {
      const value = this.#subject.cases.secrets[name];
      if (value === undefined) refuse(rpcErrors.denied, `plugin.test.yaml has no secret ${name}`);
      else this.#say({ id, result: { value } });
    } else if (method === pluginCalls.fetch && typeof url === "string") {
      const answer = this.#subject.cases.fetch[url];
      if (answer === undefined) refuse(rpcErrors.denied, `plugin.test.yaml has no answer for ${url}`);
      else {
        const { status, headers, body } = answer;
        this.#say({
          id,
          result: { status, headers, body_base64: new TextEncoder().encode(body).toBase64() },
        });
      }
    } else if (method === pluginCalls.readHandoff && typeof sha256 === "string") {
      const content = this.#handoffs[sha256];
      if (content === undefined || typeof offset !== "number" || typeof length !== "number") {
        refuse(rpcErrors.denied, "the call was not handed that");
        return;
      }
      const bytes = new TextEncoder().encode(content);
      const part = bytes.subarray(offset, offset + length);
      this.#say({ id, result: { data_base64: part.toBase64(), eof: offset + part.length >= bytes.length } });
    } else {
      this.violations.push(`asks for ${brief(method)}, which is unknown or lacks its params`);
      refuse(rpcErrors.methodNotFound, `there is no ${method}`);
    }
  }
}

function errorOf({ code, message, data }: JsonMap): RpcError | undefined {
  if (typeof code !== "number" || typeof message !== "string") return undefined;
  const { retryable, code: own } = isMap(data) ? data : {};
  return {
    code,
    message,
    data: { retryable: retryable === true, ...(typeof own === "string" ? { code: own } : {}) },
  };
}

export function endText({ exitCode, signal }: WireEnd): string {
  return signal === null ? `exit ${exitCode}` : `killed by ${signal}`;
}

function wordsText(words: readonly string[]): string {
  return words.length === 0 ? "" : `; its last words: ${words.slice(-3).join(" / ")}`;
}
