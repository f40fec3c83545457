/**
 * Turns bytes into text, or says where they stop being UTF-8.
 * It never repairs: a byte that has no meaning is an error, and so is a byte-order mark.
 *
 * Source: RFC 8259 §8.1, The Unicode Standard §3.9 (table 3-7, well-formed UTF-8 byte sequences).
 */
import { AkcError } from "../errors.ts";
import { positionAt } from "./position.ts";

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** @throws AkcError JSON_NOT_UTF8 with the line and column of the first byte that is wrong. */
export function decodeUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch (cause) {
    const offset = firstInvalidByte(bytes);
    const before = lenient.decode(bytes.subarray(0, offset));
    const byte = `0x${(bytes[offset] ?? 0).toString(16).padStart(2, "0")}`;
    throw new AkcError("JSON_NOT_UTF8", { details: { ...positionAt(before, before.length), byte }, cause });
  }
  return text;
}

/** @throws AkcError JSON_NOT_UTF8 when `text` begins with U+FEFF: every other reader of the file would see another first character. */
export function refuseByteOrderMark(text: string): void {
  if (text.charCodeAt(0) !== 0xfeff) return;
  throw new AkcError("JSON_NOT_UTF8", {
    message: "the text begins with a byte-order mark",
    details: { line: 1, column: 1 },
  });
}

/** Offset of the first byte that no well-formed sequence begins with or continues; the length when all is well. */
function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/** Length of the well-formed sequence at `at`, or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte is narrower after four leads: no overlong forms, no surrogates, nothing above U+10FFFF.
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] ?? 0;
  if (second < lowest || second > highest) return 0;
  for (let next = at + 2; next < at + length; next += 1) {
    const byte = bytes[next] ?? 0;
    if (byte < 0x80 || byte > 0xbf) return 0;
  }
  return length;
}
