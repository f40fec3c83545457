/**
 * The texts of `prettyJson` and `canonicalJson` by way of the engine's own writer, for the hundreds of thousands of small
 * rows of an export: about a third of the time where keys are in order already. Byte for byte the same texts; what the
 * engine cannot write so is left to them.
 *
 * Source: spec cli §1.1; spec bundle §1.3.
 */
import { canonicalJson, prettyJson } from "../json/canonical.ts";
import { numberText } from "../json/number.ts";
import { sortedByCodePoint } from "../json/order.ts";
import { ShapeMemory } from "../json/shape.ts";
import { isJsonArray, JsonFloat, type JsonObject, type JsonValue } from "../json/value.ts";

declare global {
  interface JSON {
    /** A value that is written as `text` stands (ECMA-262, JSON.parse source text access). */
    rawJSON(text: string): object;
  }
}

/** As `canonicalJson`. The value came from `parseJson` or was made of such values. */
export function compactText(value: JsonValue): string {
  const ready = ordered(value);
  return ready === undefined ? canonicalJson(value) : JSON.stringify(ready);
}

/** As `prettyJson`, where it stands `depth` levels deep, every line indented, the first one too. */
export function prettyLines(depth: number, value: JsonValue): string {
  const ready = ordered(value);
  if (ready === undefined) {
    const pad = "  ".repeat(depth);
    return pad + prettyJson(value).replaceAll("\n", `\n${pad}`);
  }
  let nested: unknown = ready;
  for (let level = 0; level < depth; level += 1) nested = [nested];
  const text = JSON.stringify(nested, undefined, 2);
  // Each array around it adds a bracket, a line feed and its indent at either end.
  const around = depth * (depth + 1);
  const lines = depth === 0 ? text : text.slice(around, -around);
  return /[\u007f-\uffff]/.test(lines) ? lines.replace(/[\u007f-\uffff]/g, unicodeEscape) : lines;
}

type Ready = string | number | boolean | object | null;

/**
 * The same value with the keys of its objects in order and numbers that the engine would write otherwise as raw text; the
 * value itself where nothing had to change. Undefined when a key looks like an array index: the engine puts those first.
 */
function ordered(value: JsonValue): Ready | undefined {
  switch (typeof value) {
    case "number":
      return Number.isInteger(value) ? value : JSON.rawJSON(numberText(value));
    case "bigint":
      return JSON.rawJSON(numberText(value));
    case "object":
      if (value === null) return null;
      if (isJsonArray(value)) return orderedArray(value);
      return value instanceof JsonFloat ? JSON.rawJSON(numberText(value)) : orderedObject(value);
    default:
      return value;
  }
}

function orderedArray(items: readonly JsonValue[]): Ready | undefined {
  let changed: Ready[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    const ready = item === undefined ? undefined : ordered(item);
    if (ready === undefined) return undefined;
    if (ready !== item && changed === undefined) changed = items.slice(0, index).map(plainOf);
    changed?.push(ready);
  }
  return changed ?? items;
}

function orderedObject(object: JsonObject): Ready | undefined {
  const keys = Object.keys(object);
  let inOrder = true;
  for (let index = 0; index < keys.length; index += 1) {
    const key = keys[index] ?? "";
    if (isIndexLike(key) || key === "__proto__") return undefined;
    // By code unit: it only errs towards sorting again, never the other way, except above the BMP.
    if (index > 0 && (keys[index - 1] ?? "") > key) inOrder = false;
  }
  const sorted = inOrder && !keys.some(hasSurrogate) ? keys : orderOf(keys);
  let copy: Record<string, Ready> | undefined = sorted === keys ? undefined : {};
  for (let index = 0; index < sorted.length; index += 1) {
    const key = sorted[index] ?? "";
    const member = object[key];
    const ready = member === undefined ? undefined : ordered(member);
    if (ready === undefined) return undefined;
    if (copy === undefined && ready !== member) copy = firstMembers(object, sorted, index);
    if (copy !== undefined) copy[key] = ready;
  }
  return copy ?? object;
}

/** Rows repeat a few shapes: sorting their keys once a shape is enough. */
const shapes = new ShapeMemory(() => new Uint8Array());

function orderOf(keys: readonly string[]): readonly string[] {
  return shapes.of(keys)?.sorted ?? sortedByCodePoint(keys);
}

/** The members before `end`, of which none had to change. */
function firstMembers(object: JsonObject, keys: readonly string[], end: number): Record<string, Ready> {
  const members: Record<string, Ready> = {};
  for (const key of keys.slice(0, end)) members[key] = plainOf(object[key] ?? null);
  return members;
}

function plainOf(value: JsonValue): Ready {
  return typeof value === "bigint" ? JSON.rawJSON(numberText(value)) : value;
}

function isIndexLike(key: string): boolean {
  const unit = key.charCodeAt(0);
  return unit >= 0x30 && unit <= 0x39;
}

function hasSurrogate(key: string): boolean {
  return /[\ud800-\udfff]/.test(key);
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
