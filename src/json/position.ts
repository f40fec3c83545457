/**
 * Turns an offset in a text into the line and column that an editor shows.
 * It is asked only when something is wrong, so it may take its time; it never reads JSON.
 */

/** Both count from 1; a column counts characters (code points), not UTF-16 units. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

/** `offset` in UTF-16 units, at most the length of `text`. Only a line feed ends a line. */
export function positionAt(text: string, offset: number): TextPosition {
  let line = 1;
  let lineStart = 0;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line += 1;
    lineStart = at + 1;
  }
  let column = 1;
  for (let at = lineStart; at < offset; column += 1) {
    const point = text.codePointAt(at) ?? 0;
    at += point > 0xffff ? 2 : 1;
  }
  return { line, column };
}
