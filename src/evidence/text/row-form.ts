/**
 * The text of rows that are alike. A form begins as one row; every value in which a later row differs becomes a place to fill
 * in, and all that lies between the places is copied as bytes. It writes what the JSON room would write, or nothing.
 */
import {
  isJsonArray,
  isJsonObject,
  type JsonArray,
  type JsonObject,
  type JsonValue,
} from "../../json/value.ts";
import type { Scalar, TextBlock } from "./block.ts";
import {
  type ArrayPart,
  isScalar,
  type ObjectPart,
  type Part,
  partOf,
  type RowStyle,
  type ScalarPart,
  textOf,
} from "./row-parts.ts";

/** Rows with more parts than this seldom have many like them. */
const partsMax = 512;

export class RowForm {
  readonly #style: RowStyle;
  readonly #root: Part;
  /** The text around the places, so one more than there are places. */
  #pieces: readonly Uint8Array[] = [];
  /** Of the row at hand: what stands in its places, how many were met, and where it differs from the form. */
  readonly #values: Scalar[] = [];
  #met = 0;
  readonly #differing: ScalarPart[] = [];

  private constructor(root: Part, style: RowStyle) {
    this.#root = root;
    this.#style = style;
    this.#cut();
  }

  /** The form of this row; undefined when it has too many parts. */
  static of(row: JsonValue, style: RowStyle): RowForm | undefined {
    const root = partOf(row, { left: partsMax });
    return root === undefined ? undefined : new RowForm(root, style);
  }

  /**
   * Adds the row's text; or adds nothing and answers false when its keys are others, or in another order, than the form's.
   * What was written once must not be changed: the form knows objects by themselves.
   */
  write(block: TextBlock, row: JsonValue): boolean {
    if (!this.#take(row)) return false;
    const pieces = this.#pieces;
    for (let index = 0; index < pieces.length; index += 1) {
      const piece = pieces[index];
      const value = this.#values[index];
      if (piece !== undefined) block.copy(piece);
      if (value !== undefined) block.scalar(value, this.#style.form);
    }
    return true;
  }

  /** Takes the values of the row, if it fits; where it differs there is a place from now on. */
  #take(row: JsonValue): boolean {
    this.#met = 0;
    this.#differing.length = 0;
    if (!this.#fits(this.#root, row)) return false;
    if (this.#differing.length === 0) return true;
    for (const part of this.#differing) part.place = 0;
    this.#cut();
    return this.#take(row);
  }

  #fits(part: Part, value: JsonValue): boolean {
    switch (part.kind) {
      case "scalar":
        if (!isScalar(value)) return false;
        if (part.place !== undefined) {
          this.#values[part.place] = value;
          this.#met += 1;
        } else if (part.value !== value) {
          this.#differing.push(part);
        }
        return true;
      case "object":
        return value === part.fitted || (isJsonObject(value) && this.#fitsObject(part, value));
      case "array":
        return isJsonArray(value) && this.#fitsArray(part, value);
    }
  }

  #fitsObject(part: ObjectPart, object: JsonObject): boolean {
    const { keys, parts } = part;
    const before = this.#met + this.#differing.length;
    let index = 0;
    for (const key in object) {
      const child = parts[index];
      const value = object[key];
      if (key !== keys[index] || child === undefined || value === undefined) return false;
      if (!this.#fits(child, value)) return false;
      index += 1;
    }
    if (index !== keys.length) return false;
    part.fitted = this.#met + this.#differing.length === before ? object : undefined;
    return true;
  }

  #fitsArray({ parts }: ArrayPart, items: JsonArray): boolean {
    if (items.length !== parts.length) return false;
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index];
      const item = items[index];
      if (part === undefined || item === undefined || !this.#fits(part, item)) return false;
    }
    return true;
  }

  /** Cuts the form's text at its places, and numbers them. */
  #cut(): void {
    const texts: string[] = [];
    let text = "";
    for (const part of textOf(this.#root, this.#style)) {
      if (typeof part === "string") {
        text += part;
        continue;
      }
      part.place = texts.length;
      texts.push(text);
      text = "";
    }
    this.#pieces = [...texts, text].map((piece) => Buffer.from(piece));
  }
}
