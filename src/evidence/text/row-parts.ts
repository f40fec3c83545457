/**
 * What a row is made of, remembered apart from the row: which keys, which values, and where rows may differ.
 * Data and its text; whether a row is such a one is `row-form.ts`'s to say.
 */
import { sortedByCodePoint } from "../../json/order.ts";
import { isJsonArray, JsonFloat, type JsonObject, type JsonValue } from "../../json/value.ts";
import { type JsonForm, type Scalar, scalarText } from "./block.ts";

/** How rows stand in their file. */
export interface RowStyle {
  readonly form: JsonForm;
  /** How many levels deep a row stands; of no meaning in COMPACT. */
  readonly depth: number;
}

export type Part = ScalarPart | ObjectPart | ArrayPart;

export interface ScalarPart {
  readonly kind: "scalar";
  readonly value: Scalar;
  /** If rows may differ here: which of the places it is, counted in the order of the text. */
  place: number | undefined;
}

export interface ObjectPart {
  readonly kind: "object";
  /** In the order in which the engine lists them. */
  readonly keys: readonly string[];
  /** One a key. */
  readonly parts: readonly Part[];
  /** The object that fitted last, if nothing in it is a place: met again, it need not be looked into. */
  fitted: JsonObject | undefined;
}

export interface ArrayPart {
  readonly kind: "array";
  readonly parts: readonly Part[];
}

/** The parts of a row, none of them a place; undefined when there are more than `budget.left`. */
export function partOf(value: JsonValue, budget: { left: number }): Part | undefined {
  budget.left -= 1;
  if (budget.left < 0) return undefined;
  if (isScalar(value)) return { kind: "scalar", value, place: undefined };
  const parts: Part[] = [];
  for (const child of isJsonArray(value) ? value : Object.values(value)) {
    const part = partOf(child, budget);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  if (isJsonArray(value)) return { kind: "array", parts };
  return { kind: "object", keys: Object.keys(value), parts, fitted: undefined };
}

export function isScalar(value: JsonValue): value is Scalar {
  return typeof value !== "object" || value === null || value instanceof JsonFloat;
}

/** The row's text in the order of the file, with the places where they stand in it. */
export function* textOf(part: Part, { form, depth }: RowStyle): Generator<string | ScalarPart> {
  if (part.kind === "scalar") {
    yield part.place === undefined ? scalarText(part.value, form) : part;
    return;
  }
  const [open, close] = part.kind === "object" ? "{}" : "[]";
  yield open ?? "";
  const inner = { form, depth: depth + 1 };
  let separator = "";
  for (const [label, child] of part.kind === "object" ? labelled(part, form) : unlabelled(part)) {
    yield `${separator}${lineBreak(inner)}${label}`;
    yield* textOf(child, inner);
    separator = ",";
  }
  if (part.parts.length > 0) yield lineBreak({ form, depth });
  yield close ?? "";
}

function* labelled({ keys, parts }: ObjectPart, form: JsonForm): Generator<[string, Part]> {
  const byKey = new Map(keys.map((key, index) => [key, parts[index]]));
  for (const key of sortedByCodePoint(keys)) {
    const part = byKey.get(key);
    if (part !== undefined) yield [`${scalarText(key, form)}:${form === "pretty" ? " " : ""}`, part];
  }
}

function* unlabelled({ parts }: ArrayPart): Generator<[string, Part]> {
  for (const part of parts) yield ["", part];
}

function lineBreak({ form, depth }: RowStyle): string {
  return form === "pretty" ? `\n${"  ".repeat(depth)}` : "";
}
