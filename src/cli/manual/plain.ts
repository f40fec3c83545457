/** A manual page as plain text, for a host without `man` and for pipes. As wide as it is told, never wider than is good to read. */
import { padEnd, printable, width, wrap } from "../render/text.ts";
import type { Block, ManualPage } from "./page.ts";

const widestMax = 100;
const narrowestMin = 40;
const indent = "    ";

export function plainOf({ name, summary, sections }: ManualPage, columns: number): string {
  const room = Math.min(widestMax, Math.max(narrowestMin, columns)) - indent.length;
  const head = ["NAME", ...filled(`${name} - ${summary.replace(/\.$/, "")}`, room)];
  const rest = sections.map(({ title, blocks }) =>
    [
      title,
      ...blocks
        .map((block) => blockLines(block, room).join("\n"))
        .join("\n\n")
        .split("\n"),
    ].join("\n"),
  );
  return `${[head.join("\n"), ...rest].join("\n\n")}\n`;
}

function blockLines(block: Block, room: number): readonly string[] {
  switch (block.kind) {
    case "paragraph":
      return filled(block.text, room);
    case "literal":
      return [`${indent}${printable(block.text)}`];
    case "rows":
      return rowLines(block.rows, room);
    case "examples":
      return block.examples.flatMap(({ command, says }, index) => [
        ...(index === 0 ? [] : [""]),
        ...filled(says, room),
        `${indent}${indent}${printable(command)}`,
      ]);
    case "pages":
      return filled(block.names.map((name) => `${name}(1)`).join(", "), room);
  }
}

function rowLines(rows: readonly (readonly [string, string])[], room: number): readonly string[] {
  const left = Math.min(28, Math.max(...rows.map(([term]) => width(term))));
  return rows.flatMap(([term, says]) => {
    const texts = says === "" ? [] : wrap(printable(says), Math.max(20, room - left - 2));
    const first =
      width(term) > left ? printable(term) : `${padEnd(printable(term), left)}  ${texts.shift() ?? ""}`;
    return [first, ...texts.map((text) => `${" ".repeat(left)}  ${text}`)].map((line) =>
      `${indent}${line}`.trimEnd(),
    );
  });
}

function filled(text: string, room: number): readonly string[] {
  return wrap(printable(text), room).map((line) => `${indent}${line}`);
}
