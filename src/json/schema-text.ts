/**
 * Writes a valibot schema as JSON Schema (draft 2020-12), so that editors check what akc checks.
 * Knows only the kinds of schema that akc's files use; a new kind is an error here, never a hole in the output.
 */

export type JsonSchema = { readonly [key: string]: unknown };

export function jsonSchemaOf(schema: object): JsonSchema {
  const pipe = listOf(member(schema, "pipe"));
  if (pipe.length === 0) return bareSchemaOf(schema);
  const [first, ...actions] = pipe;
  if (first === undefined) throw new Error("a pipe has at least one item");
  const base = jsonSchemaOf(first);
  return Object.assign(base, ...actions.map((action) => ruleOf(action, base)));
}

function bareSchemaOf(schema: object): JsonSchema {
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
    case "union":
      return { anyOf: listOf(member(schema, "options")).map(jsonSchemaOf) };
    case "unknown":
      return {};
    case "string":
    case "number":
    case "boolean":
      return { type };
    default:
      throw new Error(`no JSON schema for a schema of type ${String(type)}`);
  }
}

function objectSchema(entries: object): JsonSchema {
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
function ruleOf(action: object, base: JsonSchema): JsonSchema {
  const requirement = member(action, "requirement");
  const type = member(action, "type");
  switch (type) {
    case "description":
      return { description: member(action, "description") };
    case "regex":
      return { pattern: requirement instanceof RegExp ? requirement.source : "" };
    // Of a text that is read as a number, the bounds are the number's.
    case "min_value":
      return base["type"] === "string" ? {} : { minimum: requirement };
    case "max_value":
      return base["type"] === "string" ? {} : { maximum: requirement };
    case "min_length":
      return { [base["type"] === "string" ? "minLength" : "minItems"]: requirement };
    case "max_length":
      return { [base["type"] === "string" ? "maxLength" : "maxItems"]: requirement };
    case "gt_value":
      return { exclusiveMinimum: requirement };
    case "safe_integer":
      return { type: "integer" };
    case "min_entries":
      return { minProperties: requirement };
    case "check":
    case "raw_check":
    case "transform":
      // What only code can say.
      return {};
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
