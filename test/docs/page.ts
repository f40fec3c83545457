/**
 * A page of the documentation as what can be run of it. Marks are comments of HTML on the line before a block, so that nobody who reads
 * the page sees them:
 *
 *   `<!-- file: NAME -->`        the block is the content of this file
 *   `<!-- before: COMMANDS -->`  run in front of the block, unseen: what the page takes for granted; may stand several times
 *   `<!-- exit: N -->`           the block ends with this code, or one of several (`0 or 1`: what it finds depends on the host)
 *   `<!-- goes on: WORDS -->`    commands that go on until they are stopped: those whose words after `akc` are these (`*` for any)
 *   `<!-- not run: REASON -->`   it cannot run in a test; its commands and flags are still held against the command table
 *
 * A block of `text` right after a block of `sh` is what that one shows, compared loosely (`missingLine`). A block of no language whose
 * first line begins with `$ ` is both: its lines that begin so are run, the others are shown.
 */

export type Piece =
  | { readonly kind: "file"; readonly line: number; readonly name: string; readonly text: string }
  | {
      readonly kind: "run";
      readonly line: number;
      readonly script: string;
      readonly before: readonly string[];
      readonly exits: readonly number[];
      readonly goesOn: readonly string[];
      /** Lines that its output has, in this order. */
      readonly shown: readonly string[];
    }
  | { readonly kind: "not-run"; readonly line: number; readonly script: string; readonly reason: string };

export function piecesOf(page: string): readonly Piece[] {
  const pieces: Piece[] = [];
  const lines = page.split("\n");
  let marks: string[] = [];
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? "";
    const [, mark] = /^<!-- ((?:file|before|exit|goes on|not run): .*) -->$/.exec(line) ?? [];
    if (mark !== undefined) {
      marks.push(mark);
      continue;
    }
    const [, language] = /^```(\w*)/.exec(line) ?? [];
    if (language === undefined) {
      if (line.trim() !== "") marks = [];
      continue;
    }
    const end = lines.indexOf("```", index + 1);
    const text = `${lines.slice(index + 1, end).join("\n")}\n`;
    const last = pieces.at(-1);
    const follows =
      last?.kind === "run" && lines.slice(endOf(last), index).every((each) => each.trim() === "");
    if (language === "text" && follows && last.kind === "run" && marks.length === 0)
      pieces[pieces.length - 1] = { ...last, shown: text.split("\n").filter((each) => each.trim() !== "") };
    else pieces.push(...pieceOf(language, text, index + 1, marks));
    marks = [];
    index = end;
  }
  return pieces;
}

/** Where the lines behind a block begin. */
function endOf({ line, script }: { readonly line: number; readonly script: string }): number {
  return line + script.split("\n").length;
}

function pieceOf(language: string, text: string, line: number, marks: readonly string[]): readonly Piece[] {
  const marked = (name: string) =>
    marks.flatMap((mark) => (mark.startsWith(`${name}: `) ? [mark.slice(name.length + 2)] : []));
  const [file] = marked("file");
  if (file !== undefined) return [{ kind: "file", line, name: file, text }];
  const typed = language === "" && text.startsWith(prompt);
  if (language !== "sh" && !typed) return [];
  const lines = text.split("\n");
  const script = typed
    ? lines.flatMap((each) => (each.startsWith(prompt) ? [`${each.slice(prompt.length)}\n`] : [])).join("")
    : text;
  const [reason] = marked("not run");
  if (reason !== undefined) return [{ kind: "not-run", line, script, reason }];
  const [exit = "0"] = marked("exit");
  return [
    {
      kind: "run",
      line,
      script,
      before: marked("before"),
      exits: exit.split(" or ").map(Number),
      goesOn: marked("goes on"),
      shown: typed ? lines.filter((each) => each.trim() !== "" && !each.startsWith(prompt)) : [],
    },
  ];
}

const prompt = "$ ";

/**
 * The first line of `shown` that `output` does not have behind those before it; undefined where it has them all. `…` stands for
 * anything, a number for any number, an id for any id, and blanks for any blanks.
 */
export function missingLine(shown: readonly string[], output: string): string | undefined {
  const lines = output.split("\n");
  let from = 0;
  for (const wanted of shown) {
    if (wanted.trim() === "…") continue;
    const pattern = patternOf(wanted);
    const found = lines.findIndex((line, index) => index >= from && pattern.test(line.trim()));
    if (found < 0) return wanted;
    from = found + 1;
  }
  return undefined;
}

function patternOf(line: string): RegExp {
  const parts = line
    .trim()
    .split(
      /(…|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{8,}\b|\d[\d.,:]*(?: (?:ms|s|min|h|d|B|kB|MB|GB)\b)?|\s+)/,
    )
    .map((part, index) => {
      if (index % 2 === 0) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
      if (part === "…") return ".*";
      if (part.trim() === "") return "\\s+";
      return "[\\w.,:-]+(?: (?:ms|s|min|h|d|B|kB|MB|GB)\\b)?";
    });
  return new RegExp(`^${parts.join("")}$`);
}
