/**
 * Makes docs/reference/commands.md from the command table, so that it says what `--help` and the manual pages say. Never writes by
 * hand what the table says.
 *
 * Run: bun scripts/reference.ts
 */
import { commonArgs } from "../src/cli/command.ts";
import { descriptionOf, spellingsOf } from "../src/cli/flag-words.ts";
import { markdownOf } from "../src/cli/manual/markdown.ts";
import { allPages } from "../src/cli/manual/page.ts";
import { tree } from "../src/cli/tree.ts";

export const referencePath = new URL("../docs/reference/commands.md", import.meta.url).pathname;

/** The text of the file, as it is checked in. */
export async function referenceText(): Promise<string> {
  const common = Object.entries(commonArgs).map(([name, def]): [string, string] => [
    spellingsOf([name, def]),
    descriptionOf(def),
  ]);
  return markdownOf(await allPages(tree), common);
}

if (import.meta.main) await Bun.write(referencePath, await referenceText());
