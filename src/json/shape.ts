/**
 * Remembers, for objects with the same keys, in which order they are written and how each key looks as bytes.
 * Documents repeat a few shapes very often: sorting and escaping the keys once a shape is what makes writing fast.
 * It only remembers: forgetting everything at any moment changes no output.
 */
import { sortedByCodePoint } from "./order.ts";

/** What is the same for all objects with the same keys in the same order. */
export interface Shape {
  /** In the order in which the engine lists them. */
  readonly keys: readonly string[];
  readonly sorted: readonly string[];
  /** One a key of `sorted`: the key, quoted and escaped, and the colon. */
  readonly labels: readonly Uint8Array[];
}

const shapesMax = 1_024;
/** Objects with more keys, or with longer ones, are seldom alike and are written without being remembered. */
const keysMax = 32;
const labelBytesMax = 128;

export class ShapeMemory {
  private readonly byFirstKey = new Map<string, Shape[]>();
  private count = 0;
  private readonly label: (key: string) => Uint8Array;

  constructor(label: (key: string) => Uint8Array) {
    this.label = label;
  }

  /** `keys` is not empty. Undefined when objects of this kind are not worth remembering. */
  of(keys: readonly string[]): Shape | undefined {
    const first = keys[0];
    if (first === undefined || keys.length > keysMax) return undefined;
    const alike = this.byFirstKey.get(first);
    if (alike !== undefined) {
      for (const shape of alike) if (hasKeys(shape, keys)) return shape;
    }
    return this.remember(first, keys);
  }

  private remember(first: string, keys: readonly string[]): Shape | undefined {
    const sorted = sortedByCodePoint(keys);
    const labels = sorted.map(this.label);
    if (labels.some((label) => label.length > labelBytesMax)) return undefined;
    if (this.count >= shapesMax) {
      this.byFirstKey.clear();
      this.count = 0;
    }
    const shape: Shape = { keys: [...keys], sorted, labels };
    const alike = this.byFirstKey.get(first);
    if (alike === undefined) this.byFirstKey.set(first, [shape]);
    else alike.push(shape);
    this.count += 1;
    return shape;
  }
}

export function hasKeys(shape: Shape, keys: readonly string[]): boolean {
  const own = shape.keys;
  if (own.length !== keys.length) return false;
  for (let index = 0; index < own.length; index += 1) {
    if (own[index] !== keys[index]) return false;
  }
  return true;
}
