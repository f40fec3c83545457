/**
 * Takes secrets out of text before it is stored: the ones that are known, and what stands where secrets stand. It looks at
 * every character a bounded number of times, whatever the text; digests are left alone, since evidence is made of them.
 *
 * Source: spec kernel §12.8 (log redaction); bundle:W-27, W-29.
 */

import { credentialSpans } from "./credential-spans.ts";
import { literalSpans } from "./literal-spans.ts";

/** A part of the text, from `start` up to but not including `end`, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export const redacted = "[redacted]";

/** Shorter ones would take ordinary words out of every text. */
const secretCharsMin = 4;

/**
 * The text with `[redacted]` in the place of every occurrence of a known secret and of every value that is marked as one:
 * bearer tokens, `key: value` and `key=value` of authorization, API key, token, secret and password, user information in
 * URLs, private keys in PEM. Redacting twice changes nothing more.
 * @param secrets known values; those below four characters are not looked for.
 */
export function redactText(text: string, secrets: readonly string[]): string {
  const spans: Span[] = [];
  for (const secret of new Set(secrets)) {
    // What is part of the mark itself would be found in it again.
    if (secret.length >= secretCharsMin && !redacted.includes(secret)) literalSpans(text, secret, spans);
  }
  credentialSpans(text, spans);
  return spans.length === 0 ? text : without(text, spans);
}

function without(text: string, spans: Span[]): string {
  spans.sort((left, right) => left.start - right.start);
  let result = "";
  let kept = 0;
  for (let index = 0; index < spans.length; ) {
    const first = spans[index];
    if (first === undefined) break;
    let end = first.end;
    // Parts that overlap or touch are one secret.
    for (index += 1; index < spans.length; index += 1) {
      const next = spans[index];
      if (next === undefined || next.start > end) break;
      end = Math.max(end, next.end);
    }
    result += text.slice(kept, first.start) + redacted;
    kept = end;
  }
  return result + text.slice(kept);
}
