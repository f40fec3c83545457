/**
 * All places of a word in a text, overlapping ones too, in time that grows with the two lengths and not with their product.
 *
 * Source: Knuth, Morris, Pratt, "Fast Pattern Matching in Strings", 1977.
 */
import type { Span } from "./redact.ts";

/** Adds the places of `word`, which is not empty, to `spans`; overlapping places are one span. */
export function literalSpans(text: string, word: string, spans: Span[]): void {
  const fallback = fallbackOf(word);
  let matched = 0;
  let open: { start: number; end: number } | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    while (matched > 0 && word.charCodeAt(matched) !== unit) matched = fallback[matched - 1] ?? 0;
    if (word.charCodeAt(matched) === unit) matched += 1;
    if (matched < word.length) continue;
    const start = at + 1 - word.length;
    if (open !== undefined && start <= open.end) open.end = at + 1;
    else {
      open = { start, end: at + 1 };
      spans.push(open);
    }
    matched = fallback[matched - 1] ?? 0;
  }
}

/** For every prefix: the length of its longest proper prefix that is also its end. */
function fallbackOf(word: string): Uint32Array {
  const fallback = new Uint32Array(word.length);
  let matched = 0;
  for (let at = 1; at < word.length; at += 1) {
    while (matched > 0 && word.charCodeAt(at) !== word.charCodeAt(matched))
      matched = fallback[matched - 1] ?? 0;
    if (word.charCodeAt(at) === word.charCodeAt(matched)) matched += 1;
    fallback[at] = matched;
  }
  return fallback;
}
