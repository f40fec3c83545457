/**
 * Where the documented lines go: standard output, an HTTP address, a file, each with a queue of its own. A mirror that fails is told once
 * and its lines are dropped; nothing waits for it (cli:W-36).
 *
 * Source: spec cli §13.
 */
import { appendFile, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { TelemetryConfig } from "../../autopilot/config/model.ts";
import { AkcError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { errnoOf } from "../../system/files.ts";
import { guardedFetch } from "../../system/http.ts";

export interface MirrorDeps {
  /** Writes to the process's standard output. */
  stdout(text: string): Promise<void>;
  count(result: "sent" | "dropped", lines: number): void;
  /** Said when a mirror begins to fail, and when it works again. */
  note(level: "info" | "warn", message: string, why: string): void;
}

export interface Mirrors {
  /** One line without its newline. */
  write(line: string): void;
  /** Waits until what is left is written, for so long at most. */
  close(): Promise<void>;
}

type MirrorConfig = TelemetryConfig["mirrors"];

/** In the documented order: standard output, HTTP, file. */
export function openMirrors(config: MirrorConfig, deps: MirrorDeps): Mirrors {
  const ending = new AbortController();
  const { httpUrl, file } = config;
  const lanes = [
    ...(config.stdout ? [lane("stdout", (line) => deps.stdout(`${line}\n`), deps, ending.signal)] : []),
    ...(httpUrl === undefined
      ? []
      : [
          lane(
            "http",
            (line) => post(httpUrl, line, config.httpTimeoutMs, ending.signal),
            deps,
            ending.signal,
          ),
        ]),
    ...(file === undefined ? [] : [lane("file", (line) => append(file, line), deps, ending.signal)]),
  ];
  return {
    write(line) {
      for (const one of lanes) one.write(line);
    },
    async close() {
      const timer = setTimeout(() => ending.abort(), limits.otlpFlushMs);
      await Promise.all(lanes.map((one) => one.settled()));
      clearTimeout(timer);
    },
  };
}

function lane(name: string, put: (line: string) => Promise<void>, deps: MirrorDeps, signal: AbortSignal) {
  const queue: string[] = [];
  let working: Promise<void> | undefined;
  let failing = false;
  const work = async () => {
    for (let line = queue.shift(); line !== undefined; line = queue.shift()) {
      if (signal.aborted) {
        deps.count("dropped", queue.length + 1);
        queue.length = 0;
        return;
      }
      try {
        await put(line);
        deps.count("sent", 1);
        if (failing) deps.note("info", `the ${name} mirror of traces works again`, "");
        failing = false;
      } catch (cause) {
        deps.count("dropped", 1);
        if (!failing)
          deps.note("warn", `the ${name} mirror of traces fails: its lines are dropped`, whyOf(cause));
        failing = true;
      }
    }
  };
  return {
    write(line: string) {
      if (queue.length >= limits.mirrorLinesQueuedMax) {
        queue.shift();
        deps.count("dropped", 1);
      }
      queue.push(line);
      working ??= work().finally(() => {
        working = undefined;
      });
    },
    settled: async () => {
      while (working !== undefined) await working;
    },
  };
}

/** One request a line, as documented. */
async function post(url: string, line: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const href = new URL(url).href;
  const { status } = await guardedFetch({
    url,
    method: "POST",
    headers: [
      ["Content-Type", "application/json"],
      ["User-Agent", "akc-otel-export/1"],
    ],
    body: line,
    timeoutMs,
    bodyBytesMax: limits.otlpRequestBytesMax,
    responseBytesMax: limits.mirrorResponseBytesMax,
    excess: "cut",
    redirectsMax: 0,
    allowed: (asked) => asked.href === href,
    // The operator named it, wherever it is.
    addressAllowed: () => true,
    signal,
  });
  if (status < 200 || status > 299) {
    throw new AkcError("HTTP_UNREACHABLE", { message: `it answered HTTP ${status}` });
  }
}

async function append(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, `${line}\n`);
}

function whyOf(cause: unknown): string {
  if (cause instanceof AkcError) return `${cause.code}: ${cause.message}`;
  return errnoOf(cause) ?? "unknown";
}
