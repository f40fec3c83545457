/**
 * Makes docs/akc.schema.json from the tables that read a plan, and the tables of docs/akc-yaml.md with it, so that editors and
 * readers are told what is checked. Never writes by hand what the tables say.
 *
 * Run: bun scripts/akc-schema.ts
 */
import { planSchemaText } from "../src/authoring/tables/plan.ts";
import { memberReference, ruleReference } from "../src/authoring/tables/reference.ts";

export const akcSchemaPath = new URL("../docs/akc.schema.json", import.meta.url).pathname;
export const akcPagePath = new URL("../docs/akc-yaml.md", import.meta.url).pathname;

/** The page with what stands between its marks made anew. */
export function akcPageText(page: string): string {
  return between(between(page, "members", memberReference()), "rules", ruleReference());
}

function between(page: string, mark: string, text: string): string {
  const [begin, end] = [`<!-- ${mark}: bun scripts/akc-schema.ts -->`, `<!-- /${mark} -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/akc-yaml.md has no marks for ${mark}`);
  return `${page.slice(0, from)}${begin}\n${text}\n${page.slice(to)}`;
}

if (import.meta.main) {
  await Bun.write(akcSchemaPath, planSchemaText());
  await Bun.write(akcPagePath, akcPageText(await Bun.file(akcPagePath).text()));
}
