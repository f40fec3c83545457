/**
 * The two streams of a command: data on stdout, words on stderr, and what kind of place each of them is.
 * It never blocks the event loop on a slow reader: a lease must be renewed while somebody pages through the output.
 */
import { isatty } from "node:tty";
import { AkcError } from "../errors.ts";
import { asDiskError, errnoOf } from "../system/files.ts";

/** What one stream is connected to. */
export interface Place {
  readonly isTerminal: boolean;
  /** Whether colours may be used: a terminal, without NO_COLOR and --no-color. */
  readonly color: boolean;
  /** Whether lines on it can be drawn over: a terminal that moves its cursor, which one of type `dumb` does not. */
  readonly canRedraw: boolean;
  /** Width in columns now; 80 where there is no terminal. */
  columns(): number;
  /** Height in rows now; 24 where there is no terminal. */
  rows(): number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Io {
  readonly stdout: Place;
  readonly stderr: Place;
  readonly env: Environment;
  /** Writes data. Resolves when the reader has taken it. @throws ReaderGone, AkcError DISK_FULL. */
  out(text: string): Promise<void>;
  /** Writes words. Nothing waits for them, and a reader that went away is not missed. */
  words(text: string): void;
}

/** The reader of stdout went away (`akc … | head`): a quiet end, not a failure. */
export class ReaderGone extends Error {}

/** Words that nobody reads are kept up to this many bytes; what comes after is dropped. */
const unreadWordsBytesMax = 4 * 1024 * 1024;

export function processIo(env: Environment, options: { readonly color: boolean }): Io {
  // Failures of stdout reach `out` through its callback; without a listener they would also end the process.
  process.stdout.on("error", () => undefined);
  process.stderr.on("error", () => undefined);
  return {
    stdout: place(1, process.stdout, env, options.color),
    stderr: place(2, process.stderr, env, options.color),
    env,
    out: (text) =>
      new Promise((resolve, reject) => {
        if (text === "") return resolve();
        process.stdout.write(text, (cause) => (cause ? reject(writeFailure(cause)) : resolve()));
      }),
    words: (text) => {
      if (process.stderr.writableLength < unreadWordsBytesMax) process.stderr.write(text);
    },
  };
}

function place(fd: number, stream: NodeJS.WriteStream, env: Environment, color: boolean): Place {
  const isTerminal = isatty(fd);
  const isDumb = env["TERM"] === "dumb";
  // https://no-color.org: any value but the empty one turns colours off.
  const colorRefused = (env["NO_COLOR"] ?? "") !== "";
  return {
    isTerminal,
    color: color && isTerminal && !colorRefused && !isDumb,
    canRedraw: isTerminal && !isDumb,
    columns: () => (isTerminal && stream.columns > 0 ? stream.columns : 80),
    rows: () => (isTerminal && stream.rows > 0 ? stream.rows : 24),
  };
}

function writeFailure(cause: Error): Error {
  if (errnoOf(cause) === "EPIPE") return new ReaderGone();
  const failure = asDiskError(cause, "standard output");
  if (failure instanceof AkcError) return failure;
  return new AkcError("INTERNAL", { message: "standard output cannot be written", cause });
}
