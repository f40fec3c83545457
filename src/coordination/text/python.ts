/**
 * Text as the existing runtime makes and shows it: values turned into strings, blanks cut off, strings quoted.
 * Ids and error texts must agree with it to the byte; nothing here decides whether a text is acceptable.
 *
 * Source: spec kernel §11.2, §11.5; CPython `str.strip`, `str()` and `repr()`.
 */
import { canonicalJson } from "../../json/canonical.ts";
import { isJsonArray, isJsonObject, type JsonValue } from "../../json/value.ts";

/** `str.strip()`: its idea of a blank differs from `String.prototype.trim` (U+001C–1F and U+0085 are, U+FEFF is not). */
export function stripped(text: string): string {
  const end = text.length;
  // Nearly every id begins and ends with visible ASCII, and then the string itself is the answer.
  if (isVisibleAscii(text.charCodeAt(0)) && isVisibleAscii(text.charCodeAt(end - 1))) return text;
  let from = 0;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

/** `str(value).strip()`: 7 is `"7"`, true is `"True"`, null is `"None"`; what is absent is `""`. */
export function strippedText(value: JsonValue | undefined): string {
  if (typeof value === "string") return stripped(value);
  return value === undefined ? "" : pythonRepr(value);
}

/** The stripped, non-blank items of a list, as text; anything but a list has none. */
export function textItems(value: JsonValue | undefined): string[] {
  if (!isJsonArray(value)) return [];
  return value.map(strippedText).filter((text) => text !== "");
}

/** `repr(value)`. */
export function pythonRepr(value: JsonValue): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return quoted(value);
  if (isJsonArray(value)) return `[${value.map(pythonRepr).join(", ")}]`;
  if (isJsonObject(value)) {
    const members = Object.entries(value).map(([key, member]) => `${quoted(key)}: ${pythonRepr(member)}`);
    return `{${members.join(", ")}}`;
  }
  return canonicalJson(value);
}

function isVisibleAscii(unit: number): boolean {
  return unit > 0x20 && unit < 0x7f;
}

function isBlank(unit: number): boolean {
  return (
    (unit >= 0x09 && unit <= 0x0d) ||
    (unit >= 0x1c && unit <= 0x20) ||
    unit === 0x85 ||
    unit === 0xa0 ||
    unit === 0x1680 ||
    (unit >= 0x2000 && unit <= 0x200a) ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000
  );
}

const shortEscapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = text.replace(/[\\'"]|\p{C}|(?! )\p{Z}/gu, (char) => {
    if (char === "'" || char === '"') return char === quote ? `\\${char}` : char;
    return shortEscapes[char] ?? numericEscape(char.codePointAt(0) ?? 0);
  });
  return quote + body + quote;
}

function numericEscape(codePoint: number): string {
  const hex = codePoint.toString(16);
  if (codePoint <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return codePoint <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
