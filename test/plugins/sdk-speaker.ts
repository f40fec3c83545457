/** A host in memory for one served plugin: sends lines, keeps what comes back. */
import { type Plugin, serve } from "../../src/sdk/index.ts";
import type { Json, JsonMap } from "../../src/sdk/protocol.ts";
import { isMap } from "../../src/sdk/read.ts";

export interface Speaker {
  /** All messages that the plugin has sent. */
  readonly messages: JsonMap[];
  raw(text: string): void;
  send(message: object): void;
  /** The first message for which `wanted` says yes, also of those that were sent already. */
  next(wanted: (message: JsonMap) => boolean): Promise<JsonMap>;
  /** The answer to a call. */
  call(method: string, params?: JsonMap): Promise<JsonMap>;
  begin(method: string, params?: JsonMap): number;
  answer(id: number): Promise<JsonMap>;
  endInput(): Promise<void>;
  readonly served: Promise<void>;
}

export function speak(plugin: Plugin): Speaker {
  const encoder = new TextEncoder();
  const toPlugin = new TransformStream<Uint8Array, Uint8Array>();
  const input = toPlugin.writable.getWriter();
  const messages: JsonMap[] = [];
  const waiting = new Set<() => void>();
  const decoder = new TextDecoder();
  let rest = "";
  const output = new WritableStream<Uint8Array>({
    write(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message: Json = JSON.parse(line);
        if (isMap(message)) messages.push(message);
      }
      for (const look of waiting) look();
    },
  });
  const served = serve(plugin, { input: toPlugin.readable, output });
  let lastId = 0;
  const speaker: Speaker = {
    messages,
    served,
    raw: (text) => void input.write(encoder.encode(text)).catch(() => undefined),
    send: (message) => speaker.raw(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`),
    next: (wanted) =>
      new Promise((resolve) => {
        const look = () => {
          const found = messages.find(wanted);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
    begin(method, params = {}) {
      lastId += 1;
      speaker.send({ id: lastId, method, params });
      return lastId;
    },
    answer: (id) => speaker.next((message) => message["id"] === id && message["method"] === undefined),
    call: (method, params) => speaker.answer(speaker.begin(method, params)),
    endInput: () => input.close(),
  };
  return speaker;
}

export const handshake = (limits: JsonMap = {}, more: JsonMap = {}): JsonMap => ({
  protocol: { majors: [1] },
  host: { name: "akc", version: "9.9.9" },
  plugin: { id: "acme/one", version: "1.2.3" },
  config: {},
  features: ["cancel", "progress", "log", "output", "fetch", "secrets", "handoffs"],
  limits: { message_bytes: 100_000, output_window_bytes: 30_000, stop_ms: 500, concurrency: 4, ...limits },
  workdir: "/nowhere",
  ...more,
});

export const execution = (node: JsonMap = {}, more: JsonMap = {}): JsonMap => ({
  adapter: "one",
  context: {
    tenant_id: "acme",
    repo_id: "shop",
    run_id: "r",
    runtime_run_id: "u",
    policy_mode: "enforce",
    adapter_id: "one",
  },
  action: { action_id: "a", idempotency_key: "k" },
  attempt: 1,
  settings: {},
  node,
  handoffs: [],
  timeout_ms: 1_000,
  workdir: "/nowhere",
  ...more,
});
