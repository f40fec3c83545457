/**
 * Makes docs/operator-policy.schema.json from the schema that reads the operator's file, so that editors check the same
 * thing. Never writes by hand what the schema says.
 *
 * Run: bun scripts/policy-schema.ts
 */
import { jsonSchemaOf } from "../src/json/schema-text.ts";
import { OperatorFileSchema } from "../src/policy/operator-schema.ts";

export const operatorSchemaPath = new URL("../docs/operator-policy.schema.json", import.meta.url).pathname;

/** The text of the file, as it is checked in. */
export function operatorPolicySchemaText(): string {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://akc.dev/schemas/operator-policy.v1.json",
    title: "akc operator's policy",
    ...jsonSchemaOf(OperatorFileSchema),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) await Bun.write(operatorSchemaPath, operatorPolicySchemaText());
