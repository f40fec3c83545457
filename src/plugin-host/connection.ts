/**
 * One conversation with one process of a plugin: calls and their answers, what belongs to a call on the way, the plugin's own
 * calls. Ends the conversation at the first word that is not the protocol; it starts and kills no process.
 *
 * Source: docs/plugin-protocol.md
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import {
  type Json,
  type JsonMap,
  notifications,
  pluginCalls,
  type RpcError,
  rpcErrors,
} from "../sdk/protocol.ts";
import { type Incoming, LineCutter, parseMessage } from "./frames.ts";
import { Outbox, type Sink } from "./outbox.ts";
import { OutputFlow, type TakeOutput } from "./output-flow.ts";
import { createRate } from "./rate.ts";
import { type CallServices, type OwnCall, OwnCallFault, rpcErrorOf } from "./services.ts";

export interface ConnectionDeps {
  readonly input: ReadableStream<Uint8Array>;
  readonly output: Sink;
  readonly messageBytes: number;
  readonly outputWindowBytes: number;
  /** From telling a call to end until it counts as never ending. */
  readonly graceMs: number;
  readonly answer: (call: OwnCall) => Promise<Json>;
  readonly log: (params: JsonMap) => void;
  /** Told once. Whoever speaks so must be ended; `end` rejects the calls under way. */
  readonly fault: (error: AkcError) => void;
  /** The plugin has closed its end. */
  readonly closed: () => void;
}

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly services?: CallServices;
  readonly onProgress?: (progress: Progress) => void;
  readonly onOutput?: TakeOutput;
}

export interface Progress {
  readonly message: string;
  /** 0 to 1 */
  readonly fraction?: number;
}

interface Call {
  readonly id: number;
  readonly method: string;
  readonly options: CallOptions;
  readonly resolve: (result: Json) => void;
  readonly reject: (error: AkcError) => void;
  output?: OutputFlow;
  /** Made when the plugin first calls back. */
  own?: AbortController;
  timer?: ReturnType<typeof setTimeout>;
  abort?: () => void;
  /** Why it was told to end; what it answers now is not waited for any more. */
  ending?: AkcError;
}

export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #outbox: Outbox;
  readonly #calls = new Map<number, Call>();
  readonly #rate = createRate(limits.pluginMessagesPerSecondMax, limits.pluginMessagesBurst, () =>
    performance.now(),
  );
  #lastId = 0;
  #ownCalls = 0;
  #late = 0;
  #ended: AkcError | undefined;

  constructor(deps: ConnectionDeps) {
    this.#deps = deps;
    this.#outbox = new Outbox(deps.output, deps.messageBytes);
    void this.#readAll();
  }

  get callsUnderWay(): number {
    return this.#calls.size;
  }

  /** Answers that came after their deadline; they were dropped. */
  get lateAnswers(): number {
    return this.#late;
  }

  /**
   * Resolves or rejects only when the plugin has nothing more to do with the call, or has been given up.
   * @throws AkcError PLUGIN_TIMEOUT, CANCELLED, PLUGIN_FAILED (details `code`, `rpcCode`, `retryable`), PLUGIN_MESSAGE_TOO_LARGE, or what `end` was told.
   */
  call(method: string, params: JsonMap, options: CallOptions): Promise<Json> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const call: Call = { id, method, options, resolve, reject };
    try {
      this.#outbox.send({ jsonrpc: "2.0", id, method, params });
    } catch (cause) {
      if (cause instanceof AkcError && cause.code === "PLUGIN_TIMEOUT") this.#fault(cause);
      reject(cause);
      return promise;
    }
    this.#calls.set(id, call);
    call.timer = setTimeout(() => this.#cancel(call, timedOut(call)), options.timeoutMs);
    if (options.signal !== undefined) {
      call.abort = () => this.#cancel(call, new AkcError("CANCELLED"));
      options.signal.addEventListener("abort", call.abort, { once: true });
      if (options.signal.aborted) call.abort();
    }
    return promise;
  }

  /** Rejects all calls under way, those that were told to end with the reason for that, and hears nothing more. */
  end(error: AkcError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#outbox.close();
    for (const call of [...this.#calls.values()]) {
      this.#forget(call);
      call.reject(call.ending ?? error);
    }
  }

  async #readAll(): Promise<void> {
    const cutter = new LineCutter(this.#deps.messageBytes);
    const reader = this.#deps.input.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        for (const line of cutter.feed(value)) {
          const pauseMs = this.#receive(parseMessage(line));
          // Not reading is what makes the plugin wait; nobody else does.
          if (pauseMs > 0) await Bun.sleep(pauseMs);
          if (this.#ended !== undefined) return void reader.cancel().catch(() => undefined);
        }
      }
    } catch (cause) {
      this.#fault(cause instanceof AkcError ? cause : new AkcError("PLUGIN_CRASHED", { cause }));
      void reader.cancel().catch(() => undefined);
      return;
    }
    this.#deps.closed();
  }

  /** Milliseconds to wait before the next message is read. */
  #receive(message: Incoming): number {
    switch (message.kind) {
      case "result":
        this.#answered(message.id, message.result);
        return 0;
      case "error":
        if (message.id === null)
          throw new AkcError("PLUGIN_WRONG_ANSWER", { details: { id: null, ...message.error } });
        this.#refused(message.id, message.error);
        return 0;
      case "request":
        void this.#ownCall(message.id, message.method, message.params);
        return this.#rate.take(1);
      case "notification":
        return this.#notified(message.method, message.params);
    }
  }

  #answered(id: number, result: Json): void {
    const call = this.#take(id);
    if (call.ending?.code === "PLUGIN_TIMEOUT") {
      this.#late += 1;
      call.reject(call.ending);
      return;
    }
    const taking = call.output?.taken();
    if (taking === undefined) this.#settle(call, result);
    else void taking.then(() => this.#settle(call, result));
  }

  #settle(call: Call, result: Json): void {
    if (call.ending !== undefined && call.ending.code !== "CANCELLED") call.reject(call.ending);
    else call.resolve(result);
  }

  #refused(id: number, error: RpcError): void {
    const call = this.#take(id);
    if (call.ending?.code === "PLUGIN_TIMEOUT") this.#late += 1;
    if (call.ending !== undefined) call.reject(call.ending);
    else call.reject(failed(call.method, error));
  }

  /** Each call is answered once. @throws AkcError PLUGIN_WRONG_ANSWER */
  #take(id: number): Call {
    const call = this.#calls.get(id);
    if (call === undefined) {
      throw new AkcError("PLUGIN_WRONG_ANSWER", {
        details: { id, underWay: [...this.#calls.keys()].slice(0, 10) },
      });
    }
    this.#forget(call);
    return call;
  }

  #forget(call: Call): void {
    this.#calls.delete(call.id);
    clearTimeout(call.timer);
    if (call.abort !== undefined) call.options.signal?.removeEventListener("abort", call.abort);
    call.own?.abort();
  }

  #cancel(call: Call, why: AkcError): void {
    if (call.ending !== undefined || !this.#calls.has(call.id)) return;
    call.ending = why;
    clearTimeout(call.timer);
    call.timer = setTimeout(() => this.#neverEnds(call), this.#deps.graceMs);
    call.own?.abort();
    this.#say(notifications.cancel, { id: call.id });
  }

  #neverEnds(call: Call): void {
    const { code } = timedOut(call);
    this.#fault(
      new AkcError(code, {
        message: "the plugin did not end a call that it was told to end",
        details: { method: call.method },
      }),
    );
  }

  #notified(method: string, params: JsonMap): number {
    const overdrawnMs = this.#rate.take(1);
    if (method === notifications.output) {
      this.#output(params);
      // Output is paid for with credit; small pieces of it only cost time.
      return overdrawnMs;
    }
    if (overdrawnMs > 0) throw new AkcError("PLUGIN_FLOOD", { details: { what: "messages", method } });
    if (method === notifications.log) this.#deps.log(params);
    else if (method === notifications.progress) this.#progress(params);
    // Others are from a later version of the protocol.
    return 0;
  }

  #output(params: JsonMap): void {
    const call = this.#named(params);
    const { data_base64: data } = params;
    if (typeof data !== "string")
      throw new AkcError("PLUGIN_GARBAGE", { details: { why: "output without data" } });
    if (call === undefined) return;
    call.output ??= new OutputFlow({
      windowBytes: this.#deps.outputWindowBytes,
      take: call.options.onOutput,
      credit: (bytes) => this.#say(notifications.credit, { call: call.id, bytes }),
      failed: (cause) => this.#cancel(call, asAkcError(cause)),
    });
    call.output.receive(Buffer.from(data, "base64"));
  }

  #progress(params: JsonMap): void {
    const { message, fraction } = params;
    if (typeof message !== "string") return;
    const known = typeof fraction === "number" && fraction >= 0 && fraction <= 1;
    this.#named(params)?.options.onProgress?.({ message, ...(known ? { fraction } : {}) });
  }

  /** The call that a message belongs to, if it is still under way. */
  #named(params: JsonMap): Call | undefined {
    const { call: id } = params;
    return typeof id === "number" ? this.#calls.get(id) : undefined;
  }

  async #ownCall(id: number, method: string, params: JsonMap): Promise<void> {
    if (this.#ownCalls >= limits.pluginOwnCallsMax) {
      this.#fault(new AkcError("PLUGIN_FLOOD", { details: { what: "calls of its own", method } }));
      return;
    }
    this.#ownCalls += 1;
    let answer: object;
    try {
      const call = this.#named(params);
      if (!ownMethods.includes(method))
        throw new OwnCallFault(rpcErrors.methodNotFound, `there is no ${method}`);
      if (call === undefined || call.ending !== undefined) {
        throw new OwnCallFault(rpcErrors.denied, "params.call is not a call under way");
      }
      call.own ??= new AbortController();
      const { services = {} } = call.options;
      answer = { result: await this.#deps.answer({ method, params, services, signal: call.own.signal }) };
    } catch (cause) {
      answer = { error: rpcErrorOf(cause) };
    }
    try {
      await this.#outbox.sendInTurn({ jsonrpc: "2.0", id, ...answer });
    } catch (cause) {
      this.#fault(asAkcError(cause));
    }
    this.#ownCalls -= 1;
  }

  #say(method: string, params: JsonMap): void {
    try {
      this.#outbox.send({ jsonrpc: "2.0", method, params });
    } catch (cause) {
      this.#fault(asAkcError(cause));
    }
  }

  #fault(error: AkcError): void {
    if (this.#ended === undefined) this.#deps.fault(error);
  }
}

const ownMethods: readonly string[] = Object.values(pluginCalls);

function timedOut({ method, options }: Call): AkcError {
  return new AkcError("PLUGIN_TIMEOUT", { details: { method, timeoutMs: options.timeoutMs } });
}

function failed(method: string, { code, message, data }: RpcError): AkcError {
  return new AkcError("PLUGIN_FAILED", {
    message: message === "" ? "the plugin failed and did not say why" : message,
    details: {
      method,
      rpcCode: code,
      retryable: data?.retryable === true,
      ...(data?.code === undefined ? {} : { code: data.code }),
    },
  });
}

function asAkcError(cause: unknown): AkcError {
  return cause instanceof AkcError
    ? cause
    : new AkcError("PLUGIN_FAILED", { cause, message: "the plugin's output could not be kept" });
}
