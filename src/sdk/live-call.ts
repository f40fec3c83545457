/**
 * One call of the host's while the plugin works on it: what the plugin is handed as `call`, and the ends of it that the server
 * holds. After the call has ended it does nothing more.
 */
import { type Call, type FetchInit, type Handoff, type Log, truncatedHeader } from "./call.ts";
import { cancelled, denied, failed } from "./errors.ts";
import { joined } from "./lines.ts";
import { Output, pieceBytes } from "./output.ts";
import type { Peer } from "./peer.ts";
import { type Feature, type Json, type JsonMap, notifications, pluginCalls } from "./protocol.ts";
import { handoffsAt, isMap } from "./read.ts";
import { type KnownBytes, malformedAnswer, readMadeFile, runTool } from "./tools.ts";

/** What holds for all calls of one conversation. */
export interface Conversation {
  readonly peer: Peer;
  readonly workdir: string;
  readonly features: readonly Feature[];
  readonly outputWindowBytes: number;
}

export interface LiveCall {
  readonly call: Omit<Call, "settings">;
  readonly control: AbortController;
  readonly output: Output;
  /** What the host handed over in this call. */
  readonly known: KnownBytes;
  /** After this nothing that the plugin does in its name reaches the host. */
  end(): void;
}

const progressEveryMs = 100;
const encoder = new TextEncoder();

export function createCall(id: number, params: JsonMap, conversation: Conversation): LiveCall {
  const { peer, features } = conversation;
  const control = new AbortController();
  const { signal } = control;
  const output = new Output(id, peer, conversation.outputWindowBytes, signal);
  const known: KnownBytes = new WeakMap();
  let ended = false;
  const progress = createProgress((message, fraction) => {
    peer.notify(notifications.progress, {
      call: id,
      message: message.slice(0, 1_000),
      ...(fraction === undefined ? {} : { fraction }),
    });
  });
  const ask = (method: string, asked: JsonMap) => {
    if (ended) return Promise.reject(failed("the call has ended", { code: "CALL_ENDED" }));
    return peer.ask(method, { call: id, ...asked }, signal);
  };
  const needs = (feature: Feature, permission: string) => {
    if (!features.includes(feature))
      throw denied(`the plugin was granted nothing under ${permission}`, { code: "PLUGIN_NOT_GRANTED" });
  };

  const call: LiveCall["call"] = {
    signal,
    workdir: conversation.workdir,
    log: createLog(peer, { call: id }),
    progress(message, fraction) {
      if (ended || !features.includes("progress")) return;
      progress.tell(message, fraction === undefined ? undefined : Math.min(1, Math.max(0, fraction)));
    },
    async output(bytes) {
      if (ended || signal.aborted) throw cancelled();
      if (!features.includes("output")) throw failed("the host takes no output", { code: "NO_OUTPUT" });
      await output.send(typeof bytes === "string" ? encoder.encode(bytes) : bytes);
    },
    async fetch(url, init = {}) {
      needs("fetch", "permissions.net");
      return responseOf(await ask(pluginCalls.fetch, requestOf(url, init)));
    },
    async secret(name) {
      needs("secrets", "permissions.secrets");
      const answer = await ask(pluginCalls.secret, { name });
      if (!isMap(answer) || typeof answer["value"] !== "string") throw malformedAnswer(pluginCalls.secret);
      return answer["value"];
    },
    async run(argv, options) {
      needs("run", "permissions.run");
      return runTool(argv, options, ask, known);
    },
    async readMade(name) {
      needs("run", "permissions.run");
      return readMadeFile(name, pieceBytes(peer.messageBytesMax), ask, known);
    },
    handoff(stepId) {
      const found = handoffsAt(params).find((handoff) => handoff.stepId === stepId);
      if (found === undefined) {
        throw failed(`no step "${stepId}" handed anything over`, { code: "NO_SUCH_HANDOFF" });
      }
      return createHandoff(found, pieceBytes(peer.messageBytesMax), ask);
    },
  };
  return {
    call,
    control,
    output,
    known,
    end() {
      ended = true;
      progress.flush();
    },
  };
}

export function createLog(peer: Peer, rest: JsonMap): Log {
  const at = (level: "debug" | "info" | "warn" | "error") => (message: string, fields?: JsonMap) =>
    peer.log(level, message, fields === undefined ? rest : { ...rest, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The first at once, then the latest every so often. */
function createProgress(send: (message: string, fraction: number | undefined) => void) {
  let waiting: [string, number | undefined] | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === undefined) return;
    send(...waiting);
    waiting = undefined;
  };
  return {
    tell(message: string, fraction: number | undefined) {
      waiting = [message, fraction];
      if (timer !== undefined) return;
      flush();
      timer = setTimeout(flush, progressEveryMs);
    },
    flush,
  };
}

function requestOf(url: string | URL, { method = "GET", headers = {}, body }: FetchInit): JsonMap {
  const named = headers instanceof Headers ? Object.fromEntries(headers) : { ...headers };
  return {
    url: String(url),
    method,
    headers: named,
    ...(body === undefined ? {} : typeof body === "string" ? { body } : { body_base64: body.toBase64() }),
  };
}

/** Statuses to which the web knows no body. */
const bodiless = [101, 204, 205, 304];

function responseOf(answer: Json): Response {
  if (!isMap(answer)) throw malformedAnswer(pluginCalls.fetch);
  const { status, headers, body_base64: body = "", truncated } = answer;
  if (typeof status !== "number" || typeof body !== "string") throw malformedAnswer(pluginCalls.fetch);
  const named = new Headers();
  for (const [name, value] of Object.entries(isMap(headers) ? headers : {})) {
    if (typeof value === "string") named.append(name, value);
  }
  // It is the host's word alone: a server may send what it likes.
  named.delete(truncatedHeader);
  if (truncated === true) named.set(truncatedHeader, "1");
  return new Response(bodiless.includes(status) ? null : Uint8Array.fromBase64(body), {
    status,
    headers: named,
  });
}

function createHandoff(
  {
    stepId,
    sha256,
    sizeBytes,
  }: { readonly stepId: string; readonly sha256: string; readonly sizeBytes: number },
  lengthMax: number,
  ask: (method: string, params: JsonMap) => Promise<Json>,
): Handoff {
  async function* pieces(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    for (let offset = 0; ; ) {
      const answer = await ask(pluginCalls.readHandoff, { sha256, offset, length: lengthMax });
      if (!isMap(answer) || typeof answer["data_base64"] !== "string")
        throw malformedAnswer(pluginCalls.readHandoff);
      const bytes = Uint8Array.fromBase64(answer["data_base64"]);
      if (bytes.length > 0) yield bytes;
      offset += bytes.length;
      if (answer["eof"] === true || bytes.length === 0) return;
    }
  }
  const bytes = async () => {
    const all: Uint8Array[] = [];
    for await (const piece of pieces()) all.push(piece);
    return joined(all);
  };
  const text = async () => new TextDecoder().decode(await bytes());
  return {
    stepId,
    sha256,
    sizeBytes,
    stream() {
      const source = pieces();
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await source.next();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          async cancel() {
            await source.return();
          },
        },
        { highWaterMark: 0 },
      );
    },
    bytes,
    text,
    async json() {
      const value: Json = JSON.parse(await text());
      return value;
    },
  };
}
