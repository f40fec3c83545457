/**
 * The members of a plan as tables of markdown, made from the same tables that read it: docs/akc-yaml.md holds them between two
 * marks. Says nothing that the schema does not say.
 */
import type { JsonSchema } from "../../json/schema-text.ts";
import { rules } from "../rules.ts";
import { plan } from "./plan.ts";

/** The reference with its headings; ends without a line break. */
export function memberReference(): string {
  const sections: string[] = [];
  const seen = new Set<string>();
  const open: { readonly name: string; readonly schema: JsonSchema }[] = [{ name: "", schema: plan.schema }];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { name, schema } = next;
    const rows = Object.entries(objectAt(schema, "properties"));
    const text = rows.map(([key, member]) => rowOf(key, schemaOf(member), schema)).join("\n");
    // The same map may be a member in two places: it is told once.
    if (seen.has(text)) continue;
    seen.add(text);
    const title = name === "" ? "The plan" : `\`${name}\``;
    sections.push(`### ${title}\n\n| member | form | |\n|---|---|---|\n${text}`);
    open.unshift(
      ...rows.flatMap(([key, member]) => mapsIn(name === "" ? key : `${name}.${key}`, schemaOf(member))),
    );
  }
  return sections.join("\n\n");
}

export function ruleReference(): string {
  const rows = Object.entries(rules).map(([rule, says]) => `| \`${rule}\` | ${says} |`);
  return `| rule | broken by |\n|---|---|\n${rows.join("\n")}`;
}

function rowOf(key: string, member: JsonSchema, holder: JsonSchema): string {
  const required = listAt(holder, "required").includes(key) ? " Required." : "";
  const says = String(member["description"] ?? "").replaceAll("|", "\\|");
  return `| \`${key}\` | ${formOf(member)} | ${says}${required} |`;
}

/** Maps with members of their own, as far as the member reaches them. */
function mapsIn(
  name: string,
  schema: JsonSchema,
): readonly { readonly name: string; readonly schema: JsonSchema }[] {
  if (schema["properties"] !== undefined) return [{ name, schema }];
  const items = schema["items"];
  if (items !== undefined) return mapsIn(`${name}[]`, schemaOf(items));
  const values = schema["additionalProperties"];
  if (typeof values === "object") return mapsIn(`${name}.NAME`, schemaOf(values));
  return listAt(schema, "anyOf").flatMap((one) => mapsIn(name, schemaOf(one)));
}

function formOf(schema: JsonSchema): string {
  const options = listAt(schema, "anyOf");
  if (options.length > 0) return [...new Set(options.map((one) => formOf(schemaOf(one))))].join(", or ");
  const words = listAt(schema, "enum");
  if (words.length > 0) return words.map((word) => `\`${String(word)}\``).join(", ");
  const { type, minimum, maximum } = schema;
  if (Array.isArray(type)) return "text or whole number";
  switch (type) {
    case "string":
      return String(schema["pattern"] ?? "").includes("(ms|s|m|h|d)") ? "length of time" : "text";
    case "integer":
      return maximum === Number.MAX_SAFE_INTEGER
        ? `number from ${minimum}`
        : minimum === maximum
          ? `${minimum}`
          : `number from ${minimum} to ${maximum}`;
    case "number":
      return "number";
    case "boolean":
      return "`true`, `false`";
    case "array":
      return `list of ${formOf(schemaOf(schema["items"]))
        .replace(/^text or/, "texts or")
        .replace(/^text$/, "texts")
        .replace(/^map$/, "maps")}`;
    case "object":
      return "map";
    default:
      return "any";
  }
}

function schemaOf(value: unknown): JsonSchema {
  return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function objectAt(schema: JsonSchema, key: string): JsonSchema {
  return schemaOf(schema[key]);
}

function listAt(schema: JsonSchema, key: string): readonly unknown[] {
  const value = schema[key];
  return Array.isArray(value) ? value : [];
}
