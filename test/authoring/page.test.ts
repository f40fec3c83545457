import { expect, test } from "bun:test";
import { akcPagePath, akcPageText, akcSchemaPath } from "../../scripts/akc-schema.ts";
import { planSchemaText } from "../../src/authoring/tables/plan.ts";
import { compiled, loaded } from "./compiled.ts";

const page = await Bun.file(akcPagePath).text();

test("the published schema and the page's tables are what reads a plan (bun scripts/akc-schema.ts)", async () => {
  expect(JSON.parse(await Bun.file(akcSchemaPath).text())).toEqual(JSON.parse(planSchemaText()));
  expect(page).toBe(akcPageText(page));
});

test("every example of the page is a whole plan: it builds, and its bundle loads without a warning", async () => {
  const examples = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = ""]) => text);
  expect(examples.length).toBeGreaterThan(3);
  for (const text of examples) {
    const built = compiled(text);
    expect(built.warnings).toEqual([]);
    expect((await loaded(built)).warnings).toEqual([]);
  }
});

test("every member has a description, in the schema too", () => {
  const silent: string[] = [];
  const walk = (value: unknown, at: string): void => {
    if (typeof value !== "object" || value === null) return;
    const properties: unknown = Reflect.get(value, "properties");
    if (typeof properties === "object" && properties !== null)
      for (const [key, member] of Object.entries(properties))
        if (String(Reflect.get(Object(member), "description") ?? "").length < 5) silent.push(`${at}.${key}`);
    for (const [key, item] of Object.entries(value)) walk(item, `${at}/${key}`);
  };
  walk(JSON.parse(planSchemaText()), "");
  expect(silent).toEqual([]);
});
