/**
 * Reads JSON texts: what `parseJson` would read, several times as fast where they are alike. It only remembers how texts look:
 * forgetting everything at any moment changes no value.
 */
import { parseJson } from "../../json/read.ts";
import type { JsonValue } from "../../json/value.ts";
import { TextForm, tokensOf } from "./text-form.ts";

const formsMax = 16;
/** Longer texts are mostly long in one value, which a form would keep in memory. */
const textCharsMax = 64 * 1024;
/** Learning takes longer than parsing: with texts that have nothing in common it must end. */
const lessonsMax = 512;

export class RowReader {
  /** The one used last comes first: texts of a kind come in runs. */
  readonly #forms: TextForm[] = [];
  #lessons = 0;

  /** The value must not be changed: it shares parts with others. @throws AkcError as `parseJson` */
  read(text: string): JsonValue {
    for (let index = 0; index < this.#forms.length; index += 1) {
      const value = this.#forms[index]?.read(text);
      if (value === undefined) continue;
      if (index > 0) this.#forms.unshift(...this.#forms.splice(index, 1));
      return value;
    }
    const value = parseJson(text);
    if (text.length <= textCharsMax && this.#lessons < lessonsMax) this.#learn(text, value);
    return value;
  }

  #learn(text: string, value: JsonValue): void {
    this.#lessons += 1;
    const tokens = tokensOf(text);
    if (this.#forms.some((form) => form.widen(tokens)) || this.#forms.length === formsMax) return;
    const form = TextForm.of(tokens, value);
    if (form !== undefined) this.#forms.unshift(form);
  }
}
