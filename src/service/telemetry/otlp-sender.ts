/**
 * Sends one body to an OpenTelemetry collector and says what became of it. Never follows a redirect, since the headers hold credentials,
 * and never throws for what a collector does.
 *
 * Source: OTLP specification 1.x, OTLP/HTTP (responses, failures, throttling).
 */
import * as v from "valibot";
import { AkcError, messageWithPath } from "../../errors.ts";
import { toPlain } from "../../json/plain.ts";
import { parseJson } from "../../json/read.ts";
import { limits } from "../../limits.ts";
import { readFileBounded } from "../../system/files.ts";
import { guardedFetch, type Resolver } from "../../system/http.ts";

export interface OtlpTarget {
  /** Base, without `/v1/traces`. */
  readonly endpoint: string;
  /** Header lines `Name: value`; blank lines and lines that begin with `#` say nothing. Read for each request. */
  readonly headersFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly resolve?: Resolver | undefined;
}

export type Sent =
  | { readonly kind: "sent"; readonly rejected: number; readonly message?: string | undefined }
  /** It may be taken later; by itself after `afterMs`, where it said so. */
  | { readonly kind: "later"; readonly why: string; readonly afterMs?: number | undefined }
  /** It will never be taken. */
  | { readonly kind: "refused"; readonly why: string };

/** The ones that the specification lets a client send again. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Failures that another try cannot mend. */
const lasting: ReadonlySet<string> = new Set([
  "HTTP_URL_DENIED",
  "HTTP_REDIRECT_REFUSED",
  "HTTP_BODY_TOO_LARGE",
  "ROUTE_MALFORMED",
]);

/** @param path `/v1/traces` or `/v1/metrics` */
export async function sendOtlp(
  target: OtlpTarget,
  path: string,
  body: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<Sent> {
  try {
    const url = new URL(`${target.endpoint.replace(/\/+$/, "")}${path}`);
    const ca = target.caFile === undefined ? undefined : await textOf(target.caFile);
    const response = await guardedFetch({
      url,
      method: "POST",
      headers: [...(await headersOf(target.headersFile)), ["Content-Type", "application/json"]],
      body,
      timeoutMs: limits.otlpTimeoutMs,
      bodyBytesMax: limits.otlpRequestBytesMax,
      responseBytesMax: limits.otlpResponseBytesMax,
      excess: "cut",
      redirectsMax: 0,
      // The operator named it, wherever it is: a collector on this host is the usual one.
      allowed: (asked) => asked.href === url.href,
      addressAllowed: () => true,
      signal,
      ...(target.resolve === undefined ? {} : { resolve: target.resolve }),
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    const { status, headers } = response;
    if (status >= 200 && status < 300) return partly(response.body);
    if (!passing.has(status)) return { kind: "refused", why: `HTTP ${status}` };
    return { kind: "later", why: `HTTP ${status}`, afterMs: retryAfterMs(headers.get("retry-after"), nowMs) };
  } catch (cause) {
    if (!(cause instanceof AkcError)) return { kind: "later", why: "INTERNAL" };
    const why = `${cause.code}: ${messageWithPath(cause)}`;
    return { kind: lasting.has(cause.code) ? "refused" : "later", why };
  }
}

const Partial = v.object({
  partialSuccess: v.optional(
    v.object({
      rejectedSpans: v.optional(v.union([v.string(), v.number()])),
      rejectedDataPoints: v.optional(v.union([v.string(), v.number()])),
      errorMessage: v.optional(v.string()),
    }),
  ),
});

/** It took the rest: what it rejected is not sent again. */
function partly(body: Uint8Array): Sent {
  const parsed = v.safeParse(Partial, plainJson(body));
  const partial = parsed.success ? parsed.output.partialSuccess : undefined;
  const rejected = Number(partial?.rejectedSpans ?? partial?.rejectedDataPoints ?? 0);
  return {
    kind: "sent",
    rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    message: partial?.errorMessage?.slice(0, messageCharsMax),
  };
}

const messageCharsMax = 500;

function plainJson(body: Uint8Array): unknown {
  try {
    return body.byteLength === 0 ? {} : toPlain(parseJson(body));
  } catch {
    return {};
  }
}

/** Seconds, or a date (RFC 9110 §10.2.3); undefined for what is neither. */
export function retryAfterMs(text: string | null, nowMs: number): number | undefined {
  if (text === null) return undefined;
  const seconds = /^\s*(\d{1,9})\s*$/.exec(text)?.[1];
  if (seconds !== undefined) return Number(seconds) * 1_000;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** @throws AkcError FILE_NOT_FOUND, FILE_UNREADABLE; TELEMETRY_REFUSED for a line that is no header */
export async function headersOf(path: string | undefined): Promise<readonly (readonly [string, string])[]> {
  if (path === undefined) return [];
  return (await textOf(path)).split(/\r?\n/).flatMap((line, index): (readonly [string, string])[] => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) return [[name, value]];
    // Its text may be a secret.
    throw new AkcError("TELEMETRY_REFUSED", {
      message: "a line of the file with headers is no header",
      hint: "Write one header a line: `Name: value`.",
      details: { path, line: index + 1 },
    });
  });
}

async function textOf(path: string): Promise<string> {
  return new TextDecoder().decode(await readFileBounded(path, limits.otlpHeadersBytesMax));
}
