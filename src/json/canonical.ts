/**
 * The three JSON texts of AKC: COMPACT, which is what fingerprints are taken of, LINE and PRETTY, which files and output hold.
 * Equal values give equal texts, whatever the order in which their keys were written; nothing is ever left out.
 *
 * Source: spec bundle §1, spec kernel §2, spec cli §1.1.
 */
import type { JsonValue } from "./value.ts";
import { type BlockSink, type JsonForm, JsonWriter } from "./writer.ts";

/** One line without blanks, keys by code point, characters as they are. @throws AkcError as {@link writeCanonical}. */
export function canonicalJson(value: JsonValue): string {
  return textOf(value, "compact");
}

/** Indented by two, keys by code point, all but printable ASCII escaped, no newline at the end. @throws AkcError as {@link writeCanonical}. */
export function prettyJson(value: JsonValue): string {
  return textOf(value, "pretty");
}

/** One line with blanks after `,` and `:`, keys by code point, all but printable ASCII escaped. @throws AkcError as {@link writeCanonical}. */
export function lineJson(value: JsonValue): string {
  return textOf(value, "line");
}

/**
 * The UTF-8 bytes of `canonicalJson(value)` in blocks, for a document that should not stand in memory as text as well: full
 * blocks go to `full`, the last one, whose bytes are all there are when the value is small, to `last`, whose answer is returned.
 * A block is only valid during the call and ends between two characters.
 *
 * @throws AkcError JSON_LONE_SURROGATE, JSON_NOT_FINITE, JSON_TOO_DEEP, or INTERNAL for what is no JSON value.
 */
export function writeCanonical<Answer>(
  value: JsonValue,
  full: BlockSink,
  last: (block: Uint8Array) => Answer,
): Answer {
  return written(value, "compact", full, last);
}

function textOf(value: JsonValue, form: JsonForm): string {
  let text = "";
  return written(
    value,
    form,
    (block) => {
      text += decoder.decode(block);
    },
    (block) => text + decoder.decode(block),
  );
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Writers at rest. One that is at work is not here, so a sink may write JSON itself. */
const resting: Record<JsonForm, JsonWriter[]> = { compact: [], line: [], pretty: [] };

function written<Answer>(
  value: JsonValue,
  form: JsonForm,
  full: BlockSink,
  last: (block: Uint8Array) => Answer,
): Answer {
  const writer = resting[form].pop() ?? new JsonWriter(form);
  try {
    return last(writer.write(value, full));
  } finally {
    resting[form].push(writer);
  }
}
