/**
 * Finds what stands where credentials stand: behind `password=`, `"api_key": "…"`, `Authorization:`, `Bearer`, before the
 * `@` of a URL, between the lines of a private key. One walk over the text; every look ahead or back is bounded or jumps the
 * walk forward, so time grows with the text's length only.
 */
import { redacted, type Span } from "./redact.ts";

/** How far a key may stand before its colon, and how long a key may be. */
const keyReach = 72;
const userInfoReach = 1_024;
const bearerCharsMin = 8;

/** What a key ends with, letters only. `max_tokens`, `token_sha256` and `secret_name` end otherwise. */
const sensitiveEnds = [
  "authorization",
  "token",
  "secret",
  "password",
  "passwd",
  "passphrase",
  "pwd",
  "apikey",
  "accesskey",
  "secretkey",
  "privatekey",
  "credential",
  "credentials",
  "cookie",
] as const;

/** Values of these keys may hold blanks: they end with the line, or the quote. */
const wholeLineEnds = ["authorization", "cookie"] as const;

const jsonWords: ReadonlySet<string> = new Set(["null", "true", "false"]);

/** Adds the parts to `spans`, without the key and the quotes. */
export function credentialSpans(text: string, spans: Span[]): void {
  for (let at = 0; at < text.length; at += 1) {
    const found = spanAt(text, at);
    if (found === undefined || text.startsWith(redacted, found.start)) continue;
    spans.push(found);
    // What is redacted needs no second look; the walk goes on behind it.
    at = found.end - 1;
  }
}

function spanAt(text: string, at: number): Span | undefined {
  switch (text.charCodeAt(at)) {
    case colon:
      return text.startsWith("//", at + 1) ? userInfo(text, at + 3) : valueBehind(text, at);
    case equals:
      return valueBehind(text, at);
    case 0x62: // b
    case 0x42: // B
      return bearerToken(text, at);
    case dash:
      return privateKey(text, at);
    default:
      return undefined;
  }
}

/** The value behind a colon or an equals sign, when the key before it is a sensitive one. */
function valueBehind(text: string, separator: number): Span | undefined {
  const key = keyBefore(text, separator);
  if (key === "" || !sensitiveEnds.some((end) => key.endsWith(end))) return undefined;
  let start = separator + 1;
  // `=>` and `:=` are separators, too.
  if (isAny(text.charCodeAt(start), ">=")) start += 1;
  start = skipBlanks(text, start);
  let escaped = 0;
  while (text.charCodeAt(start + escaped) === backslash) escaped += 1;
  const quote = text.charCodeAt(start + escaped);
  if (isAny(quote, `"'\``)) {
    const valueStart = start + escaped + 1;
    return nonEmpty(valueStart, endOfQuoted(text, valueStart, quote, escaped));
  }
  const wholeLine = wholeLineEnds.some((end) => key.endsWith(end));
  const end = wholeLine ? endOfLine(text, start) : endOfWord(text, start);
  // JSON's words are no secrets, and a document that says `"password": null` stays one.
  return jsonWords.has(text.slice(start, Math.min(end, start + 8))) ? undefined : nonEmpty(start, end);
}

/** The key's letters in lower case; `api key` and `x-api-key` both give `…apikey`. */
function keyBefore(text: string, separator: number): string {
  const reach = Math.max(0, separator - keyReach);
  let end = separator;
  while (end > reach && isAny(text.charCodeAt(end - 1), ` \t"'\`\\:]`)) end -= 1;
  let start = end;
  while (start > reach && (isKeyUnit(text.charCodeAt(start - 1)) || isInnerBlank(text, start - 1)))
    start -= 1;
  return text
    .slice(start, end)
    .replace(/[^A-Za-z]/g, "")
    .toLowerCase();
}

function isInnerBlank(text: string, at: number): boolean {
  return text.charCodeAt(at) === space && at > 0 && isKeyUnit(text.charCodeAt(at - 1));
}

/** `user:password` of `scheme://user:password@host`. */
function userInfo(text: string, start: number): Span | undefined {
  const reach = Math.min(text.length, start + userInfoReach);
  for (let at = start; at < reach; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === 0x40) return nonEmpty(start, at);
    if (unit <= space || isAny(unit, `/?#"'\`<>`)) return undefined;
  }
  return undefined;
}

/** The token behind the word `bearer`, however it is written. */
function bearerToken(text: string, at: number): Span | undefined {
  if (at > 0 && isKeyUnit(text.charCodeAt(at - 1))) return undefined;
  if (text.slice(at, at + 6).toLowerCase() !== "bearer") return undefined;
  const start = skipBlanks(text, at + 6);
  if (start === at + 6) return undefined;
  let end = start;
  while (end < text.length && isTokenUnit(text.charCodeAt(end))) end += 1;
  return end - start >= bearerCharsMin ? { start, end } : undefined;
}

/** From the dashes before BEGIN to the end of the END line, or of the text. */
function privateKey(text: string, at: number): Span | undefined {
  if (!text.startsWith("-----BEGIN ", at)) return undefined;
  const header = text.slice(at, at + 64);
  const headerEnd = header.indexOf("PRIVATE KEY-----");
  if (headerEnd < 0) return undefined;
  const end = text.indexOf("-----END ", at);
  return { start: at, end: end < 0 ? text.length : endOfLine(text, end) };
}

function endOfQuoted(text: string, start: number, quote: number, escaped: number): number {
  for (let at = start; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === lineFeed) return at;
    if (unit !== quote) continue;
    const before = backslashesBefore(text, at, start);
    // A quote behind as many backslashes as opened the value closes it; behind more it is part of it.
    if (before <= escaped) return at - before;
  }
  return text.length;
}

function backslashesBefore(text: string, at: number, start: number): number {
  let count = 0;
  // More than these never open a value.
  while (count < 16 && at - count > start && text.charCodeAt(at - count - 1) === backslash) count += 1;
  return count;
}

function endOfWord(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) > space && !isAny(text.charCodeAt(at), `,;&"'\`)}]>|\\`))
    at += 1;
  return at;
}

function endOfLine(text: string, start: number): number {
  let at = start;
  while (at < text.length && !isAny(text.charCodeAt(at), `\r\n"'\``)) at += 1;
  return at;
}

function skipBlanks(text: string, start: number): number {
  let at = start;
  const reach = start + keyReach;
  while (at < reach && isAny(text.charCodeAt(at), " \t")) at += 1;
  return at;
}

function nonEmpty(start: number, end: number): Span | undefined {
  return end > start ? { start, end } : undefined;
}

const colon = 0x3a;
const equals = 0x3d;
const dash = 0x2d;
const space = 0x20;
const lineFeed = 0x0a;
const backslash = 0x5c;

function isAny(unit: number, units: string): boolean {
  for (let index = 0; index < units.length; index += 1) if (units.charCodeAt(index) === unit) return true;
  return false;
}

function isLetterOrDigit(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a);
}

function isKeyUnit(unit: number): boolean {
  return isLetterOrDigit(unit) || unit === 0x5f || unit === dash || unit === 0x2e;
}

function isTokenUnit(unit: number): boolean {
  return isLetterOrDigit(unit) || isAny(unit, "-._~+/=");
}
