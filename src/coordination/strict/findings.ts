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

export interface PlacedObject {
  readonly object: JsonObject;
  readonly at: Place;
}

export class Findings {
  readonly issues: StrictIssue[] = [];

  error(place: Place, message: string): void {
    this.issues.push({ path: pointer(...place), message, severity: "error" });
  }

  warning(place: Place, message: string): void {
    this.issues.push({ path: pointer(...place), message, severity: "warning" });
  }

  /** The member where it is true or false; `"false"` is neither (kernel:W-28). Absent and null are nothing, and fine. */
  boolean(object: JsonObject, key: string, place: Place): boolean | undefined {
    const value = object[key];
    if (typeof value === "boolean") return value;
    if (value !== undefined && value !== null) {
      this.error([...place, key], "must be true or false, not text or a number");
    }
    return undefined;
  }

  /** A whole number of at least `min`. Absent and null are nothing, and fine. */
  wholeNumber(object: JsonObject, key: string, place: Place, min: number): number | undefined {
    const value = object[key];
    if (value === undefined || value === null) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= min) return value;
    this.error([...place, key], `must be a whole number of at least ${min}`);
    return undefined;
  }

  /** A text that is not blank, stripped. Absent is an error as well. */
  text(object: JsonObject, key: string, place: Place): string | undefined {
    return this.textValue(object[key], place, key);
  }

  /** The items of a list of texts; absent and null have none. */
  texts(object: JsonObject, key: string, place: Place): readonly string[] {
    if (object[key] === undefined) return [];
    const listPlace = [...place, key];
    const texts: string[] = [];
    for (const [index, item] of this.list(object[key], listPlace).entries()) {
      const text = this.textValue(item, listPlace, index);
      if (text !== undefined) texts.push(text);
    }
    return texts;
  }

  /** The objects of a list, each with its place. Anything else in it would silently be skipped, so it is an error. */
  *objects(object: JsonObject, key: string, place: Place): Iterable<PlacedObject> {
    const listPlace = [...place, key];
    for (const [index, item] of this.list(object[key], listPlace).entries()) {
      const at = [...listPlace, index];
      if (isJsonObject(item)) yield { object: item, at };
      else this.error(at, "must be an object; it would be skipped");
    }
  }

  /** The object, or undefined when it is absent, null or none. */
  object(object: JsonObject, key: string, place: Place): JsonObject | undefined {
    const value = object[key];
    if (isJsonObject(value)) return value;
    if (value !== undefined && value !== null) this.error([...place, key], "must be an object");
    return undefined;
  }

  unknownKeys(object: JsonObject, known: readonly string[], place: Place): void {
    for (const key of Object.keys(object)) {
      if (!known.includes(key)) this.warning([...place, key], "is not known here and has no effect");
    }
  }

  private list(value: JsonValue | undefined, place: Place): JsonArray {
    if (isJsonArray(value)) return value;
    if (value !== undefined && value !== null) this.error(place, "must be an array");
    return [];
  }

  private textValue(value: JsonValue | undefined, place: Place, key: string | number): string | undefined {
    const text = typeof value === "string" ? stripped(value) : "";
    if (text === "") {
      this.error([...place, key], "must be a non-empty string");
      return undefined;
    }
    if (text !== value) this.warning([...place, key], "has blanks around it, which are cut off");
    return text;
  }
}
