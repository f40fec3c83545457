/**
 * Readers of single values: texts, whole numbers, switches, words of a list, lengths of time. They know no member of a plan.
 */
import { limits } from "../../limits.ts";
import { meant } from "./faults.ts";
import { made, type Reader, typeOf, wrongForm, wrongType } from "./reader.ts";

interface TextForm {
  readonly pattern?: RegExp;
  /** What `pattern` wants, after "must be". */
  readonly wants?: string;
  /** Least number of characters: 1 unless said. */
  readonly least?: number;
}

export function text({ pattern, wants = "text", least = 1 }: TextForm = {}): Reader<string> {
  const reader: Reader<string> = {
    takes: ["text"],
    wants,
    schema: {
      type: "string",
      ...(least > 0 ? { minLength: least } : {}),
      ...(pattern === undefined ? {} : { pattern: pattern.source }),
    },
    read(value, path, ground) {
      if (typeof value !== "string") return wrongType(reader, path, ground);
      if (value.length < least) return wrongForm("must not be empty", path, ground);
      if (!value.isWellFormed() || value.includes("\0"))
        return wrongForm(
          "holds a character that no text may hold (NUL, half a surrogate pair)",
          path,
          ground,
        );
      if (pattern !== undefined && !pattern.test(value)) return wrongForm(`must be ${wants}`, path, ground);
      return value;
    },
  };
  return reader;
}

/**
 * A text, or a whole number that is written as it will be read: `8080`. What another writer would have meant as text
 * (`0755`, `1.0`, `yes`) is refused with the advice to put it in quotes.
 */
export const word: Reader<string> = {
  takes: ["text", "number", "switch"],
  wants: "text, or a whole number",
  schema: { type: ["string", "integer"] },
  read(value, path, ground) {
    if (typeof value === "string") return text({ least: 0 }).read(value, path, ground);
    const shown = String(value);
    if (typeof value === "number" && Number.isSafeInteger(value) && ground.written(path) === shown)
      return shown;
    if (typeOf(value) === "number" || typeOf(value) === "switch")
      return wrongForm(`must be text: put ${ground.written(path)} in quotes`, path, ground);
    return wrongType(word, path, ground);
  },
};

export function count(min: number, max: number): Reader<number> {
  const reader: Reader<number> = {
    takes: ["number"],
    wants: `a whole number from ${min} to ${max}`,
    schema: { type: "integer", minimum: min, maximum: max },
    read(value, path, ground) {
      if (typeof value !== "number") return wrongType(reader, path, ground);
      if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
      return wrongForm(`must be ${reader.wants}`, path, ground);
    },
  };
  return reader;
}

export const number: Reader<number> = {
  takes: ["number"],
  wants: "a number",
  schema: { type: "number" },
  read(value, path, ground) {
    return typeof value === "number" && Number.isFinite(value) ? value : wrongType(number, path, ground);
  },
};

export const flag: Reader<boolean> = {
  takes: ["switch"],
  wants: "true or false",
  schema: { type: "boolean" },
  read: (value, path, ground) => (typeof value === "boolean" ? value : wrongType(flag, path, ground)),
};

/** One of some words. */
export function oneOf<const Words extends readonly string[]>(words: Words): Reader<Words[number]> {
  const reader: Reader<Words[number]> = {
    takes: ["text"],
    wants: `one of ${words.join(", ")}`,
    schema: { enum: words },
    read(value, path, ground) {
      if (typeof value !== "string") return wrongType(reader, path, ground);
      const known = words.find((one) => one === value);
      return known ?? wrongForm(`must be ${reader.wants}${meant(value, words)}`, path, ground);
    },
  };
  return reader;
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `10m`, `1h`, `2d`, as milliseconds. */
export function lengthOfTime(minMs: number, maxMs: number = limits.waitMsMax): Reader<number> {
  const wants = "a length of time such as 500ms, 30s, 10m, 1h or 2d";
  const form = /^(\d{1,12})(ms|s|m|h|d)$/;
  return made(text({ pattern: form, wants }), (written, path, ground) => {
    const [, digits = "", unit = ""] = form.exec(written) ?? [];
    const ms = Number(digits) * (unitsMs[unit] ?? Number.NaN);
    if (ms >= minMs && ms <= maxMs) return ms;
    return wrongForm(`must be from ${shownMs(minMs)} to ${shownMs(maxMs)}`, path, ground);
  });
}

function shownMs(ms: number): string {
  const unit = Object.entries(unitsMs).findLast(([, size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
