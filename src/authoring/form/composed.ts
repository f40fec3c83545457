/**
 * Readers of lists and maps, made of other readers. A map is closed: a key that its table lacks is a fault. What is faulty in
 * one member never hides what is wrong with another.
 */
import { compareCodePoints } from "../../json/order.ts";
import type { JsonSchema } from "../../json/schema-text.ts";
import { limits } from "../../limits.ts";
import { meant, namesOf } from "./faults.ts";
import { made, type Reader, wrongForm, wrongType } from "./reader.ts";

export interface Member<out T, out Must extends boolean = boolean> {
  readonly reader: Reader<T>;
  /** One or two sentences for editors and the reference. */
  readonly says: string;
  readonly must: Must;
}

/** A member that may be absent. */
export function may<T>(reader: Reader<T>, says: string): Member<T, false> {
  return { reader, says, must: false };
}

/** A member without which the map means nothing. */
export function must<T>(reader: Reader<T>, says: string): Member<T, true> {
  return { reader, says, must: true };
}

export type Members = Readonly<Record<string, Member<unknown>>>;

type Needed<M extends Members> = { [K in keyof M]: M[K] extends Member<unknown, true> ? K : never }[keyof M];
type ValueOf<M> = M extends Member<infer T> ? T : never;

export type MapOf<M extends Members> = { readonly [K in Needed<M>]: ValueOf<M[K]> } & {
  readonly [K in Exclude<keyof M, Needed<M>>]?: ValueOf<M[K]>;
};

/** @param wants after "must be": `a map with argv` */
export function map<const M extends Members>(
  wants: string,
  members: M,
): Reader<MapOf<M>> & { readonly members: M } {
  const keys = Object.keys(members);
  const reader: Reader<MapOf<M>> & { readonly members: M } = {
    takes: ["map"],
    wants,
    schema: schemaOf(members),
    members,
    read(value, path, ground) {
      const written = membersOf(value);
      if (written === undefined) return wrongType(reader, path, ground);
      const read = new Map<string, unknown>();
      for (const [key, item] of written) {
        const member = Object.hasOwn(members, key) ? members[key] : undefined;
        if (member === undefined) {
          const others = `; known: ${keys.join(", ")}`;
          ground.faults.add(
            "key-unknown",
            [...path, key],
            `unknown key \`${key}\`${meant(key, keys, others)}`,
            "key",
          );
          continue;
        }
        const taken = member.reader.read(item, [...path, key], ground);
        if (taken !== undefined) read.set(key, taken);
      }
      const lacking = keys.filter(
        (key) => members[key]?.must === true && !written.some(([own]) => own === key),
      );
      if (lacking.length > 0) {
        const place = path.length === 0 ? "the file" : `\`${path.join(".")}\``;
        ground.faults.add(
          "missing",
          path,
          `${place} needs ${namesOf(lacking)}`,
          path.length === 0 ? "value" : "key",
        );
      }
      const whole: object = Object.fromEntries(read);
      return isWhole(whole, members) ? whole : undefined;
    },
  };
  return reader;
}

/** Whether every member that must be there is; the others are what their readers gave, or absent. */
function isWhole<M extends Members>(value: object, members: M): value is MapOf<M> {
  return Object.entries(members).every(([key, member]) => !member.must || Object.hasOwn(value, key));
}

function schemaOf(members: Members): JsonSchema {
  const all = Object.entries(members);
  const required = all.filter(([, member]) => member.must).map(([key]) => key);
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(
      all.map(([key, { reader, says }]) => [key, { description: says, ...reader.schema }]),
    ),
    additionalProperties: false,
  };
}

/** A map whose keys are names of things. @param noun of a key: `a step's id` */
export function named<T>(
  noun: string,
  key: RegExp,
  item: Reader<T>,
  wants: string,
): Reader<ReadonlyMap<string, T>> {
  const reader: Reader<ReadonlyMap<string, T>> = {
    takes: ["map"],
    wants,
    schema: { type: "object", propertyNames: { pattern: key.source }, additionalProperties: item.schema },
    read(value, path, ground) {
      const written = membersOf(value);
      if (written === undefined) return wrongType(reader, path, ground);
      const read = new Map<string, T>();
      for (const [name, own] of written) {
        const here = [...path, name];
        // Such a key would be lost in silence by whoever builds a plain object of it.
        if (!key.test(name) || reserved.has(name)) {
          ground.faults.add("wrong-form", here, `\`${name}\` is not ${noun}`, "key");
        }
        const taken = item.read(own, here, ground);
        if (taken !== undefined) read.set(name, taken);
      }
      return read;
    },
  };
  return reader;
}

/** The same in the order of the names: whatever makes a list of it must not depend on how the file is ordered. */
export function byName<T>(reader: Reader<ReadonlyMap<string, T>>): Reader<ReadonlyMap<string, T>> {
  return made(reader, (read) => new Map([...read].sort(([one], [other]) => compareCodePoints(one, other))));
}

const reserved: ReadonlySet<string> = new Set(["__proto__", "prototype", "constructor"]);

export function list<T>(
  item: Reader<T>,
  { least = 0, most = limits.planListItemsMax }: { readonly least?: number; readonly most?: number } = {},
): Reader<readonly T[]> {
  const reader: Reader<readonly T[]> = {
    takes: ["list"],
    wants: "a list",
    schema: { type: "array", ...(least > 0 ? { minItems: least } : {}), items: item.schema },
    read(value, path, ground) {
      if (!Array.isArray(value)) return wrongType(reader, path, ground);
      const items: readonly unknown[] = value;
      if (items.length < least) return wrongForm(`must have at least ${least} entries`, path, ground);
      if (items.length > most) return wrongForm(`must not have more than ${most} entries`, path, ground);
      const read = items.map((one, index) => item.read(one, [...path, String(index)], ground));
      const whole = read.filter((one) => one !== undefined);
      return whole.length === read.length ? whole : undefined;
    },
  };
  return reader;
}

function membersOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.entries(value);
}
