/**
 * Makes docs/reference/errors.md from the list of error codes, so that it says what errors say. Never writes by hand what the list says.
 *
 * Run: bun scripts/error-reference.ts
 */
import { AkcError, type ErrorCode, errorCodes } from "../src/errors.ts";

export const errorReferencePath = new URL("../docs/reference/errors.md", import.meta.url).pathname;

const head = `# Every error by its code

Made from the list of codes by \`bun scripts/error-reference.ts\`; what is changed here by hand is lost. A code never changes its meaning. An
error that occurs often says more than its entry here: what it was about, and a hint for that very case. What the classes mean:
[exit codes](../exit-codes.md#which-code-an-error-has).

| code | exit | class | says | what to do |
|---|---|---|---|---|
`;

/** The text of the file, as it is checked in. */
export function errorReferenceText(): string {
  const codes = Object.keys(errorCodes).filter((code): code is ErrorCode => Object.hasOwn(errorCodes, code));
  const rows = codes.toSorted().map((code) => {
    const { exitCode, class: kind, message, hint } = new AkcError(code);
    return `| <a id="${code.toLowerCase()}"></a>\`${code}\` | ${exitCode} | ${kind} | ${cell(message)} | ${cell(hint)} |`;
  });
  return `${head}${rows.join("\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;").replaceAll("\n", " ");
}

if (import.meta.main) await Bun.write(errorReferencePath, errorReferenceText());
