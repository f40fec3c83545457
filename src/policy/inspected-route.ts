/**
 * What a route would do, to be read and compared before it is allowed: what runs, with which input and which names.
 * It shows no value that may be a secret: of variables and headers only the names, of texts only size and digest, of an
 * address neither user nor query.
 *
 * Source: spec bundle §13; bundle:W-19, bundle:W-27.
 */
import type { HttpRoute, Route, SubprocessRoute, WaitRoute } from "../bundle/model.ts";
import { sha256Hex } from "../json/fingerprint.ts";

export type InspectedRoute =
  | { readonly kind: "delegate_adapter" }
  | { readonly kind: "noop" }
  | InspectedSubprocess
  | InspectedRequest
  | InspectedWait
  | { readonly kind: "malformed" | "refused"; readonly wanted: string; readonly why: string };

export interface InspectedSubprocess {
  readonly kind: "subprocess";
  readonly argv: readonly string[];
  /** What the child reads on its standard input: often the script that it runs. */
  readonly stdin?: TextDigest;
  /** Names of the variables that the bundle sets for the child. */
  readonly env: readonly string[];
  readonly timeoutMs: number;
}

export interface InspectedRequest {
  readonly kind: "http";
  readonly method: string;
  /** Without user, password and query. */
  readonly url: string;
  /** Names as they are written. */
  readonly headers: readonly string[];
  readonly body?: TextDigest;
  readonly timeoutMs: number;
}

export interface InspectedWait {
  readonly kind: "wait";
  /** The signal that is waited for, and whether it is an answer; absent when it is the clock. */
  readonly signal?: string;
  readonly approval?: boolean;
  readonly timeoutMs?: number;
  readonly durationMs?: number;
  /** RFC 3339. */
  readonly until?: string;
}

/** A text by what can be compared of it. */
export interface TextDigest {
  readonly bytes: number;
  readonly sha256: string;
}

export function inspectRoute(route: Route): InspectedRoute {
  switch (route.kind) {
    case "delegate_adapter":
    case "noop":
      return { kind: route.kind };
    case "subprocess":
      return subprocess(route);
    case "http":
      return request(route);
    case "wait":
      return wait(route);
    case "malformed":
    case "refused":
      return { kind: route.kind, wanted: route.wanted, why: route.why };
  }
}

function wait({ for: waits }: WaitRoute): InspectedWait {
  switch (waits.kind) {
    case "signal": {
      const { name, approval, timeoutMs } = waits;
      return { kind: "wait", signal: name, approval, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    }
    case "duration":
      return { kind: "wait", durationMs: waits.durationMs };
    case "instant":
      return { kind: "wait", until: new Date(waits.atMs).toISOString() };
  }
}

function subprocess({ argv, stdin, env = {}, timeoutMs }: SubprocessRoute): InspectedSubprocess {
  return {
    kind: "subprocess",
    argv,
    ...(stdin === undefined ? {} : { stdin: digestOf(stdin) }),
    env: Object.keys(env),
    timeoutMs,
  };
}

function request({ method, url, headers, body, timeoutMs }: HttpRoute): InspectedRequest {
  return {
    kind: "http",
    method,
    url: withoutSecrets(url),
    headers: headers.map(([name]) => name),
    ...(body === undefined ? {} : { body: digestOf(body) }),
    timeoutMs,
  };
}

function digestOf(text: string): TextDigest {
  const bytes = new TextEncoder().encode(text);
  return { bytes: bytes.byteLength, sha256: sha256Hex(bytes) };
}

/** Passwords and queries often carry secrets; a reader needs neither. */
function withoutSecrets(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url.replace(/[?#].*$/s, "");
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${parsed.search === "" ? "" : "?…"}`;
}
