/**
 * A door made of recorded exchanges: each use is answered with the recorded one of the same request, each used once and in order
 * among equals. Reaches nothing; a use that was not recorded is an error of its own and never a guess.
 */
import { AkcError, type ErrorCode, errorCodes } from "../errors.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { redactionMark } from "../plugin-host/secrets.ts";
import type { ContentDigest, Exchange, RecordingDoor } from "./contract.ts";
import {
  bytesOf,
  type ErrorSeen,
  type FileExchange,
  type HttpExchange,
  recordedUrl,
  refuseTooMuch,
  type ToolExchange,
} from "./recording.ts";

export interface RecordedDoor extends RecordingDoor {
  /** What was asked beyond the record, e.g. `GET https://…`; none where the record holds everything. */
  readonly lookedPast: readonly string[];
}

/** The bytes of a recorded content, wherever they are kept. */
export type ContentSource = (sha256: string) => Promise<Uint8Array>;

/** Its uses throw REPLAY_UNRECORDED and REPLAY_TAMPERED beside the errors that were recorded. */
export function openRecordedDoor<Seen extends ContentDigest>(
  exchanges: readonly Exchange<Seen>[],
  contentOf: ContentSource,
): RecordedDoor {
  const record = new Kept<Seen>(exchanges, contentOf);
  return {
    get exchanges() {
      return record.used;
    },
    get lookedPast() {
      return record.lookedPast;
    },
    async fetch({ method: asked, url, body }, signal) {
      refuseAborted(signal);
      const method = asked.toUpperCase();
      const digest = body === undefined || body.length === 0 ? undefined : sha256Hex(body);
      const target = recordedUrl(url);
      return record.use(
        `${method} ${target}`,
        (one): one is HttpExchange<Seen> =>
          one.kind === "http" &&
          one.method === method &&
          one.requestSha256 === digest &&
          isSame(one.url, target),
        async ({ answer, ...start }) => {
          if (answer.kind === "error") throw recordedError(answer);
          const content = await record.content(answer.body);
          const { status, mediaType, truncated } = answer;
          const headers: Readonly<Record<string, string>> =
            mediaType === "" ? {} : { "content-type": mediaType };
          return {
            exchange: { ...start, answer: { ...answer, body: content } },
            value: { status, headers, truncated, body: content.bytes },
          };
        },
      );
    },
    async run({ argv }, signal) {
      refuseAborted(signal);
      return record.use(
        argv.join(" "),
        (one): one is ToolExchange<Seen> =>
          one.kind === "tool" &&
          one.argv.length === argv.length &&
          one.argv.every((word, at) => word === argv[at]),
        async ({ answer, ...start }) => {
          if (answer.kind === "error") throw recordedError(answer);
          const [stdout, stderr] = [await record.content(answer.stdout), await record.content(answer.stderr)];
          const { exitCode, signal: endedBy, truncated } = answer;
          return {
            exchange: { ...start, answer: { ...answer, stdout, stderr } },
            value: { exitCode, signal: endedBy, truncated, stdout: stdout.bytes, stderr: stderr.bytes },
          };
        },
      );
    },
    async readMade(name, signal) {
      refuseAborted(signal);
      return record.use(
        `the file ${name}`,
        (one): one is FileExchange<Seen> => one.kind === "file" && one.name === name,
        async ({ answer, ...start }) => {
          if (answer.kind === "error") throw recordedError(answer);
          const content = await record.content(answer.content);
          return { exchange: { ...start, answer: { ...answer, content } }, value: content.bytes };
        },
      );
    },
  };
}

class Kept<Seen extends ContentDigest> {
  readonly lookedPast: string[] = [];
  readonly #left: Exchange<Seen>[];
  readonly #contentOf: ContentSource;
  readonly #used: (Exchange | undefined)[] = [];
  #bytes = 0;

  constructor(exchanges: readonly Exchange<Seen>[], contentOf: ContentSource) {
    this.#left = [...exchanges];
    this.#contentOf = contentOf;
  }

  get used(): readonly Exchange[] {
    return this.#used.filter((exchange) => exchange !== undefined);
  }

  async use<One extends Exchange<Seen>, Value>(
    asked: string,
    wanted: (exchange: Exchange<Seen>) => exchange is One,
    answer: (found: One) => Promise<{ readonly exchange: Exchange; readonly value: Value }>,
  ): Promise<Value> {
    refuseTooMuch(this.#used.length, this.#bytes);
    const found = this.#left.find(wanted);
    if (found === undefined) {
      this.lookedPast.push(asked);
      throw new AkcError("REPLAY_UNRECORDED", { details: { asked: asked.slice(0, askedCharsMax) } });
    }
    this.#left.splice(this.#left.indexOf(found), 1);
    const slot = this.#used.push(undefined) - 1;
    this.#bytes += bytesOf(found);
    if (found.answer.kind === "error") this.#used[slot] = withError(found, found.answer);
    const { exchange, value } = await answer(found);
    this.#used[slot] = exchange;
    return value;
  }

  /** @throws AkcError REPLAY_TAMPERED */
  async content({ sha256, sizeBytes }: ContentDigest) {
    const bytes = sizeBytes === 0 ? new Uint8Array() : await this.#contentOf(sha256);
    if (bytes.length !== sizeBytes || sha256Hex(bytes) !== sha256) {
      throw new AkcError("REPLAY_TAMPERED", { details: { sha256 } });
    }
    return { sha256, sizeBytes, bytes };
  }
}

const askedCharsMax = 2_048;

function withError(exchange: Exchange<ContentDigest>, answer: ErrorSeen): Exchange {
  switch (exchange.kind) {
    case "http":
      return { ...exchange, answer };
    case "tool":
      return { ...exchange, answer };
    case "file":
      return { ...exchange, answer };
  }
}

/** A record may be of another version: a code that is not known any more is still an error. */
function recordedError({ code, message }: ErrorSeen): AkcError {
  return new AkcError(isErrorCode(code) ? code : "INTERNAL", { message });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code);
}

/** Where a secret's value stood in the URL by chance, the record has a mark. */
function isSame(recorded: string, asked: string): boolean {
  if (!recorded.includes(redactionMark)) return recorded === asked;
  const [first = "", ...rest] = recorded.split(redactionMark);
  const last = rest.pop() ?? "";
  if (!asked.startsWith(first) || asked.length < first.length + last.length || !asked.endsWith(last)) {
    return false;
  }
  let at = first.length;
  for (const piece of rest) {
    const found = asked.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= asked.length - last.length;
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new AkcError("CANCELLED");
}
