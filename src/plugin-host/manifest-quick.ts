/**
 * A quick look at a manifest's text with Bun's own YAML reader, which takes a fortieth of the time but knows no places and
 * lets duplicate keys pass. It only answers for plain texts on which both readers must agree; any other is for the strict one.
 */
import { limits } from "../limits.ts";

/** Anchors, aliases, tags, directives, escapes, block scalars and several documents are rare in manifests, and the strict reader's affair. */
const notPlain =
  /[&*!%\\|>?@`~]|^(?:---|\.\.\.)|<<|__proto__|prototype|constructor|[^\n\x20-\x7e\u00a1-\u1fff\u2010-\u2027\u2030-\u205e\u3001-\ud7ff]/m;

/** The value of the text; undefined where only the strict reader can tell. */
export function quickValue(text: string): unknown {
  if (text.length > limits.pluginManifestBytesMax || isDeep(text)) return undefined;
  // A block map at the root: a line that begins with `#` is then a comment wherever it stands.
  if (!/^(?:#[^\n]*\n|\n)*[a-z]/.test(text) || notPlain.test(withoutQuotedStars(text))) return undefined;
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch {
    return undefined;
  }
  // Every entry of a map has a colon of its own. Where the value has fewer than the text, a key was there twice.
  const written = countColons(text.replaceAll(/^#.*$/gm, ""));
  return colonsOf(value) === written ? value : undefined;
}

/** Bun's reader goes down as far as the text does. */
function isDeep(text: string): boolean {
  return (text.match(/[[{]|- - /g)?.length ?? 0) > 500;
}

/** `"*.example.com:443"` is no alias; the pattern is common. */
function withoutQuotedStars(text: string): string {
  return text.replaceAll(/"[\w.:*-]*"/g, '""');
}

/** One for each entry, and those within keys and texts. */
function colonsOf(value: unknown): number {
  if (typeof value === "string") return countColons(value);
  if (typeof value !== "object" || value === null) return 0;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + colonsOf(item), 0);
  return Object.entries(value).reduce((sum, [key, item]) => sum + 1 + countColons(key) + colonsOf(item), 0);
}

function countColons(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) count++;
  return count;
}
