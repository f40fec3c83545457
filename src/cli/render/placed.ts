/**
 * Faults of a text that a person wrote, as compilers print them: where, what, by which rule, and the line itself with a caret.
 * Shows the text as it stands, made harmless; it never judges it.
 */
import type { FaultySource, Issue } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Style } from "./style.ts";
import { fit, printable, width } from "./text.ts";

interface Showing {
  readonly style: Style;
  /** What a line of the text must fit into; absent: as much of it as an excerpt may have. */
  readonly columns: number | undefined;
}

/** `akc.yaml:12:5: unknown key [key-unknown]`, each followed by the line that it speaks of. */
export function placedLines(
  issues: readonly Issue[],
  { path, text }: FaultySource,
  showing: Showing,
): readonly string[] {
  const { style } = showing;
  const lines = text.split(/\r?\n/);
  const shown = issues.slice(0, limits.issuesShownMax);
  const hidden = issues.length - shown.length;
  return [
    ...shown.flatMap((issue) => [
      `${style.strong(placeOf(path, issue))} ${printable(issue.message)}${issue.rule === undefined ? "" : ` ${style.faint(`[${issue.rule}]`)}`}`,
      ...excerpt(lines, issue, showing),
    ]),
    ...(hidden > 0 ? [`… and ${hidden} more`] : []),
  ];
}

function placeOf(path: string, { line, column }: Issue): string {
  return `${printable(path)}:${line === undefined ? "" : `${line}:${column ?? 1}:`}`;
}

/** The line with its number, and a caret below what the fault is about. */
function excerpt(
  lines: readonly string[],
  { line, column = 1 }: Issue,
  { style, columns }: Showing,
): string[] {
  const written = line === undefined ? undefined : lines[line - 1];
  if (line === undefined || written === undefined || written.trim() === "") return [];
  const label = String(line).padStart(4);
  const room = Math.max(20, (columns ?? limits.excerptLineColumnsMax) - label.length - 3);
  // What stands far to the right is shown from a little before it.
  const from =
    width(written) > room && column > room / 2 ? Math.max(0, column - 1 - Math.floor(room / 3)) : 0;
  const before = `${from > 0 ? "…" : ""}${printable(written.slice(from, column - 1))}`;
  // More of it could not be shown, however narrow.
  const rest = printable(written.slice(column - 1, column + 2 * room));
  const shown = fit(before + rest, room);
  const marked = /^("[^"]*"|'[^']*'|[^\s:,\]}#]+)/.exec(rest)?.[0] ?? "";
  const carets = "^".repeat(Math.max(1, Math.min(width(marked), width(shown) - width(before))));
  return [
    `${style.faint(`${label} |`)} ${shown}`,
    `${style.faint(`${" ".repeat(label.length)} |`)} ${" ".repeat(width(before))}${style.bad(carets)}`,
  ];
}
