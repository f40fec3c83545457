/**
 * Keeps comments where their author put them. The YAML library gives a comment to whatever stands near it, wherever it was
 * indented to; here each comment is marked with its column before the text is read, and put right by that mark.
 */
import { Lexer } from "yaml";

/** A character of the private use area: a text that has it is left to the library. */
const mark = "\uE0C7";
const marked = /^\uE0C7(i?)(\d+)\uE0C7/;
const blank = "\uE0C8";

/**
 * The lexer's tokens of `text`, for the library's parser: every comment is marked by its column, or as standing behind something;
 * empty lines before one as well.
 */
export function* markedTokens(text: string): Generator<string> {
  const isMarkable = !text.includes(mark) && !text.includes(blank);
  let offset = 0;
  let lineStart = 0;
  let isScalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    // Signs of the lexer that are no part of the text; the one for a scalar says that the next is its value.
    if (lexeme === "\u0002" || lexeme === "\u0018" || lexeme === "\u001f") {
      isScalar = lexeme === "\u001f";
      yield lexeme;
      continue;
    }
    const isComment = !isScalar && lexeme.startsWith("#");
    if (isComment && isMarkable) {
      const before = text.slice(lineStart, offset);
      // From the end of the line before the last: to look through the whole text for each comment took a file of many 15 s.
      const above = text.slice(text.lastIndexOf("\n", Math.max(0, lineStart - 2)), offset);
      const afterGap = /^\n[ \t]*\n[ \t]*$/.test(above) ? blank : "";
      yield `#${mark}${before.trim() === "" ? "" : "i"}${before.length}${mark}${afterGap}${lexeme.slice(1)}`;
    } else yield lexeme;
    isScalar = false;
    offset += lexeme.length;
    const lastBreak = lexeme.lastIndexOf("\n");
    if (lastBreak >= 0) lineStart = offset - (lexeme.length - lastBreak - 1);
  }
}

/** Lines of the comment behind a map, parted: those that stand at least `column` deep, and those that belong further out. */
export function partComment(
  comment: string,
  column: number,
): { readonly own: string; readonly outer: string } {
  const lines = comment.split("\n");
  const at = lines.findIndex((line) => columnOf(line) !== undefined && (columnOf(line) ?? 0) < column);
  if (at < 0) return { own: comment, outer: "" };
  return { own: lines.slice(0, at).join("\n"), outer: lines.slice(at).join("\n") };
}

/** Takes the marks out of the finished text: what stood behind something stands there again. */
export function unmarkComments(text: string): string {
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const [, indent = "", rest = ""] = /^(\s*)#(\uE0C7.*)$/s.exec(line) ?? [];
    const behind = marked.exec(rest)?.[1] === "i";
    const last = lines.at(-1);
    if (behind && last !== undefined && /[:-]$/.test(last) && !/^\s*#/.test(last)) {
      lines[lines.length - 1] = `${last} #${plainOf(rest)}`;
      continue;
    }
    if (rest !== "" && rest.includes(blank) && last !== undefined && last.trim() !== "") lines.push("");
    lines.push(
      rest === ""
        ? line.replace(/#(\uE0C7.*)$/s, (_, comment) => `#${plainOf(comment)}`)
        : `${indent}#${plainOf(rest)}`,
    );
  }
  return lines.join("\n");
}

function columnOf(line: string): number | undefined {
  const [, behind, column] = marked.exec(line) ?? [];
  return column === undefined || behind === "i" ? undefined : Number(column);
}

function plainOf(comment: string): string {
  return comment.replace(marked, "").replaceAll(blank, "").trimEnd();
}
