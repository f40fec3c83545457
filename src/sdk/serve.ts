/**
 * Serves a plugin over two streams until the host ends it: the conversation, from `initialize` to `shutdown`.
 * Knows no runtime: whoever starts it brings the streams. Nothing that a plugin's author does wrong ends it.
 *
 * Source: docs/plugin-protocol.md
 */
import { listenToConsole, stackOf, takeConsole } from "./console.ts";
import { isPlugin, type OpenPlugin, type Plugin } from "./define.ts";
import { NotOffered } from "./dispatch.ts";
import { isPluginError } from "./errors.ts";
import { type Line, LineReader } from "./lines.ts";
import { type Conversation, createCall, createLog, type LiveCall } from "./live-call.ts";
import { Peer } from "./peer.ts";
import {
  features,
  hostCalls,
  type Json,
  type JsonMap,
  notifications,
  protocolMajors,
  type RpcError,
  rpcErrors,
} from "./protocol.ts";
import { InvalidParams, isMap, mapAt, numberAt, textAt } from "./read.ts";

export { takeConsole } from "./console.ts";

export interface ServeOptions {
  /** Lines of the host's. */
  readonly input: ReadableStream<Uint8Array>;
  /** Lines to the host; nobody else may write there. */
  readonly output: WritableStream<Uint8Array>;
  /** Given a function that logs what was thrown where nobody caught it; a runtime tells of that in its own way. */
  readonly uncaught?: (log: (cause: unknown) => void) => void;
}

/** Until `initialize` has said better. */
const messageBytesBefore = 1024 * 1024;

/**
 * Resolves when the conversation is over and the plugin has stopped: the process may end.
 * @throws TypeError when it is not what `definePlugin` returned
 */
export async function serve(plugin: Plugin, options: ServeOptions): Promise<void> {
  if (!isPlugin(plugin)) {
    throw new TypeError("the entry's default export is not a plugin: export default definePlugin({ … })");
  }
  await new Server(plugin, options).run(options.input);
}

/** The host breaks the order of the conversation; becomes JSON-RPC's -32600. */
class InvalidRequest extends Error {
  override readonly name = "InvalidRequest";
}

class Server {
  readonly #plugin: Plugin;
  #hangUp = () => {};
  readonly #peer: Peer;
  readonly #lines = new LineReader(messageBytesBefore);
  readonly #live = new Map<number, LiveCall>();
  readonly #underWay = new Set<Promise<void>>();
  #open: { readonly plugin: OpenPlugin; readonly conversation: Conversation } | undefined;
  #initialized = false;
  #over = false;
  #stopMs = 2_000;

  constructor(plugin: Plugin, { output, uncaught }: Omit<ServeOptions, "input">) {
    this.#plugin = plugin;
    this.#peer = new Peer(output, messageBytesBefore);
    takeConsole();
    listenToConsole((level, message) => this.#peer.log(level, message));
    uncaught?.((cause) => this.#peer.log("error", `not caught: ${stackOf(cause)}`));
  }

  async run(input: ReadableStream<Uint8Array>): Promise<void> {
    const reader = input.getReader();
    this.#hangUp = () => void reader.cancel().catch(() => undefined);
    while (!this.#over) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || value === undefined) break;
      for (const line of this.#lines.feed(value)) this.#receive(line);
    }
    this.#over = true;
    await this.#stop();
    await this.#peer.close();
  }

  #receive(line: Line): void {
    const read = readLine(line);
    if ("refused" in read) {
      this.#peer.error(null, read.refused);
      return;
    }
    const { id, method, params = {} } = read.message;
    if (method === undefined) this.#answered(read.message);
    else if (typeof method !== "string" || !isMap(params)) this.#peer.error(isId(id) ? id : null, notRpc);
    else if (id === undefined) this.#notified(method, params);
    else if (!isId(id) || this.#live.has(id)) this.#peer.error(null, notRpc);
    else {
      const call = this.#call(id, method, params).finally(() => this.#underWay.delete(call));
      this.#underWay.add(call);
    }
  }

  #answered({ id, result, error }: JsonMap): void {
    if (!isId(id)) return;
    this.#peer.answered(id, result === undefined ? { error: readError(error) } : { result });
  }

  #notified(method: string, { id, call, bytes }: JsonMap): void {
    if (method === notifications.cancel && isId(id)) this.#live.get(id)?.control.abort();
    else if (method === notifications.credit && isId(call) && typeof bytes === "number") {
      this.#live.get(call)?.output.addCredit(bytes);
    }
    // Others are from a later version of the protocol.
  }

  async #call(id: number, method: string, params: JsonMap): Promise<void> {
    try {
      this.#peer.result(id, await this.#result(id, method, params));
    } catch (cause) {
      this.#peer.error(id, this.#errorOf(cause, method, id));
    }
    this.#live.delete(id);
    if (method === hostCalls.shutdown) {
      this.#over = true;
      this.#hangUp();
    }
  }

  async #result(id: number, method: string, params: JsonMap): Promise<object | null> {
    if (method === hostCalls.ping || method === hostCalls.shutdown) return {};
    if (method === hostCalls.initialize) return this.#initialize(params);
    if (this.#open === undefined) throw new InvalidRequest("initialize comes first");
    if (this.#over) throw new InvalidRequest("nothing comes after shutdown");
    const live = createCall(id, params, this.#open.conversation);
    this.#live.set(id, live);
    try {
      const result = await this.#open.plugin.dispatch(method, params, live);
      await live.output.settled();
      return result;
    } finally {
      live.end();
    }
  }

  async #initialize(params: JsonMap): Promise<object> {
    if (this.#initialized) throw new InvalidRequest("initialize comes once");
    const { protocol, host, bounds } = handshakeOf(params);
    this.#initialized = true;
    this.#stopMs = bounds.stopMs;
    this.#lines.bytesMax = bounds.messageBytes;
    this.#peer.messageBytesMax = bounds.messageBytes;
    const log = createLog(this.#peer, {});
    const plugin = await this.#plugin.open({ ...host, log }, mapAt(params, "config"));
    const { features: theirs } = params;
    const known = features.filter((feature) => Array.isArray(theirs) && theirs.includes(feature));
    const { workdir } = host;
    const conversation = {
      peer: this.#peer,
      workdir,
      features: known,
      outputWindowBytes: bounds.windowBytes,
    };
    this.#open = { plugin, conversation };
    return { protocol, plugin: host.plugin, features: known, offers: this.#plugin.offers };
  }

  #errorOf(cause: unknown, method: string, id: number): RpcError {
    if (cause instanceof InvalidParams) return { code: rpcErrors.invalidParams, message: cut(cause.message) };
    if (cause instanceof InvalidRequest) return { code: rpcErrors.invalidRequest, message: cause.message };
    if (cause instanceof NotOffered) return { code: rpcErrors.methodNotFound, message: cut(cause.message) };
    if (this.#live.get(id)?.control.signal.aborted) {
      return { code: rpcErrors.cancelled, message: "the call was cancelled" };
    }
    if (isPluginError(cause)) {
      const { kind, message, retryable, code } = cause;
      const data = { retryable, ...(code === undefined ? {} : { code: cut(code) }) };
      return { code: rpcErrors[kind], message: cut(message), data };
    }
    this.#peer.log("error", `${method}: ${stackOf(cause)}`, { call: id });
    const words = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    return { code: rpcErrors.internal, message: cut(words) };
  }

  /** Tells what is under way to end and waits for it, but not for ever: without a host nobody else ends this process. */
  async #stop(): Promise<void> {
    for (const { control } of this.#live.values()) control.abort();
    const orderly = async () => {
      await Promise.all(this.#underWay);
      await this.#open?.plugin.stop();
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#stopMs);
    });
    try {
      await Promise.race([orderly(), late]);
    } catch (cause) {
      this.#peer.log("error", `stop: ${stackOf(cause)}`);
    }
    clearTimeout(timer);
  }
}

const notRpc: RpcError = { code: rpcErrors.invalidRequest, message: "not JSON-RPC 2.0" };

function readLine(line: Line): { readonly message: JsonMap } | { readonly refused: RpcError } {
  if (line.kind === "too-long") {
    return { refused: { code: rpcErrors.invalidRequest, message: "the message is too large" } };
  }
  let message: Json;
  try {
    if (line.kind === "not-utf8") throw new SyntaxError("not UTF-8");
    message = JSON.parse(line.text);
  } catch {
    return { refused: { code: rpcErrors.parse, message: "the line is not JSON in UTF-8" } };
  }
  return isMap(message) && message["jsonrpc"] === "2.0" ? { message } : { refused: notRpc };
}

function handshakeOf(params: JsonMap) {
  const { majors } = mapAt(params, "protocol");
  const protocol = protocolMajors.findLast((major) => Array.isArray(majors) && majors.includes(major));
  if (protocol === undefined) {
    throw new InvalidParams(`params: this SDK speaks protocol ${protocolMajors.join(", ")} only`);
  }
  const bounds = mapAt(params, "limits");
  const plugin = mapAt(params, "plugin");
  return {
    protocol,
    host: {
      plugin: { id: textAt(plugin, "id"), version: textAt(plugin, "version") },
      workdir: textAt(params, "workdir"),
      akcVersion: textAt(mapAt(params, "host"), "version"),
    },
    bounds: {
      stopMs: numberAt(bounds, "stop_ms"),
      messageBytes: numberAt(bounds, "message_bytes"),
      windowBytes: numberAt(bounds, "output_window_bytes"),
    },
  };
}

function isId(id: Json | undefined): id is number {
  return typeof id === "number" && Number.isSafeInteger(id) && id > 0;
}

function readError(error: Json | undefined): RpcError {
  if (!isMap(error)) return { code: rpcErrors.internal, message: "the host did not say why" };
  const { code, message, data } = error;
  const { retryable, code: name } = isMap(data) ? data : {};
  return {
    code: typeof code === "number" ? code : rpcErrors.internal,
    message: typeof message === "string" ? message : "",
    data: { retryable: retryable === true, ...(typeof name === "string" ? { code: name } : {}) },
  };
}

const messageCharsMax = 2_000;

function cut(text: string): string {
  return text.length > messageCharsMax ? `${text.slice(0, messageCharsMax)}…` : text;
}
