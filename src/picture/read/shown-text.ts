/** Text of a run as a picture may show it: without what stands where secrets stand, and no longer than a reader looks at. */
import { redactText } from "../../evidence/redact.ts";
import { limits } from "../../limits.ts";

/** @param charsMax in UTF-16 units; a pair of them is never parted */
export function cutText(text: string, charsMax: number): { readonly text: string; readonly isCut: boolean } {
  // A little more than is shown, so that a secret at the end is seen to begin; no more, since texts may be long.
  const looked = text.slice(0, charsMax + 256);
  const safe = redactText(looked, []);
  const isCut = looked.length < text.length || safe.length > charsMax;
  return { text: safe.slice(0, charsMax).replace(/[\ud800-\udbff]$/, ""), isCut };
}

export function shownText(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const cut = cutText(text, limits.picturedTextCharsMax);
  return cut.isCut ? `${cut.text}…` : cut.text;
}
