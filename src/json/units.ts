/**
 * Turns strings and whole numbers into JSON bytes, unit by unit, in a block that has room for them.
 * It makes no string of its own on the way: for the short ones that documents consist of, that would cost more than the copying.
 *
 * Source: spec bundle §1.3 (escapes), spec cli §1.1 (ASCII forms).
 */
import { AkcError } from "../errors.ts";

/** Bytes that one UTF-16 unit can become: `\u0001`. */
export const bytesPerUnitMax = 6;

const shortEscapes = new Uint8Array(0x80);
for (const [plain, letter] of ["\bb", "\tt", "\nn", "\ff", "\rr", '""', "\\\\"]) {
  shortEscapes[(plain ?? "").charCodeAt(0)] = (letter ?? "").charCodeAt(0);
}

/**
 * Writes the units from `start` to `end` of `text`, escaped as inside a JSON string, and returns the place behind them.
 * Neither end may divide a surrogate pair. With `ascii`, all but printable ASCII is escaped.
 *
 * @throws AkcError JSON_LONE_SURROGATE
 */
export function writeUnits(
  block: Uint8Array,
  place: number,
  text: string,
  start: number,
  end: number,
  ascii: boolean,
): number {
  let at = place;
  for (let index = start; index < end; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x7f) {
      if (unit >= 0x20 && unit !== 0x22 && unit !== 0x5c) {
        block[at++] = unit;
      } else {
        const letter = shortEscapes[unit] ?? 0;
        if (letter === 0) {
          at = writeEscape(block, at, unit);
        } else {
          block[at++] = 0x5c;
          block[at++] = letter;
        }
      }
    } else if ((unit & 0xf800) === 0xd800) {
      const low = index + 1 < end ? text.charCodeAt(index + 1) : 0;
      if (!isHighSurrogate(unit) || (low & 0xfc00) !== 0xdc00) throw new AkcError("JSON_LONE_SURROGATE");
      index += 1;
      if (ascii) {
        at = writeEscape(block, writeEscape(block, at, unit), low);
      } else {
        const point = ((unit - 0xd800) << 10) + (low - 0xdc00) + 0x10000;
        block[at++] = 0xf0 | (point >> 18);
        block[at++] = 0x80 | ((point >> 12) & 0x3f);
        block[at++] = 0x80 | ((point >> 6) & 0x3f);
        block[at++] = 0x80 | (point & 0x3f);
      }
    } else if (ascii) {
      at = writeEscape(block, at, unit);
    } else if (unit === 0x7f) {
      block[at++] = unit;
    } else if (unit < 0x800) {
      block[at++] = 0xc0 | (unit >> 6);
      block[at++] = 0x80 | (unit & 0x3f);
    } else {
      block[at++] = 0xe0 | (unit >> 12);
      block[at++] = 0x80 | ((unit >> 6) & 0x3f);
      block[at++] = 0x80 | (unit & 0x3f);
    }
  }
  return at;
}

/** Whether the unit is the first half of a pair: a text must not be divided behind it. */
export function isHighSurrogate(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800;
}

function writeEscape(block: Uint8Array, place: number, unit: number): number {
  block[place] = 0x5c;
  block[place + 1] = 0x75;
  block[place + 2] = hexDigit(unit >> 12);
  block[place + 3] = hexDigit((unit >> 8) & 15);
  block[place + 4] = hexDigit((unit >> 4) & 15);
  block[place + 5] = hexDigit(unit & 15);
  return place + 6;
}

function hexDigit(value: number): number {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

/** Writes a safe integer in decimal and returns the place behind it. */
export function writeInteger(block: Uint8Array, place: number, value: number): number {
  let at = place;
  let size = value;
  if (value < 0) {
    block[at++] = 0x2d;
    size = -value;
  }
  if (size < 1e9) return writeDigits(block, at, size | 0, digitsOf(size | 0));
  // Two halves that fit 32 bits: dividing those is much cheaper than dividing doubles.
  const upper = Math.floor(size / 1e9);
  at = writeDigits(block, at, upper | 0, digitsOf(upper | 0));
  return writeDigits(block, at, (size - upper * 1e9) | 0, 9);
}

function writeDigits(block: Uint8Array, place: number, value: number, digits: number): number {
  let rest = value;
  for (let at = place + digits - 1; at >= place; at -= 1) {
    const tens = (rest / 10) | 0;
    block[at] = 0x30 + rest - tens * 10;
    rest = tens;
  }
  return place + digits;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let bound = 10; digits < 9 && value >= bound; bound *= 10) digits += 1;
  return digits;
}
