/**
 * Writes rows, each into the block it is given: byte for byte what the JSON room would write, several times as fast where
 * rows are alike. It only remembers how rows look: forgetting everything at any moment changes no output.
 */
import { canonicalJson } from "../../json/canonical.ts";
import { sha256Hex } from "../../json/fingerprint.ts";
import type { JsonValue } from "../../json/value.ts";
import { TextBlock } from "./block.ts";
import { prettyAt } from "./pretty.ts";
import { RowForm } from "./row-form.ts";
import type { RowStyle } from "./row-parts.ts";

/** A file has a few kinds of rows; what is beyond them is written the long way. */
const formsMax = 16;
/** Longer rows are mostly long in one value, which a form would keep in memory. */
const rowCharsMax = 64 * 1024;

export class RowWriter {
  readonly #style: RowStyle;
  /** The one used last comes first: rows of a kind come in runs. */
  readonly #forms: RowForm[] = [];

  constructor(style: RowStyle) {
    this.#style = style;
  }

  /** A row that was written must not be changed afterwards. @throws AkcError as `prettyJson` */
  write(block: TextBlock, row: JsonValue): void {
    for (let index = 0; index < this.#forms.length; index += 1) {
      if (this.#forms[index]?.write(block, row) !== true) continue;
      if (index > 0) this.#forms.unshift(...this.#forms.splice(index, 1));
      return;
    }
    const { form, depth } = this.#style;
    const text = form === "pretty" ? prettyAt(depth, row) : canonicalJson(row);
    block.text(text);
    if (this.#forms.length === formsMax || text.length > rowCharsMax) return;
    const learned = RowForm.of(row, this.#style);
    if (learned !== undefined) this.#forms.unshift(learned);
  }
}

/** The fingerprints of values that are alike. */
export class RowFingerprint {
  readonly #rows = new RowWriter({ form: "compact", depth: 0 });
  readonly #block = new TextBlock();

  /** As `fingerprint`. */
  of(value: JsonValue): string {
    this.#block.clear();
    this.#rows.write(this.#block, value);
    return sha256Hex(this.#block.since(0));
  }
}
