/**
 * Answers with the headers that every answer has: nothing is kept by anybody, nothing from elsewhere is loaded or run, and no other page
 * may show it. Knows no page.
 *
 * Source: https://www.w3.org/TR/CSP3/, https://owasp.org/www-project-secure-headers/
 */
import type { Markup } from "../picture/html/markup.ts";

/** What a page may load: style, script and pictures of this server alone, none of it written into the page. */
const policy = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const always: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  // With `no-referrer` a browser would not name the origin of a form either.
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export function answerWith(
  status: number,
  contentType: string,
  body: string | ReadableStream | null,
  more: Readonly<Record<string, string>> = {},
): Response {
  return new Response(body, { status, headers: { ...always, "content-type": contentType, ...more } });
}

export function pageAnswer(
  status: number,
  { markup }: Markup,
  more: Readonly<Record<string, string>> = {},
): Response {
  return answerWith(status, "text/html; charset=utf-8", markup, more);
}

export function refusalAnswer(
  status: number,
  error: string,
  more: Readonly<Record<string, string>> = {},
): Response {
  return answerWith(status, "text/plain; charset=utf-8", `${error}\n`, more);
}

/** A file whose name holds its hash, and nothing about anybody. */
export function assetAnswer(contentType: string, body: string): Response {
  return answerWith(200, contentType, body, { "cache-control": "private, max-age=31536000, immutable" });
}

export function goTo(location: string, more: Readonly<Record<string, string>> = {}): Response {
  return answerWith(303, "text/plain; charset=utf-8", null, { location, ...more });
}
