/**
 * Writes HTML and SVG: whatever text it is given is made harmless, and only what stands in a template is markup. It must never take
 * a string for markup unless a renderer of this folder has made it.
 *
 * Source: https://html.spec.whatwg.org/multipage/syntax.html
 */

/** Finished HTML. */
export interface Markup {
  readonly markup: string;
}

export type Content = Markup | string | number | undefined | readonly Content[];

/** `html\`<b>${name}</b>\``: values become text, markup stays, lists are joined, undefined is nothing. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Markup {
  let markup = parts[0] ?? "";
  for (const [at, value] of values.entries()) markup += written(value) + (parts[at + 1] ?? "");
  return { markup };
}

/** What one of our own renderers has made, with all text in it made harmless already. */
export function trusted(markup: string): Markup {
  return { markup };
}

export const nothing: Markup = { markup: "" };

function written(value: Content): string {
  if (value === undefined) return "";
  if (typeof value === "string") return escaped(value);
  if (typeof value === "number") return String(value);
  return "markup" in value ? value.markup : value.map(written).join("");
}

/** For text and for attribute values in quotes. */
export function escaped(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(control, "\ufffd")
    .replaceAll(reordering, "\ufffd")
    .replaceAll(special, (char) => `&#${char.charCodeAt(0)};`);
}

/** JSON for a `script` element of a type that is not run: nothing in it can end the element or begin a comment. */
export function jsonMarkup(value: unknown): Markup {
  return { markup: JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, unicodeEscape) };
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const special = /[&<>"'`]/g;

/** Control characters but for tab and line breaks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]/g;
/** What hides or reorders text: a name must not look like another. */
const reordering = /[\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
