/**
 * Makes docs/operator-policy.schema.json from the schema that reads the operator's file, so that editors check the same
 * thing. Knows only the kinds of schema that the file uses; a new kind is an error here, never a hole in the output.
 *
 * Run: bun scripts/policy-schema.ts
 */
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

type Json = Record<string, unknown>;

function jsonSchemaOf(schema: object): Json {
  const pipe = listOf(member(schema, "pipe"));
  if (pipe.length === 0) return bareSchemaOf(schema);
  const [first, ...actions] = pipe;
  if (first === undefined) throw new Error("a pipe has at least one item");
  return Object.assign(jsonSchemaOf(first), ...actions.map(ruleOf));
}

function bareSchemaOf(schema: object): Json {
  const type = member(schema, "type");
  switch (type) {
    case "strict_object":
      return objectSchema(objectOf(member(schema, "entries")));
    case "record":
      return {
        type: "object",
        propertyNames: jsonSchemaOf(objectOf(member(schema, "key"))),
        additionalProperties: jsonSchemaOf(objectOf(member(schema, "value"))),
      };
    case "array":
      return { type: "array", items: jsonSchemaOf(objectOf(member(schema, "item"))) };
    case "optional":
      return jsonSchemaOf(objectOf(member(schema, "wrapped")));
    case "picklist":
      return { enum: member(schema, "options") };
    case "literal":
      return { const: member(schema, "literal") };
    case "string":
    case "number":
    case "boolean":
      return { type };
    default:
      throw new Error(`no JSON schema for a schema of type ${String(type)}`);
  }
}

function objectSchema(entries: object): Json {
  const all = Object.entries(entries).map(([key, entry]) => [key, objectOf(entry)] as const);
  const required = all.filter(([, entry]) => member(entry, "type") !== "optional").map(([key]) => key);
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(all.map(([key, entry]) => [key, jsonSchemaOf(entry)])),
    additionalProperties: false,
  };
}

/** What one action of a pipe adds. */
function ruleOf(action: object): Json {
  const requirement = member(action, "requirement");
  const type = member(action, "type");
  switch (type) {
    case "description":
      return { description: member(action, "description") };
    case "regex":
      return { pattern: requirement instanceof RegExp ? requirement.source : "" };
    case "min_value":
      return { minimum: requirement };
    case "gt_value":
      return { exclusiveMinimum: requirement };
    case "safe_integer":
      return { type: "integer" };
    case "check":
      // Only one check is used: a policy's meaning must say something.
      return { minProperties: 1 };
    default:
      throw new Error(`no JSON schema for an action of type ${String(type)}`);
  }
}

function member(holder: object, key: string): unknown {
  const value: unknown = Reflect.get(holder, key);
  return value;
}

function objectOf(value: unknown): object {
  if (typeof value !== "object" || value === null) throw new Error("a schema is an object");
  return value;
}

function listOf(value: unknown): readonly object[] {
  return Array.isArray(value) ? value.map(objectOf) : [];
}

if (import.meta.main) await Bun.write(operatorSchemaPath, operatorPolicySchemaText());
