/**
 * A manual page as troff with the man macros. Every text goes through `escaped` or `literal`: whatever a command says of itself, none
 * of it can become a request or an escape.
 *
 * Source: groff_man(7), groff_char(7); mandoc's man(7), mandoc_char(7).
 */
import { printable } from "../render/text.ts";
import type { Block, ManualPage } from "./page.ts";

/** @param version as it stands at the foot of every page */
export function roffOf({ name, summary, sections }: ManualPage, version: string): string {
  const lines = [
    `.\\" Made from the command table by "akc man --out"; changes are lost.`,
    // Without a date: the same akc writes the same pages wherever and whenever.
    `.TH "${literal(name.toUpperCase())}" "1" "" "akc ${literal(version)}" "akc"`,
    ".SH NAME",
    protectedLine(`${literal(name)} \\- ${escaped(summary.replace(/\.$/, ""))}`),
    ...sections.flatMap(({ title, blocks }) => [`.SH ${title}`, ...blocks.flatMap(blockLines)]),
  ];
  return `${lines.join("\n")}\n`;
}

function blockLines(block: Block, index: number): readonly string[] {
  switch (block.kind) {
    case "paragraph":
      return [...(index === 0 ? [] : [".PP"]), protectedLine(prose(block.text))];
    case "literal":
      return [".nf", protectedLine(`\\fB${literal(block.text)}\\fR`), ".fi"];
    case "rows":
      return block.rows.flatMap(([term, says]) => [
        ".TP",
        protectedLine(`\\fB${literal(term)}\\fR`),
        protectedLine(says === "" ? "\\&" : prose(says)),
      ]);
    case "examples":
      return block.examples.flatMap(({ command, says }, place) => [
        ...(place === 0 ? [] : [".PP"]),
        protectedLine(prose(says)),
        ".PP",
        ".RS 4",
        ".nf",
        protectedLine(literal(command)),
        ".fi",
        ".RE",
      ]);
    case "pages":
      return [block.names.map((name) => `\\fB${literal(name)}\\fR(1)`).join(",\n")];
  }
}

/** Running text, with what stands between backticks in bold. */
function prose(text: string): string {
  return text
    .split("`")
    .map((part, index, parts) => {
      const isCode = index % 2 === 1 && index < parts.length - 1;
      if (isCode) return `\\fB${literal(part)}\\fR`;
      return `${index % 2 === 1 ? "\\(ga" : ""}${escaped(part)}`;
    })
    .join("");
}

/** What troff would read as something else than a letter, by the name of its glyph. */
const glyphs: Readonly<Record<string, string>> = {
  "\\": "\\(rs",
  '"': "\\(dq",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
};

/** Text of a line, in one line. */
export function escaped(text: string): string {
  return [...printable(text)]
    .map((char) => {
      const code = char.codePointAt(0) ?? 0;
      return (
        glyphs[char] ?? (code > 0x7e ? `\\[u${code.toString(16).toUpperCase().padStart(4, "0")}]` : char)
      );
    })
    .join("");
}

/** Text that is typed as it stands: a hyphen stays the one of the keyboard. */
export function literal(text: string): string {
  return escaped(text).replaceAll("-", "\\-");
}

/** A dot at the beginning of a line would be a request. An apostrophe is a glyph by now. */
function protectedLine(line: string): string {
  return /^[.\s]/.test(line) || line === "" ? `\\&${line}` : line;
}
