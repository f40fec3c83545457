/**
 * The plugin that is tried, as the kit sees it: what it claims, and how one process of it is started and held.
 * Who starts it, and on which runtime, is not the kit's affair.
 */
import type { JsonMap, Offers } from "../protocol.ts";
import type { Cases } from "./cases.ts";

export interface Subject {
  readonly id: string;
  readonly version: string;
  /** What the manifest allows it to offer. */
  readonly declared: Offers;
  readonly features: readonly string[];
  readonly limits: SubjectLimits;
  readonly cases: Cases;
  readonly hostVersion: string;
  /** A new process; nothing has been said to it. */
  start(): Promise<Wire>;
}

export interface SubjectLimits {
  readonly startMs: number;
  readonly callMs: number;
  readonly stopMs: number;
  readonly concurrency: number;
  readonly messageBytes: number;
  readonly outputWindowBytes: number;
}

export interface Wire {
  /** One line, without its newline. */
  send(line: string): void;
  readonly output: ReadableStream<Uint8Array>;
  /** The plugin's own folder. */
  readonly workdir: string;
  /** Where actions work. */
  readonly actionDir: string;
  closeInput(): void;
  kill(): void;
  /** All of it is gone. */
  readonly ended: Promise<WireEnd>;
  /** The last lines that it printed for people. */
  lastWords(): readonly string[];
}

export interface WireEnd {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** As `initialize` has them. */
export function initializeParamsOf(subject: Subject, workdir: string, majors: readonly number[]): JsonMap {
  const { id, version, limits, features, cases, hostVersion } = subject;
  return {
    protocol: { majors },
    host: { name: "akc", version: hostVersion },
    plugin: { id, version },
    config: cases.settings,
    features,
    limits: {
      message_bytes: limits.messageBytes,
      output_window_bytes: limits.outputWindowBytes,
      stop_ms: limits.stopMs,
      concurrency: limits.concurrency,
    },
    workdir,
  };
}
