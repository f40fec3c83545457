/**
 * Reads JSON text into the value model without losing a digit, a float or a repeated key.
 * It never repairs and never guesses: what is not exactly JSON is an error with its line and column.
 *
 * The engine's own parser does the work. A quick look over the text beforehand finds the few tokens it would lose; when the
 * two do not agree, or the engine refuses the text, the exact reader has the last word.
 *
 * Source: spec bundle §1.3, spec kernel §2.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { parseExactly } from "./exact.ts";
import { restore, type Tree } from "./restore.ts";
import { survey } from "./survey.ts";
import { decodeUtf8, refuseByteOrderMark } from "./utf8.ts";
import type { JsonValue } from "./value.ts";

export interface JsonReadOptions {
  /** Size of the text in UTF-8; `limits.jsonTextBytesMax` when absent. */
  readonly textBytesMax?: number;
  /** Containers inside one another; `limits.jsonDepthMax` when absent. */
  readonly depthMax?: number;
}

/**
 * A string is text; bytes must be UTF-8 without a byte-order mark.
 *
 * @throws AkcError JSON_SYNTAX, JSON_DUPLICATE_KEY (details `key`), JSON_LONE_SURROGATE, JSON_NOT_FINITE, JSON_TOO_DEEP,
 *   JSON_NOT_UTF8, all with details `line` and `column`, or JSON_TOO_LARGE.
 */
export function parseJson(source: string | Uint8Array, options: JsonReadOptions = {}): JsonValue {
  const depthMax = options.depthMax ?? limits.jsonDepthMax;
  refuseTooLarge(source, options.textBytesMax ?? limits.jsonTextBytesMax);
  const text = typeof source === "string" ? source : decodeUtf8(source);
  refuseByteOrderMark(text);
  const value = parseQuickly(text, depthMax);
  return value === undefined ? parseExactly(text, depthMax) : value;
}

/** Undefined when the text needs the exact reader. */
function parseQuickly(text: string, depthMax: number): JsonValue | undefined {
  if (!text.isWellFormed()) return undefined;
  const found = survey(text, depthMax);
  if (found.depth > depthMax || found.loneSurrogate) return undefined;
  if (found.indexKey && found.numbers.length > 0) return undefined;
  let tree: Tree;
  try {
    tree = JSON.parse(text);
  } catch {
    return undefined;
  }
  return restore(tree, text, found);
}

function refuseTooLarge(source: string | Uint8Array, textBytesMax: number): void {
  const bytes = typeof source === "string" ? utf8Length(source, textBytesMax) : source.length;
  if (bytes <= textBytesMax) return;
  throw new AkcError("JSON_TOO_LARGE", { details: { bytes, limit: textBytesMax } });
}

/** Exact only when it matters: a UTF-16 unit takes one to three bytes. */
function utf8Length(text: string, textBytesMax: number): number {
  return text.length * 3 <= textBytesMax ? text.length : Buffer.byteLength(text, "utf8");
}
