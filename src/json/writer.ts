/**
 * Writes values as JSON bytes in one of three forms, a block at a time, so that a large document never stands in memory twice.
 * It never writes what is not JSON: half a surrogate pair, a number that is not finite and a value of another kind are errors.
 *
 * Source: spec cli §1.1 (the forms), spec bundle §1.3 (escapes and numbers).
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { numberText } from "./number.ts";
import { sortedByCodePoint } from "./order.ts";
import { hasKeys, type Shape, ShapeMemory } from "./shape.ts";
import { bytesPerUnitMax, isHighSurrogate, writeInteger, writeUnits } from "./units.ts";
import { isJsonArray, type JsonArray, JsonFloat, type JsonObject, type JsonValue } from "./value.ts";

/** Called with each finished block; the bytes are only valid during the call and end between two characters. */
export type BlockSink = (block: Uint8Array) => void;

/** COMPACT keeps characters as they are; LINE and PRETTY escape all but printable ASCII. */
export type JsonForm = "compact" | "line" | "pretty";

const blockBytes = 64 * 1024;
/** Room that is there whenever a value begins: for a label, or a number, or a short string. */
const roomBytes = 1_024;
/** So many units have room, whatever they are; one more is for a surrogate pair. */
const pieceUnits = Math.floor((roomBytes - 8) / bytesPerUnitMax) - 1;
/** Longer strings are cheaper to hand to the engine than to copy unit by unit. */
const longStringUnits = 512;

const encoder = new TextEncoder();

export class JsonWriter {
  private readonly block = new Uint8Array(blockBytes);
  private at = 0;
  private depth = 0;
  private sink: BlockSink = discard;
  private readonly form: JsonForm;
  private readonly ascii: boolean;
  private readonly shapes: ShapeMemory;
  /** The shape last seen at each depth: neighbours are mostly alike. */
  private readonly lastShapes: (Shape | undefined)[] = [];

  constructor(form: JsonForm) {
    this.form = form;
    this.ascii = form !== "compact";
    this.shapes = new ShapeMemory((key) => label(key, this.ascii));
  }

  /**
   * Writes all of `value`. Blocks go to `sink` as they fill; what remains in the last one is returned, valid until the next call.
   *
   * @throws AkcError JSON_LONE_SURROGATE, JSON_NOT_FINITE, JSON_TOO_DEEP, or INTERNAL for what is no JSON value.
   */
  write(value: JsonValue, sink: BlockSink): Uint8Array {
    this.at = 0;
    this.depth = 0;
    this.sink = sink;
    try {
      this.value(value);
    } finally {
      this.sink = discard;
    }
    return this.block.subarray(0, this.at);
  }

  private value(value: JsonValue): void {
    if (this.at > blockBytes - roomBytes) this.flush();
    switch (typeof value) {
      case "string":
        this.string(value);
        return;
      case "number":
        this.number(value);
        return;
      case "boolean":
        this.text(value ? "true" : "false");
        return;
      case "bigint":
        this.text(numberText(value));
        return;
      case "object":
        if (value === null) this.text("null");
        else if (isJsonArray(value)) this.array(value);
        else if (value instanceof JsonFloat) this.float(value);
        else this.object(value);
        return;
      default:
        throw new AkcError("INTERNAL", { message: `a value of kind ${typeof value} has no JSON form` });
    }
  }

  private array(items: JsonArray): void {
    if (items.length === 0) {
      this.text("[]");
      return;
    }
    this.descend();
    this.byte(0x5b);
    for (let index = 0; index < items.length; index += 1) {
      this.separate(index);
      const item = items[index];
      if (item === undefined) throw new AkcError("INTERNAL", { message: "an array has a hole" });
      this.value(item);
    }
    this.ascend();
    this.byte(0x5d);
  }

  private object(object: JsonObject): void {
    const keys = Object.keys(object);
    if (keys.length === 0) {
      this.text("{}");
      return;
    }
    this.descend();
    this.byte(0x7b);
    const shape = this.shapeOf(keys);
    if (shape === undefined) this.strangeMembers(object, keys);
    else this.members(object, shape);
    this.ascend();
    this.byte(0x7d);
  }

  private shapeOf(keys: readonly string[]): Shape | undefined {
    const last = this.lastShapes[this.depth];
    if (last !== undefined && hasKeys(last, keys)) return last;
    const shape = this.shapes.of(keys);
    if (shape !== undefined) this.lastShapes[this.depth] = shape;
    return shape;
  }

  private members(object: JsonObject, shape: Shape): void {
    const { sorted, labels } = shape;
    for (let index = 0; index < sorted.length; index += 1) {
      this.separate(index);
      if (this.at > blockBytes - roomBytes) this.flush();
      const label = labels[index];
      const key = sorted[index];
      if (label === undefined || key === undefined) continue;
      this.copy(label);
      this.member(object[key]);
    }
  }

  private strangeMembers(object: JsonObject, keys: readonly string[]): void {
    let index = 0;
    for (const key of sortedByCodePoint(keys)) {
      this.separate(index);
      if (this.at > blockBytes - roomBytes) this.flush();
      this.string(key);
      this.byte(0x3a);
      if (this.ascii) this.byte(0x20);
      this.member(object[key]);
      index += 1;
    }
  }

  private member(value: JsonValue | undefined): void {
    if (value === undefined)
      throw new AkcError("INTERNAL", { message: "an object has a member without value" });
    this.value(value);
  }

  private descend(): void {
    this.depth += 1;
    if (this.depth > limits.jsonWriteDepthMax) {
      throw new AkcError("JSON_TOO_DEEP", { details: { limit: limits.jsonWriteDepthMax } });
    }
  }

  private ascend(): void {
    this.depth -= 1;
    if (this.form === "pretty") this.newLine();
  }

  /** What stands before the member or item of this index. */
  private separate(index: number): void {
    if (index > 0) this.byte(0x2c);
    if (this.ascii) {
      if (this.form === "pretty") this.newLine();
      else if (index > 0) this.byte(0x20);
    }
  }

  private newLine(): void {
    const indent = 2 * this.depth;
    if (this.at + 1 + indent > blockBytes) this.flush();
    const block = this.block;
    let at = this.at;
    block[at++] = 0x0a;
    for (const end = at + indent; at < end; at += 1) block[at] = 0x20;
    this.at = at;
  }

  private string(value: string): void {
    const length = value.length;
    if (length <= pieceUnits) {
      const block = this.block;
      block[this.at] = 0x22;
      const end = writeUnits(block, this.at + 1, value, 0, length, this.ascii);
      block[end] = 0x22;
      this.at = end + 1;
    } else if (this.ascii || length < longStringUnits) {
      this.pieces(value);
    } else {
      if (!value.isWellFormed()) throw new AkcError("JSON_LONE_SURROGATE");
      this.longText(JSON.stringify(value));
    }
  }

  private pieces(value: string): void {
    this.byte(0x22);
    for (let start = 0; start < value.length; ) {
      if (this.at > blockBytes - roomBytes) this.flush();
      let end = Math.min(start + pieceUnits, value.length);
      if (end < value.length && isHighSurrogate(value.charCodeAt(end - 1))) end += 1;
      this.at = writeUnits(this.block, this.at, value, start, end, this.ascii);
      start = end;
    }
    this.byte(0x22);
  }

  private number(value: number): void {
    if (Number.isSafeInteger(value)) {
      this.at = writeInteger(this.block, this.at, value);
    } else {
      this.finite(value);
      this.text(numberText(value));
    }
  }

  private float(float: JsonFloat): void {
    const value = float.value;
    if (Number.isSafeInteger(value) && value !== 0) {
      this.at = writeInteger(this.block, this.at, value);
      this.block[this.at] = 0x2e;
      this.block[this.at + 1] = 0x30;
      this.at += 2;
    } else {
      this.finite(value);
      this.text(numberText(float));
    }
  }

  private finite(value: number): void {
    if (!Number.isFinite(value)) throw new AkcError("JSON_NOT_FINITE", { details: { token: String(value) } });
  }

  /** ASCII text, of any length. */
  private text(text: string): void {
    if (text.length > roomBytes / 2) {
      this.longText(text);
      return;
    }
    const block = this.block;
    let at = this.at;
    for (let index = 0; index < text.length; index += 1) block[at++] = text.charCodeAt(index);
    this.at = at;
  }

  private longText(text: string): void {
    let rest = text;
    for (;;) {
      const { read, written } = encoder.encodeInto(rest, this.block.subarray(this.at));
      this.at += written;
      if (read === rest.length) return;
      rest = rest.slice(read);
      this.flush();
    }
  }

  private copy(bytes: Uint8Array): void {
    const block = this.block;
    let at = this.at;
    for (let index = 0; index < bytes.length; index += 1) block[at++] = bytes[index] ?? 0;
    this.at = at;
  }

  private byte(byte: number): void {
    if (this.at === blockBytes) this.flush();
    this.block[this.at] = byte;
    this.at += 1;
  }

  private flush(): void {
    this.sink(this.block.subarray(0, this.at));
    this.at = 0;
  }
}

function label(key: string, ascii: boolean): Uint8Array {
  const block = new Uint8Array(key.length * bytesPerUnitMax + 4);
  block[0] = 0x22;
  let at = writeUnits(block, 1, key, 0, key.length, ascii);
  block[at++] = 0x22;
  block[at++] = 0x3a;
  if (ascii) block[at++] = 0x20;
  return block.slice(0, at);
}

function discard(): void {}
