/**
 * What a plugin says to people: lines of its stderr and its log messages, bounded in length and rate, free of secrets.
 * Keeps the last lines, so that an error can show them; what is too much is dropped and counted, never kept.
 */
import { limits } from "../limits.ts";
import type { Json, JsonMap } from "../sdk/protocol.ts";
import { createRate } from "./rate.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: JsonMap;
  /** `stderr` for a line that the plugin printed, `message` for one that it sent as such. */
  readonly source: "stderr" | "message";
}

const newline = 0x0a;
const decoder = new TextDecoder("utf-8");

export class PluginLog {
  readonly #listener: (entry: LogEntry) => void;
  readonly #rate = createRate(limits.pluginLogBytesPerSecondMax, 4 * limits.pluginLogBytesPerSecondMax, () =>
    performance.now(),
  );
  readonly #secrets: Map<string, string>;
  #last: string[] = [];
  #line: Uint8Array[] = [];
  #lineBytes = 0;
  #cut = false;

  /** `secrets`, value to name, is shared by all logs of a plugin: its next process may know what the last one was told. */
  constructor(listener: (entry: LogEntry) => void, secrets: Map<string, string> = new Map()) {
    this.#listener = listener;
    this.#secrets = secrets;
  }

  /** From now on the value is shown as the name of the secret. */
  hide(name: string, value: string): void {
    if (value !== "") this.#secrets.set(value, name);
  }

  redact(text: string): string {
    let clean = text;
    for (const [value, name] of this.#secrets) clean = clean.replaceAll(value, `[secret ${name}]`);
    return clean;
  }

  get lastWords(): readonly string[] {
    return this.#last;
  }

  /** Reads to the end. A plugin that writes too much waits for us. */
  async follow(stderr: ReadableStream<Uint8Array>): Promise<void> {
    const reader = stderr.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || value === undefined) break;
      this.#feed(value);
      const pauseMs = this.#rate.take(value.length);
      if (pauseMs > 0) await Bun.sleep(pauseMs);
    }
    if (this.#lineBytes > 0) this.#finish();
  }

  /** A `$/log` notification. */
  message(params: JsonMap): void {
    const { level, message, fields } = params;
    if (typeof message !== "string") return;
    this.#tell({
      level: isLevel(level) ? level : "info",
      message: this.redact(message.slice(0, limits.pluginLogLineBytesMax)),
      ...(isFields(fields) ? { fields: this.#redactFields(fields) } : {}),
      source: "message",
    });
  }

  #feed(chunk: Uint8Array): void {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      this.#keep(chunk.subarray(from, end));
      this.#finish();
      from = end + 1;
    }
    if (from < chunk.length) this.#keep(new Uint8Array(chunk.subarray(from)));
  }

  #keep(bytes: Uint8Array): void {
    const room = limits.pluginLogLineBytesMax - this.#lineBytes;
    const kept = bytes.length <= room ? bytes : bytes.subarray(0, room);
    if (kept.length < bytes.length) this.#cut = true;
    if (kept.length === 0) return;
    this.#line.push(kept);
    this.#lineBytes += kept.length;
  }

  #finish(): void {
    const text = decoder.decode(Buffer.concat(this.#line));
    const message = this.redact(this.#cut ? `${text}…` : text);
    this.#line = [];
    this.#lineBytes = 0;
    this.#cut = false;
    if (message.trim() === "") return;
    this.#last.push(message);
    if (this.#last.length > limits.pluginLastWordsLines)
      this.#last = this.#last.slice(-limits.pluginLastWordsLines);
    this.#tell({ level: "info", message, source: "stderr" });
  }

  #tell(entry: LogEntry): void {
    try {
      this.#listener(entry);
    } catch {
      // Whoever keeps logs has trouble of its own; the plugin's work goes on.
    }
  }

  #redactFields(fields: JsonMap): JsonMap {
    if (this.#secrets.size === 0) return fields;
    const clean: JsonMap = JSON.parse(JSON.stringify(fields), (_key, value) =>
      typeof value === "string" ? this.redact(value) : value,
    );
    return clean;
  }
}

function isLevel(level: Json | undefined): level is LogLevel {
  return level === "debug" || level === "info" || level === "warn" || level === "error";
}

function isFields(fields: Json | undefined): fields is JsonMap {
  return typeof fields === "object" && fields !== null && !Array.isArray(fields);
}
