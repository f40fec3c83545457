/**
 * The JSON schema of a registry, for editors and for checks elsewhere, made from the schemas that read it. What only code can say
 * (which fields need or exclude each other) is not in it.
 */

import * as v from "valibot";
import { type JsonSchema, jsonSchemaOf } from "../../json/schema-text.ts";
import { commonFields } from "./kinds/fields.ts";
import { everyFormat, ownKinds } from "./kinds/formats.ts";
import { RegistrySchema } from "./registry.ts";

/** Text of docs/validator_bindings.schema.json, with a newline at its end. */
export function bindingsSchemaText(): string {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://akc.dev/schemas/validator_bindings.v1.json",
    title: "akc validator bindings",
    ...withBindings(jsonSchemaOf(RegistrySchema)),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function withBindings(registry: JsonSchema): JsonSchema {
  const { properties, ...rest } = registry;
  const members = isObject(properties) ? properties : {};
  const bindings = isObject(members["bindings"]) ? members["bindings"] : {};
  const binding = { anyOf: [...everyFormat.map(({ schema }) => jsonSchemaOf(schema)), pluginBinding()] };
  return { ...rest, properties: { ...members, bindings: { ...bindings, additionalProperties: binding } } };
}

/** A kind that only a plugin knows: what is common to all, and whatever else is the plugin's own. */
function pluginBinding(): JsonSchema {
  const { properties } = jsonSchemaOf(v.strictObject(commonFields));
  return {
    type: "object",
    required: ["kind"],
    properties: {
      kind: { type: "string", not: { enum: ownKinds }, description: "A kind that a plugin judges." },
      ...(isObject(properties) ? properties : {}),
    },
  };
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
