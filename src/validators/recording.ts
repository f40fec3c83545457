/**
 * The record of a door: one exchange for each use, in the order in which the uses began, with what was seen.
 * Keeps of an error its code and message only, and hands the same on: whoever judges by more could not be replayed.
 */
import { AkcError } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { limits } from "../limits.ts";
import type { Clock } from "../system/clock.ts";
import type { Content, ContentDigest, Exchange } from "./contract.ts";

export type HttpExchange<Seen extends ContentDigest = Content> = Extract<Exchange<Seen>, { kind: "http" }>;
export type ToolExchange<Seen extends ContentDigest = Content> = Extract<Exchange<Seen>, { kind: "tool" }>;
export type FileExchange<Seen extends ContentDigest = Content> = Extract<Exchange<Seen>, { kind: "file" }>;

export interface Times {
  readonly startedMs: number;
  readonly durationMs: number;
}

export interface ErrorSeen {
  readonly kind: "error";
  readonly code: string;
  readonly message: string;
}

/** What one use came to. */
export interface Seen<Answer, Value> {
  readonly answer: Answer;
  readonly value: Value;
}

export class Recording {
  readonly #clock: Clock;
  readonly #clean: (text: string) => string;
  readonly #slots: (Exchange | undefined)[] = [];
  #bytes = 0;

  /** @param clean takes secrets out of a message */
  constructor(clock: Clock, clean: (text: string) => string) {
    this.#clock = clock;
    this.#clean = clean;
  }

  /** Uses that have ended. */
  get exchanges(): readonly Exchange[] {
    return this.#slots.filter((exchange) => exchange !== undefined);
  }

  /** @throws AkcError DOOR_LIMIT, and what `act` throws, with code and message and nothing else */
  async use<Answer, Value>(
    exchangeOf: (answer: Answer | ErrorSeen, times: Times) => Exchange,
    act: () => Promise<Seen<Answer, Value>>,
  ): Promise<Value> {
    refuseTooMuch(this.#slots.length, this.#bytes);
    const slot = this.#slots.push(undefined) - 1;
    const startedMs = this.#clock.nowMs();
    const startMs = this.#clock.monotonicMs();
    const keep = (answer: Answer | ErrorSeen) => {
      const times = { startedMs, durationMs: this.#clock.monotonicMs() - startMs };
      const exchange = exchangeOf(answer, times);
      this.#slots[slot] = exchange;
      this.#bytes += bytesOf(exchange);
    };
    try {
      const { answer, value } = await act();
      keep(answer);
      return value;
    } catch (cause) {
      const error = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
      const message = this.#clean(error.message);
      keep({ kind: "error", code: error.code, message });
      throw new AkcError(error.code, { message });
    }
  }
}

/** As many uses, and as many bytes, have passed. @throws AkcError DOOR_LIMIT */
export function refuseTooMuch(uses: number, bytes: number): void {
  if (uses < limits.exchangesMax && bytes < limits.exchangedBytesMax) return;
  throw new AkcError("DOOR_LIMIT");
}

/** Of all that was seen. */
export function bytesOf({ answer }: Exchange<ContentDigest>): number {
  switch (answer.kind) {
    case "response":
      return answer.body.sizeBytes;
    case "ended":
      return answer.stdout.sizeBytes + answer.stderr.sizeBytes;
    case "read":
      return answer.content.sizeBytes;
    case "error":
      return 0;
  }
}

export function contentOf(bytes: Uint8Array): Content {
  return { sha256: sha256Hex(bytes), sizeBytes: bytes.length, bytes };
}

/** The URL of a request as it is recorded and found again: normal, without user, password and fragment. */
export function recordedUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  url.username = "";
  url.password = "";
  url.hash = "";
  return url.href;
}
