/**
 * Which keys a YAML document may have and where it must have maps, read off the valibot schema that checks its values.
 * A schema is plain data; nothing here reads a value.
 */

export interface DocumentShape {
  /** The keys that may stand in the map at `path`; undefined where any key may, or where there is no map. */
  keysAt(path: readonly string[]): readonly string[] | undefined;
  /** Whether a map must stand at `path`; any segment stands for an item of a list. */
  isMapAt(path: readonly string[]): boolean;
  /** What a key of the open map at `path` is called, e.g. `a policy id`. */
  keyNoun(path: readonly string[]): string;
}

/** Keys that no map can hold; a record schema would drop them without a word. */
export const impossibleKeys: readonly string[] = ["__proto__", "prototype", "constructor"];

/** @param nouns what the keys of an open map are called, by the map's key; `a key` where it says nothing */
export function shapeOf(schema: object, nouns: Readonly<Record<string, string>> = {}): DocumentShape {
  const at = (path: readonly string[]) => path.reduce<object | undefined>(below, bare(schema));
  return {
    keysAt(path) {
      const entries = entriesOf(at(path));
      return entries === undefined ? undefined : Object.keys(entries);
    },
    isMapAt(path) {
      const type = typeOf(at(path));
      return type === "strict_object" || type === "record";
    },
    keyNoun: (path) => nouns[path.at(-1) ?? ""] ?? "a key",
  };
}

function below(schema: object | undefined, key: string): object | undefined {
  const entries = entriesOf(schema);
  if (entries !== undefined) return Object.hasOwn(entries, key) ? bare(member(entries, key)) : undefined;
  if (schema === undefined) return undefined;
  if (typeOf(schema) === "array") return bare(member(schema, "item"));
  return typeOf(schema) === "record" ? bare(member(schema, "value")) : undefined;
}

function entriesOf(schema: object | undefined): object | undefined {
  return schema !== undefined && typeOf(schema) === "strict_object" ? objectAt(schema, "entries") : undefined;
}

/** The schema itself, where it stands in a pipe or is optional. A pipe's first item is the bare schema. */
function bare(schema: unknown): object | undefined {
  if (typeof schema !== "object" || schema === null) return undefined;
  const pipe = member(schema, "pipe");
  if (Array.isArray(pipe) && pipe[0] !== schema) return bare(pipe[0]);
  return typeOf(schema) === "optional" ? bare(member(schema, "wrapped")) : schema;
}

function typeOf(schema: object | undefined): unknown {
  return schema === undefined ? undefined : member(schema, "type");
}

function objectAt(holder: object, key: string): object | undefined {
  const value = member(holder, key);
  return typeof value === "object" && value !== null ? value : undefined;
}

function member(holder: object, key: string): unknown {
  const value: unknown = Reflect.get(holder, key);
  return value;
}
