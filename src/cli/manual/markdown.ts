/** Manual pages as one page of Markdown, for the reference in docs/. Nothing a command says of itself can break a table or begin a tag. */
import type { Block, ManualPage } from "./page.ts";

const head = `# Every command

Made from the command table by \`bun scripts/reference.ts\`; what is changed here by hand is lost. The same is in the terminal:
\`akc COMMAND --help\`, \`akc man COMMAND\`. Flags of every command are told once, at the end.

`;

/** Flags that every command has are left out of each and told once. */
export function markdownOf(
  pages: readonly ManualPage[],
  common: readonly (readonly [string, string])[],
): string {
  const isCommon = (term: string) => common.some(([other]) => other === term);
  const names = new Set(pages.map(({ name }) => name));
  const contents = pages
    .filter(({ path }) => path !== "" && !path.includes(" "))
    .map(({ path, summary }) => `- [akc ${path}](#${anchor(`akc ${path}`)}): ${text(summary)}`);
  const bodies = pages.map((page) => body(page, isCommon, names));
  return `${head}${contents.join("\n")}\n\n${bodies.join("\n\n")}\n\n## Flags of every command\n\n${table(common)}\n`;
}

function body(page: ManualPage, isCommon: (term: string) => boolean, names: ReadonlySet<string>): string {
  const depth = page.path.includes(" ") ? "###" : "##";
  const parts = page.sections
    // A list of the pages beside is what this page is itself.
    .filter(({ title }) => title !== "SEE ALSO")
    .flatMap(({ title, blocks }) => {
      const written = blocks.map((block) => blockText(block, isCommon)).filter((each) => each !== "");
      if (written.length === 0) return [];
      const heading = title === "SYNOPSIS" || title === "DESCRIPTION" ? [] : [`**${titled(title)}**`];
      return [[...heading, ...written].join("\n\n")];
    });
  const title = page.path === "" ? "akc" : `akc ${page.path}`;
  return names.has(page.name) ? [`${depth} ${title}`, ...parts].join("\n\n") : "";
}

function blockText(block: Block, isCommon: (term: string) => boolean): string {
  switch (block.kind) {
    case "paragraph":
      return text(block.text);
    case "literal":
      return `\`\`\`text\n${block.text}\n\`\`\``;
    case "rows": {
      const rows = block.rows.filter(([term]) => !isCommon(term));
      return rows.length === 0 ? "" : table(rows);
    }
    case "examples":
      return `\`\`\`text\n${block.examples.map(({ command, says }) => `# ${says}\n${command}`).join("\n\n")}\n\`\`\``;
    case "pages":
      return "";
  }
}

function table(rows: readonly (readonly [string, string])[]): string {
  const lines = rows.map(
    ([term, says]) => `| \`${term.replaceAll("|", "\\|")}\` | ${text(says).replaceAll("|", "\\|")} |`,
  );
  return ["| | |", "|---|---|", ...lines].join("\n");
}

/** Code between backticks stays; what would be a tag outside of it does not become one. */
function text(words: string): string {
  return words
    .split("`")
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll("<", "&lt;").replaceAll("*", "\\*")))
    .join("`");
}

function titled(title: string): string {
  return `${title.slice(0, 1)}${title.slice(1).toLowerCase()}`;
}

function anchor(title: string): string {
  return title.toLowerCase().replaceAll(" ", "-");
}
