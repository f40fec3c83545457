/**
 * Makes docs/autopilot.schema.json from the schema that reads the autopilot's configuration, so that editors check the same thing.
 * Never writes by hand what the schema says.
 *
 * Run: bun scripts/autopilot-schema.ts
 */
import { AutopilotFileSchema } from "../src/autopilot/config/schema.ts";
import { jsonSchemaOf } from "../src/json/schema-text.ts";

export const autopilotSchemaPath = new URL("../docs/autopilot.schema.json", import.meta.url).pathname;

/** The text of the file, as it is checked in. */
export function autopilotSchemaText(): string {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://akc.dev/schemas/autopilot.v1.json",
    title: "akc autopilot's configuration",
    ...jsonSchemaOf(AutopilotFileSchema),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) await Bun.write(autopilotSchemaPath, autopilotSchemaText());
