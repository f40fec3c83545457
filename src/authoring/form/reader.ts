/**
 * The small language in which the form of a plan is written down: a reader takes one value, gives what it means and notes
 * every fault with its path; its JSON schema says the same to editors. It never stops at the first fault.
 *
 * Members of a plan often take one of several forms (`run: [git]` or `run: {argv: [git]}`). A form is chosen by the type of
 * what is written and then judged alone, so that a fault names the member that is wrong and not "no option matched".
 */
import { fromPlain } from "../../json/plain.ts";
import type { JsonSchema } from "../../json/schema-text.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../json/value.ts";
import type { Faults, Path } from "./faults.ts";

export type JsonType = "text" | "number" | "switch" | "list" | "map" | "nothing";

export interface Ground {
  readonly faults: Faults;
  /** The characters with which the value at a path is written, up to a blank or a bracket. */
  written(path: Path): string;
}

export interface Reader<out T> {
  /** Types of which it takes a value; others are a fault. */
  readonly takes: readonly JsonType[];
  /** After "must be": `a list of texts`. */
  readonly wants: string;
  readonly schema: JsonSchema;
  /** What the value means; undefined where it is faulty, which is then noted. */
  read(value: unknown, path: Path, ground: Ground): T | undefined;
}

export type ReadBy<R> = R extends Reader<infer T> ? T : never;

export function typeOf(value: unknown): JsonType | undefined {
  if (value === null) return "nothing";
  if (typeof value === "string") return "text";
  if (typeof value === "number" || typeof value === "bigint") return "number";
  if (typeof value === "boolean") return "switch";
  if (Array.isArray(value)) return "list";
  return typeof value === "object" ? "map" : undefined;
}

export function wrongType(reader: Pick<Reader<unknown>, "wants">, path: Path, { faults }: Ground): undefined {
  faults.add("wrong-type", path, `\`${path.join(".") || "the file"}\` must be ${reader.wants}`);
  return undefined;
}

export function wrongForm(why: string, path: Path, { faults }: Ground): undefined {
  faults.add("wrong-form", path, `\`${path.join(".")}\` ${why}`);
  return undefined;
}

/** One of two forms, by the type of what is written. @param wants where the two joined would not help whoever wrote neither */
export function either<A, B>(
  first: Reader<A>,
  second: Reader<B>,
  wants = `${first.wants}, or ${second.wants}`,
): Reader<A | B> {
  const forms: readonly Reader<A | B>[] = [first, second];
  const reader: Reader<A | B> = {
    takes: [...first.takes, ...second.takes],
    wants,
    schema: { anyOf: [first.schema, second.schema].flatMap(alternatives) },
    read(value, path, ground) {
      const type = typeOf(value);
      const form = forms.find(({ takes }) => type !== undefined && takes.includes(type));
      return form === undefined ? wrongType(reader, path, ground) : form.read(value, path, ground);
    },
  };
  return reader;
}

function alternatives(schema: JsonSchema): readonly unknown[] {
  const inner = schema["anyOf"];
  return Array.isArray(inner) && Object.keys(schema).length === 1 ? inner : [schema];
}

/** Anything that JSON can say, taken over as it is. */
export const verbatim: Reader<JsonValue> = {
  takes: ["text", "number", "switch", "list", "map", "nothing"],
  wants: "any value",
  schema: {},
  read(value, path, ground) {
    try {
      return fromPlain(value);
    } catch {
      return wrongForm(
        "holds a value that JSON has no form for (a number that is not finite, or too deep)",
        path,
        ground,
      );
    }
  },
};

/** Any map, taken over as it is. */
export const verbatimMap: Reader<JsonObject> = {
  takes: ["map"],
  wants: "a map",
  schema: { type: "object" },
  read(value, path, ground) {
    const read = verbatim.read(value, path, ground);
    if (read === undefined || isJsonObject(read)) return read;
    return wrongType(verbatimMap, path, ground);
  },
};

/** What a reader gives, made into something else; `make` may note a fault of its own and give undefined. */
export function made<T, U>(
  reader: Reader<T>,
  make: (value: T, path: Path, ground: Ground) => U | undefined,
): Reader<U> {
  return {
    ...reader,
    read(value, path, ground) {
      const read = reader.read(value, path, ground);
      return read === undefined ? undefined : make(read, path, ground);
    },
  };
}
