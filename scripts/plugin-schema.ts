/**
 * Makes docs/plugin.schema.json from the schema that reads plugin.yaml, so that editors check the same thing.
 *
 * Run: bun scripts/plugin-schema.ts
 */
import { pluginSchemaText } from "../src/plugin-host/manifest-schema.ts";

await Bun.write(new URL("../docs/plugin.schema.json", import.meta.url), pluginSchemaText());
