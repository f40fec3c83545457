/**
 * How uses of the door stand in an artifact: without their bytes, which are files beside it. Reads them back as they were, so that what
 * was judged once can be judged again.
 */
import * as v from "valibot";
import { toPlain } from "../../../json/plain.ts";
import type { JsonObject, JsonValue } from "../../../json/value.ts";
import type { Content, ContentDigest, Exchange } from "../../../validators/contract.ts";

/** @param pathOf where content stands below the scope; undefined where it is empty or was left out */
export function exchangeJson(exchange: Exchange, pathOf: (sha256: string) => string | undefined): JsonObject {
  const content = ({ sha256, sizeBytes }: Content): JsonObject => {
    const path = pathOf(sha256);
    return { sha256, size_bytes: sizeBytes, ...(path === undefined ? {} : { path }) };
  };
  const times = { started_ms: exchange.startedMs, duration_ms: Math.round(exchange.durationMs) };
  const { answer } = exchange;
  const error = answer.kind === "error" ? { error: { code: answer.code, message: answer.message } } : {};
  switch (exchange.kind) {
    case "http":
      return {
        kind: "http",
        method: exchange.method,
        url: exchange.url,
        ...(exchange.requestSha256 === undefined ? {} : { request_sha256: exchange.requestSha256 }),
        ...times,
        ...error,
        ...(answer.kind === "response" && {
          status: answer.status,
          media_type: answer.mediaType,
          truncated: answer.truncated,
          body: content(answer.body),
        }),
      };
    case "tool":
      return {
        kind: "tool",
        argv: exchange.argv,
        ...times,
        ...error,
        ...(answer.kind === "ended" && {
          exit_code: answer.exitCode,
          signal: answer.signal,
          truncated: answer.truncated,
          stdout: content(answer.stdout),
          stderr: content(answer.stderr),
        }),
      };
    case "file":
      return {
        kind: "file",
        name: exchange.name,
        ...times,
        ...error,
        ...(answer.kind === "read" && { content: content(answer.content) }),
      };
  }
}

const Milliseconds = v.pipe(v.number(), v.finite());
const RecordedContent = v.object({
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  size_bytes: v.pipe(v.number(), v.integer(), v.minValue(0)),
  path: v.optional(v.string()),
});
export type RecordedContent = v.InferOutput<typeof RecordedContent>;

const Fault = v.object({ error: v.object({ code: v.string(), message: v.string() }) });
const HttpStart = {
  kind: v.literal("http"),
  method: v.string(),
  url: v.string(),
  request_sha256: v.optional(v.string()),
  started_ms: Milliseconds,
  duration_ms: Milliseconds,
};
const ToolStart = {
  kind: v.literal("tool"),
  argv: v.array(v.string()),
  started_ms: Milliseconds,
  duration_ms: Milliseconds,
};
const FileStart = {
  kind: v.literal("file"),
  name: v.string(),
  started_ms: Milliseconds,
  duration_ms: Milliseconds,
};

export const RecordedExchange = v.union([
  v.object({ ...HttpStart, ...Fault.entries }),
  v.object({
    ...HttpStart,
    status: v.number(),
    media_type: v.string(),
    truncated: v.boolean(),
    body: RecordedContent,
  }),
  v.object({ ...ToolStart, ...Fault.entries }),
  v.object({
    ...ToolStart,
    exit_code: v.nullable(v.number()),
    signal: v.nullable(v.string()),
    truncated: v.boolean(),
    stdout: RecordedContent,
    stderr: RecordedContent,
  }),
  v.object({ ...FileStart, ...Fault.entries }),
  v.object({ ...FileStart, content: RecordedContent }),
]);
export type RecordedExchange = v.InferOutput<typeof RecordedExchange>;

/** Undefined for what is no recorded exchange. */
export function recordedExchanges(value: JsonValue | undefined): readonly RecordedExchange[] | undefined {
  const parsed = v.safeParse(v.array(RecordedExchange), value === undefined ? undefined : toPlain(value));
  return parsed.success ? parsed.output : undefined;
}

/** What it says to have seen, in its order; empty contents too. */
export function recordedContents(recorded: RecordedExchange): readonly RecordedContent[] {
  if ("body" in recorded) return [recorded.body];
  if ("stdout" in recorded) return [recorded.stdout, recorded.stderr];
  return "content" in recorded ? [recorded.content] : [];
}

export function restoredExchange(recorded: RecordedExchange): Exchange<ContentDigest> {
  const content = ({ sha256, size_bytes: sizeBytes }: RecordedContent) => ({ sha256, sizeBytes });
  const times = { startedMs: recorded.started_ms, durationMs: recorded.duration_ms };
  switch (recorded.kind) {
    case "http": {
      const { kind, method, url, request_sha256: requestSha256 } = recorded;
      const start = {
        kind,
        method,
        url,
        ...(requestSha256 === undefined ? {} : { requestSha256 }),
        ...times,
      };
      if ("error" in recorded) return { ...start, answer: { kind: "error", ...recorded.error } };
      const { status, media_type: mediaType, truncated, body } = recorded;
      return { ...start, answer: { kind: "response", status, mediaType, truncated, body: content(body) } };
    }
    case "tool": {
      const start = { kind: recorded.kind, argv: recorded.argv, ...times };
      if ("error" in recorded) return { ...start, answer: { kind: "error", ...recorded.error } };
      const { exit_code: exitCode, signal, truncated } = recorded;
      const streams = { stdout: content(recorded.stdout), stderr: content(recorded.stderr) };
      return { ...start, answer: { kind: "ended", exitCode, signal, truncated, ...streams } };
    }
    case "file": {
      const start = { kind: recorded.kind, name: recorded.name, ...times };
      if ("error" in recorded) return { ...start, answer: { kind: "error", ...recorded.error } };
      return { ...start, answer: { kind: "read", content: content(recorded.content) } };
    }
  }
}
