/**
 * Makes docs/validator_bindings.schema.json from the schemas that read a registry of bindings, so that editors check the same
 * thing. Never writes by hand what the schemas say.
 *
 * Run: bun scripts/bindings-schema.ts
 */
import { bindingsSchemaText } from "../src/validation/bindings/json-schema.ts";

export const bindingsSchemaPath = new URL("../docs/validator_bindings.schema.json", import.meta.url).pathname;

if (import.meta.main) await Bun.write(bindingsSchemaPath, bindingsSchemaText());
