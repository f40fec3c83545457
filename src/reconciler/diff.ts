/**
 * What differs between the fields that should stand and those that do, one entry a field, without those that are to be
 * ignored. It compares what providers have normalised and normalises nothing itself but numbers.
 *
 * Source: RFC 6901 for the paths; spec reconcile §13 W-18, W-19.
 */
import { canonicalJson } from "../json/canonical.ts";
import { compareCodePoints } from "../json/order.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import type { FieldChange } from "./model.ts";

export interface FieldDiff {
  /** In the order of their paths, at most `limits.diffFieldsMax`. */
  readonly changes: readonly FieldChange[];
  /** Beyond those. */
  readonly omitted: number;
  /** Paths that differ and are to be ignored. */
  readonly ignored: readonly string[];
}

export const noDiff: FieldDiff = { changes: [], omitted: 0, ignored: [] };

/**
 * From what stands to what should. Lists of the same length are compared item by item, others as a whole.
 * @param ignore JSON pointers; a segment `*` stands for any one, and what lies below a path is ignored with it
 */
export function diffFields(found: JsonObject, wanted: JsonObject, ignore: readonly string[] = []): FieldDiff {
  const rules = ignore.map((path) => path.split("/").slice(1));
  const changes: FieldChange[] = [];
  const ignored: string[] = [];
  let omitted = 0;
  const differs = (path: readonly string[], from: JsonValue | undefined, to: JsonValue | undefined) => {
    const pointer = path.map((segment) => `/${segment}`).join("");
    if (rules.some((rule) => covers(rule, path))) ignored.push(pointer);
    else if (changes.length >= limits.diffFieldsMax) omitted += 1;
    else {
      changes.push({
        path: pointer,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      });
    }
  };
  const compare = (path: readonly string[], from: JsonValue | undefined, to: JsonValue | undefined): void => {
    if (from === to) return;
    if (from === undefined || to === undefined) {
      differs(path, from, to);
    } else if (isJsonObject(from) && isJsonObject(to)) {
      const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
      for (const key of [...keys].sort(compareCodePoints)) {
        compare([...path, escaped(key)], ownMember(from, key), ownMember(to, key));
      }
    } else if (isJsonArray(from) && isJsonArray(to) && from.length === to.length) {
      for (const [index, item] of from.entries()) compare([...path, String(index)], item, to[index]);
    } else if (!sameValue(from, to)) differs(path, from, to);
  };
  compare([], found, wanted);
  return { changes, omitted, ignored };
}

/** 1 and 1.0 are the same number wherever a provider took them from. */
function sameValue(one: JsonValue, other: JsonValue): boolean {
  const number = asDouble(one);
  return number === undefined ? canonicalJson(one) === canonicalJson(other) : number === asDouble(other);
}

function covers(rule: readonly string[], path: readonly string[]): boolean {
  return (
    rule.length <= path.length && rule.every((segment, index) => segment === "*" || segment === path[index])
  );
}

function ownMember(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function escaped(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
