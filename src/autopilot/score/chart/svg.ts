/** Writes SVG: elements with their attributes, whatever text they hold made harmless. Knows no chart. */

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** @param content finished SVG, or nothing for an element without content */
export function element(name: string, attributes: Attributes, ...content: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === "number" ? rounded(value) : escaped(String(value))}"`)
    .join("");
  return content.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${content.join("")}</${name}>`;
}

export function text(attributes: Attributes, words: string): string {
  return element("text", attributes, escaped(words));
}

/** What a pointer that rests on the element, or a reader of the page, is told. */
export function titled(words: string): string {
  return `<title>${escaped(words)}</title>`;
}

export function escaped(words: string): string {
  return words
    .replaceAll(notXml, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** XML has no form for them at all. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}
