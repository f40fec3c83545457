/**
 * Gives a tree from `JSON.parse` back what that parser loses, with the help of a survey of the same text.
 * It never guesses: whenever tree and survey do not agree it says so, and the text must be read exactly.
 */
import { doubleValue, integerValue } from "./number.ts";
import type { Survey } from "./survey.ts";
import { JsonFloat, type JsonNumber } from "./value.ts";

/** A JSON value that may still be changed in place. */
export type Tree = null | boolean | string | JsonNumber | Tree[] | TreeObject;
export interface TreeObject {
  [key: string]: Tree;
}

/**
 * The tree with every number as the value model wants it; changed in place. Undefined when the text holds a repeated key, a
 * number that is not finite or an integer that is too long: then the tree is worthless.
 */
export function restore(tree: Tree, text: string, survey: Survey): Tree | undefined {
  const walk = new Restoration(text, survey);
  const restored = walk.visit(tree);
  return walk.agrees() ? restored : undefined;
}

/**
 * One walk over the tree in the order of the text, counting members and numbers.
 * The engine lists members in the order of the text as long as no key is an array index and none is repeated.
 */
class Restoration {
  private members = 0;
  private ordinal = 0;
  /** Index into `survey.numbers` of the number that comes next. */
  private pending = 0;
  private next: number;
  private faulty = false;
  private readonly text: string;
  private readonly survey: Survey;

  constructor(text: string, survey: Survey) {
    this.text = text;
    this.survey = survey;
    this.next = survey.numbers[0] ?? -1;
  }

  /** Fewer members than the text spells mean that a key is repeated: the engine keeps only the last of them. */
  agrees(): boolean {
    return (
      !this.faulty && this.members === this.survey.members && this.pending === this.survey.numbers.length
    );
  }

  visit(value: Tree): Tree {
    if (typeof value === "number") return this.ordinal++ === this.next ? this.restored(value) : value;
    if (typeof value === "object" && value !== null) this.descend(value);
    return value;
  }

  private descend(container: Tree[] | TreeObject | JsonFloat): void {
    if (Array.isArray(container)) this.items(container);
    else if (!(container instanceof JsonFloat)) this.object(container);
  }

  // The two loops repeat `visit` in place: a call for every string of a document is what makes such a walk slow.

  private items(items: Tree[]): void {
    for (let index = 0; index < items.length; index += 1) {
      const item = items[index];
      if (typeof item === "number") {
        if (this.ordinal++ === this.next) items[index] = this.restored(item);
      } else if (typeof item === "object" && item !== null) {
        this.descend(item);
      }
    }
  }

  private object(object: TreeObject): void {
    const keys = Object.keys(object);
    this.members += keys.length;
    for (const key of keys) {
      const member = object[key];
      if (typeof member === "number") {
        if (this.ordinal++ === this.next) object[key] = this.restored(member);
      } else if (typeof member === "object" && member !== null) {
        this.descend(member);
      }
    }
  }

  private restored(value: number): JsonNumber {
    const offset = this.survey.offsets[this.pending] ?? -1;
    this.pending += 1;
    this.next = this.survey.numbers[this.pending] ?? -1;
    if (offset === -1) {
      if (!Number.isFinite(value)) this.faulty = true;
      return doubleValue(value);
    }
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    const whole = integerValue(integerToken(this.text, offset));
    if (whole !== "too-long") return whole;
    this.faulty = true;
    return value;
  }
}

function integerToken(text: string, start: number): string {
  const token = /-?[0-9]+/y;
  token.lastIndex = start;
  return token.exec(text)?.[0] ?? "";
}
