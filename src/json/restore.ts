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
 *
 * Walks in the order of the text: the engine lists members in that order as long as no key is an array index and none is repeated.
 */
export function restore(tree: Tree, text: string, { numbers, members }: Survey): Tree | undefined {
  let membersMet = 0;
  let numbersMet = 0;
  /** Index into `numbers` of the pair that comes next, and its ordinal. */
  let pending = 0;
  let next = numbers[0] ?? -1;
  let faulty = false;

  function restored(value: number): JsonNumber {
    const offset = numbers[pending + 1] ?? -1;
    pending += 2;
    next = pending < numbers.length ? (numbers[pending] ?? -1) : -1;
    if (offset === -1) {
      if (!Number.isFinite(value)) faulty = true;
      return doubleValue(value);
    }
    if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    const whole = integerValue(integerToken(text, offset));
    if (whole !== "too-long") return whole;
    faulty = true;
    return value;
  }

  // The two loops look alike on purpose: one call for every string and number is what makes such a walk slow.

  function visit(container: Tree[] | TreeObject | JsonFloat): void {
    if (Array.isArray(container)) {
      for (let index = 0; index < container.length; index += 1) {
        const item = container[index];
        if (typeof item === "number") {
          if (numbersMet++ === next) container[index] = restored(item);
        } else if (typeof item === "object" && item !== null) {
          visit(item);
        }
      }
    } else if (!(container instanceof JsonFloat)) {
      const keys = Object.keys(container);
      membersMet += keys.length;
      for (const key of keys) {
        const member = container[key];
        if (typeof member === "number") {
          if (numbersMet++ === next) container[key] = restored(member);
        } else if (typeof member === "object" && member !== null) {
          visit(member);
        }
      }
    }
  }

  const root = [tree];
  visit(root);
  // Fewer members than the text spells mean that a key is repeated: the engine keeps only the last of them.
  return !faulty && membersMet === members && pending === numbers.length ? root[0] : undefined;
}

function integerToken(text: string, start: number): string {
  let end = start + 1;
  for (let unit = text.charCodeAt(end); unit >= 0x30 && unit <= 0x39; unit = text.charCodeAt(end)) end += 1;
  return text.slice(start, end);
}
