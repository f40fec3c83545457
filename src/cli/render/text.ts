/**
 * Text as it may reach a terminal: measured in columns, cut with an ellipsis, and never able to steer the terminal.
 * Whatever came from a bundle, an event or a child goes through `printable` first.
 */

/** Control characters (C0, DEL, C1) and direction overrides: they could move the cursor, hide or reorder text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
const steering = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** One line of harmless text: characters that steer a terminal are shown as escapes. */
export function printable(text: string): string {
  return text.replaceAll(steering, (char) => {
    if (char === "\n") return "\\n";
    if (char === "\t") return " ";
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

export function width(text: string): number {
  return Bun.stringWidth(text);
}

/** At most `columns` wide; what is cut off is shown as `…`. */
export function fit(text: string, columns: number): string {
  if (columns <= 0) return "";
  if (text.length <= columns / 2 || width(text) <= columns) return text;
  let kept = "";
  let used = 0;
  for (const char of text) {
    const next = used + width(char);
    if (next > columns - 1) break;
    kept += char;
    used = next;
  }
  return `${kept}…`;
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - width(text))) + text;
}

/** Breaks at blanks so that no line is wider than `columns`, where words allow it. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && width(line) + 1 + width(word) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** `1 run`, `2 runs`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
