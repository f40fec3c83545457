/**
 * Reads one part of a bundle with a schema and says where each fault stands, as a JSON pointer.
 * Never guesses: a value of a wrong type is an issue, not a truthy or falsy one.
 *
 * Source: spec bundle §8.3 and bundle:W-30; RFC 6901.
 */
import * as v from "valibot";
import type { Issue } from "../errors.ts";
import { pointer } from "../json/pointer.ts";
import { asDouble, JsonFloat, type JsonNumber, type JsonValue } from "../json/value.ts";

export { pointer } from "../json/pointer.ts";

/** A switch. The strings "true" and "yes" are not switches. */
export const Switch = v.boolean("must be true or false");

/** Names: surrounding space is dropped, and so are blank ones. */
export const Names = v.pipe(
  v.array(v.string("must be a string"), "must be a list of strings"),
  v.transform((names): readonly string[] => names.map((name) => name.trim()).filter((name) => name !== "")),
);

/** Any JSON number, as a double. */
export const Numeric = v.pipe(
  v.custom<JsonNumber>(isJsonNumber, "must be a number"),
  v.transform((value) => asDouble(value) ?? 0),
);

function isJsonNumber(value: unknown): value is JsonNumber {
  return typeof value === "number" || typeof value === "bigint" || value instanceof JsonFloat;
}

/** What `schema` makes of `value`, or undefined after the reasons were added to `issues`. */
export function readPart<const Schema extends v.GenericSchema>(
  schema: Schema,
  value: JsonValue | undefined,
  at: string,
  issues: Issue[],
): v.InferOutput<Schema> | undefined {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  for (const issue of result.issues) {
    const keys = (issue.path ?? []).map((item) => String(item.key));
    issues.push({ path: at + pointer(...keys), message: issue.message });
  }
  return undefined;
}
