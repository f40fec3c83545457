/**
 * One quick look over a text that may be JSON: how deep, how many members, and which few tokens `JSON.parse` would lose.
 * It never judges the syntax: its findings mean something only for a text that `JSON.parse` accepts.
 */

/** What is known about a text, provided it is valid JSON. */
export interface Survey {
  readonly depth: number;
  /** Members of all objects together, each repeated key counted again. */
  readonly members: number;
  /** An escape names half of a surrogate pair, or may do so. */
  readonly loneSurrogate: boolean;
  /** A key is an array index (`"10"`): engines list such members first, whatever the text's order is. */
  readonly indexKey: boolean;
  /**
   * The numbers that may not be plain, in the order of the text, as pairs: the ordinal among all numbers of the text, then the
   * offset of an integer token, or -1 for a token with a fraction or an exponent.
   */
  readonly numbers: Int32Array;
}

/** Longest integer token, sign included, that is a safe integer whatever its digits: 2^53 - 1 has 16 of them. */
const safeTokenChars = 15;
/** Integer part of at most this many chars leaves a double room for a tenth, so `.1` to `.8` cannot round away. */
const roomyTokenChars = 14;

const quote = 0x22;
const comma = 0x2c;
const minus = 0x2d;
const dot = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openArray = 0x5b;
const backslash = 0x5c;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
const lowerE = 0x65;
const upperE = 0x45;
const lowerU = 0x75;

/** Stops early once the nesting exceeds `depthMax`; `depth` is then larger than it. */
export function survey(text: string, depthMax: number): Survey {
  const length = text.length;
  let numbers = none;
  let found = 0;
  let nesting = 0;
  let depth = 0;
  let members = 0;
  let ordinal = 0;
  let loneSurrogate = false;
  let indexKey = false;
  let keyStart = 0;
  let keyEnd = 0;
  let at = 0;
  while (at < length) {
    const unit = text.charCodeAt(at);
    if (unit === quote) {
      at += 1;
      keyStart = at;
      let inner = text.charCodeAt(at);
      while (inner !== quote) {
        if (inner === backslash) {
          at += 1;
          if (text.charCodeAt(at) === lowerU) {
            const span = escapedSurrogateSpan(text, at);
            if (span < 0) loneSurrogate = true;
            else at += span;
          }
        }
        at += 1;
        if (at >= length) break;
        inner = text.charCodeAt(at);
      }
      keyEnd = at;
      at += 1;
    } else if (unit <= 0x20 || unit === comma) {
      at += 1;
    } else if (unit === colon) {
      members += 1;
      if (text.charCodeAt(keyStart) <= nine || text.charCodeAt(keyStart) === backslash) {
        indexKey ||= mayBeIndex(text, keyStart, keyEnd);
      }
      at += 1;
    } else if (unit === openObject || unit === openArray) {
      nesting += 1;
      if (nesting > depth) {
        depth = nesting;
        if (depth > depthMax) break;
      }
      at += 1;
    } else if (unit === closeObject || unit === closeArray) {
      nesting -= 1;
      at += 1;
    } else if (unit <= nine) {
      const start = at;
      at += 1;
      let next = text.charCodeAt(at);
      while (next >= zero && next <= nine) {
        at += 1;
        next = text.charCodeAt(at);
      }
      if (next === dot || next === lowerE || next === upperE) {
        let plain = false;
        if (next === dot) {
          const whole = at - start;
          at += 1;
          next = text.charCodeAt(at);
          plain = next > zero && next < nine && whole <= roomyTokenChars;
          while (next >= zero && next <= nine) {
            at += 1;
            next = text.charCodeAt(at);
          }
        }
        if (next === lowerE || next === upperE) {
          plain = false;
          at += 2;
          next = text.charCodeAt(at);
          while (next >= zero && next <= nine) {
            at += 1;
            next = text.charCodeAt(at);
          }
        }
        if (!plain) {
          if (found === numbers.length) numbers = enlarged(numbers);
          numbers[found] = ordinal;
          numbers[found + 1] = -1;
          found += 2;
        }
      } else if (at - start > safeTokenChars || (unit === minus && text.charCodeAt(start + 1) === zero)) {
        if (found === numbers.length) numbers = enlarged(numbers);
        numbers[found] = ordinal;
        numbers[found + 1] = start;
        found += 2;
      }
      ordinal += 1;
    } else {
      at += 1;
    }
  }
  return {
    depth,
    members,
    loneSurrogate,
    indexKey,
    numbers: found === 0 ? none : numbers.subarray(0, found),
  };
}

/** Most texts have no such number, and most texts are short: they share one empty list. */
const none = new Int32Array(0);

function enlarged(numbers: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(Math.max(64, numbers.length * 2));
  larger.set(numbers);
  return larger;
}

/**
 * `at` is the `u` of an escape. The number of units to skip beyond it: 0 when the escape is no surrogate, 10 when a whole
 * pair of escapes stands there, -1 when half a pair does.
 */
function escapedSurrogateSpan(text: string, at: number): number {
  const second = text.charCodeAt(at + 2) | 0x20;
  if ((text.charCodeAt(at + 1) | 0x20) !== 0x64 || second < 0x38) return 0;
  const high = second === 0x38 || second === 0x39 || second === 0x61 || second === 0x62;
  const low = text.charCodeAt(at + 8) | 0x20;
  const paired =
    text.charCodeAt(at + 5) === backslash &&
    text.charCodeAt(at + 6) === lowerU &&
    (text.charCodeAt(at + 7) | 0x20) === 0x64 &&
    low >= 0x63 &&
    low <= 0x66;
  return high && paired ? 10 : -1;
}

/** Whether the key between the offsets may be an array index; an escape in it could spell a digit. */
function mayBeIndex(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit === backslash) return true;
    if (unit < zero || unit > nine) return false;
  }
  return end > start;
}
