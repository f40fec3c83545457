/**
 * Collects what is wrong with a document while it is walked, each with its place and its weight.
 * It judges types only; what a member means is known to whoever asks.
 *
 * Source: kernel:W-28, kernel:W-30.
 */
import type { Issue } from "../../errors.ts";
import {
  isJsonArray,
  isJsonObject,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from "../../json/value.ts";
import { pointer } from "../text/pointer.ts";
import { stripped } from "../text/python.ts";

/** An error stops a run from starting; a warning is shown and the run starts. */
export interface StrictIssue extends Issue {
  readonly severity: "error" | "warning";
}

/** Where a member stands: its path from the root of the document. */
export type Place = readonly (string | number)[];

export class Findings {
  readonly issues: StrictIssue[] = [];

  error(place: Place, message: string): void {
    this.issues.push({ path: pointer(...place), message, severity: "error" });
  }

  warning(place: Place, message: string): void {
    this.issues.push({ path: pointer(...place), message, severity: "warning" });
  }

  /** The value where it is true or false; `"false"` is neither (kernel:W-28). Absent and null are nothing, and fine. */
  boolean(value: JsonValue | undefined, place: Place): boolean | undefined {
    if (typeof value === "boolean") return value;
    if (value !== undefined && value !== null)
      this.error(place, "must be true or false, not text or a number");
    return undefined;
  }

  /** A whole number of at least `min`. Absent and null are nothing, and fine. */
  wholeNumber(value: JsonValue | undefined, place: Place, min: number): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min) return value;
    this.error(place, `must be a whole number of at least ${min}`);
    return undefined;
  }

  /** A text that is not blank, stripped. Absent is an error as well. */
  text(value: JsonValue | undefined, place: Place): string | undefined {
    if (typeof value !== "string" || stripped(value) === "") {
      this.error(place, "must be a non-empty string");
      return undefined;
    }
    const text = stripped(value);
    if (text !== value) this.warning(place, "has blanks around it, which are cut off");
    return text;
  }

  /** The items of a list of texts; absent and null have none. */
  texts(value: JsonValue | undefined, place: Place): readonly string[] {
    const texts: string[] = [];
    for (const [index, item] of this.list(value, place).entries()) {
      const text = this.text(item, [...place, index]);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  /** The items of a list; absent and null have none. */
  list(value: JsonValue | undefined, place: Place): JsonArray {
    if (isJsonArray(value)) return value;
    if (value !== undefined && value !== null) this.error(place, "must be an array");
    return [];
  }

  /** The objects of a list with their places. Anything else in it would silently be skipped, so it is an error. */
  objects(value: JsonValue | undefined, place: Place): readonly (readonly [JsonObject, number])[] {
    const objects: (readonly [JsonObject, number])[] = [];
    for (const [index, item] of this.list(value, place).entries()) {
      if (isJsonObject(item)) objects.push([item, index]);
      else this.error([...place, index], "must be an object; it would be skipped");
    }
    return objects;
  }

  /** The object, or undefined when it is absent, null or none. */
  object(value: JsonValue | undefined, place: Place): JsonObject | undefined {
    if (isJsonObject(value)) return value;
    if (value !== undefined && value !== null) this.error(place, "must be an object");
    return undefined;
  }

  unknownKeys(object: JsonObject, known: readonly string[], place: Place): void {
    for (const key of Object.keys(object)) {
      if (!known.includes(key)) this.warning([...place, key], "is not known here and has no effect");
    }
  }
}
