/**
 * The value of texts that are alike. A form begins as one text; every value in which a later text differs becomes a place, and
 * all that lies between the places is compared, not parsed. It reads what the JSON room would read, or nothing.
 *
 * Values share what is the same in all of them, so they must not be changed.
 */
import { canonicalJson } from "../../json/canonical.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonArray, type JsonArray, type JsonObject, type JsonValue } from "../../json/value.ts";
import { plainText, type Scalar } from "./block.ts";
import { isScalar } from "./row-parts.ts";

/** A JSON text apart from its value: where its scalars stand, and what is around them. */
export interface Tokens {
  readonly text: string;
  /** Start and end of every string, number and word that is a value, in order. */
  readonly spans: readonly (readonly [start: number, end: number])[];
  /** The text without them: the same for texts with the same keys in the same order. */
  readonly skeleton: string;
}

/** A string, with the colon that makes it a key; or a number or word. In text that is valid JSON nothing else matches. */
const token = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[-+.\w]+/g;

/**
 * The beginning of a key that is an array index, as "0" or "17": the engine lists such members first and by number, wherever they
 * stand in the text, so that the n-th scalar of the value is not the text's. Matching within a string only costs its form.
 */
const indexLikeKey = /"[0-9]+"\s*:/;

export function tokensOf(text: string): Tokens {
  const spans: [number, number][] = [];
  let skeleton = "";
  let end = 0;
  for (const match of text.matchAll(token)) {
    if (match[2] !== undefined) continue;
    skeleton += `${text.slice(end, match.index)}\0`;
    end = match.index + match[0].length;
    spans.push([match.index, end]);
  }
  return { text, spans, skeleton: skeleton + text.slice(end) };
}

/** An object or array that is made anew for every text, since it holds places; `open` are the members that do. */
interface Branch {
  readonly sample: JsonObject | JsonArray;
  readonly open: readonly { readonly key: string; readonly holds: Branch | number }[];
}

export class TextForm {
  readonly #first: Tokens;
  readonly #value: JsonObject | JsonArray;
  /** By number of the scalar, whether it is a place. */
  readonly #isPlace: boolean[];
  #pieces: readonly string[] = [];
  #root: Branch | undefined;
  readonly #values: Scalar[] = [];

  private constructor(tokens: Tokens, value: JsonObject | JsonArray) {
    this.#first = tokens;
    this.#value = value;
    this.#isPlace = tokens.spans.map(() => false);
    this.#cut();
  }

  /** The form of a text whose value is known; undefined when the two do not list the same scalars in the same order. */
  static of(tokens: Tokens, value: JsonValue): TextForm | undefined {
    if (isScalar(value) || indexLikeKey.test(tokens.text)) return undefined;
    const scalars = [...scalarsOf(value)].map(canonicalJson);
    const written = tokens.spans.map(([start, end]) =>
      canonicalJson(parseJson(tokens.text.slice(start, end))),
    );
    const alike =
      scalars.length === written.length && scalars.every((text, index) => text === written[index]);
    return alike ? new TextForm(tokens, value) : undefined;
  }

  /** Makes places of the scalars in which the text differs, if it differs in nothing else. Answers whether it does not. */
  widen({ text, spans, skeleton }: Tokens): boolean {
    const first = this.#first;
    if (skeleton !== first.skeleton) return false;
    for (const [index, [start, end]] of spans.entries()) {
      const [from, to] = first.spans[index] ?? [0, 0];
      if (text.slice(start, end) !== first.text.slice(from, to)) this.#isPlace[index] = true;
    }
    this.#cut();
    return true;
  }

  /** The value of the text, as `parseJson` would give it; undefined when it is of another form, or hard to read. */
  read(text: string): JsonValue | undefined {
    const pieces = this.#pieces;
    this.#values.length = 0;
    let at = 0;
    for (let index = 0; ; index += 1) {
      const piece = pieces[index] ?? "";
      if (!text.startsWith(piece, at)) return undefined;
      at += piece.length;
      if (index === pieces.length - 1) break;
      const end = endOfScalar(text, at);
      const value = scalarOf(text, at, end);
      if (value === undefined) return undefined;
      this.#values.push(value);
      at = end;
    }
    if (at !== text.length) return undefined;
    return this.#root === undefined ? this.#value : filled(this.#root, this.#values);
  }

  #cut(): void {
    const { text, spans } = this.#first;
    const pieces: string[] = [];
    let at = 0;
    for (const [index, [start, end]] of spans.entries()) {
      if (this.#isPlace[index] !== true) continue;
      pieces.push(text.slice(at, start));
      at = end;
    }
    this.#pieces = [...pieces, text.slice(at)];
    this.#root = branchOf(this.#value, { isPlace: this.#isPlace, scalar: 0, place: 0 });
  }
}

function* scalarsOf(value: JsonValue): Generator<Scalar> {
  if (isScalar(value)) yield value;
  else for (const child of Object.values(value)) yield* scalarsOf(child);
}

/** Undefined when no place is in it. `count` says how many scalars and places came before. */
function branchOf(
  sample: JsonObject | JsonArray,
  count: { readonly isPlace: readonly boolean[]; scalar: number; place: number },
): Branch | undefined {
  const open: { key: string; holds: Branch | number }[] = [];
  for (const [key, child] of Object.entries(sample)) {
    let holds: Branch | number | undefined;
    if (!isScalar(child)) holds = branchOf(child, count);
    else {
      if (count.isPlace[count.scalar] === true) {
        holds = count.place;
        count.place += 1;
      }
      count.scalar += 1;
    }
    if (holds !== undefined) open.push({ key, holds });
  }
  return open.length === 0 ? undefined : { sample, open };
}

function filled({ sample, open }: Branch, values: readonly Scalar[]): JsonValue {
  if (isJsonArray(sample)) {
    const items = [...sample];
    for (const { key, holds } of open) items[Number(key)] = held(holds, values);
    return items;
  }
  const members: Record<string, JsonValue> = { ...sample };
  for (const { key, holds } of open) members[key] = held(holds, values);
  return members;
}

function held(holds: Branch | number, values: readonly Scalar[]): JsonValue {
  return typeof holds === "number" ? (values[holds] ?? null) : filled(holds, values);
}

function endOfScalar(text: string, start: number): number {
  if (text.charCodeAt(start) === quote) return text.indexOf('"', start + 1) + 1;
  let end = start;
  while (end < text.length && !isEnd(text.charCodeAt(end))) end += 1;
  return end;
}

const quote = 0x22;

/** A comma or a closing bracket. */
function isEnd(unit: number): boolean {
  return unit === 0x2c || unit === 0x7d || unit === 0x5d;
}

/** Only what needs no thought: strings without escapes, small integers, words. */
function scalarOf(text: string, start: number, end: number): Scalar | undefined {
  if (text.charCodeAt(start) === quote) {
    const inner = text.slice(start + 1, end - 1);
    return end > start + 1 && plainText.test(inner) ? inner : undefined;
  }
  const word = text.slice(start, end);
  if (smallInteger.test(word)) return Number(word);
  return words.get(word);
}

const smallInteger = /^(?:0|-?[1-9][0-9]{0,14})$/;
const words: ReadonlyMap<string, boolean | null> = new Map<string, boolean | null>([
  ["true", true],
  ["false", false],
  ["null", null],
]);
