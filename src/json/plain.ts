/**
 * The bridge between the value model and ordinary JavaScript values.
 * On the way out it loses the difference between 1 and 1.0 and digits beyond 2^53, so the result must never be fingerprinted.
 */
import { AkcError } from "../errors.ts";
import { limits } from "../limits.ts";
import { type MutableJsonObject, setMember } from "./member.ts";
import { doubleValue } from "./number.ts";
import { isJsonArray, JsonFloat, type JsonValue } from "./value.ts";

/** What `JSON.stringify` understands: floats and big integers become numbers. */
export function toPlain(value: JsonValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof JsonFloat) return value.value;
  if (isJsonArray(value)) return value.map(toPlain);
  // fromEntries defines members, so a key called `__proto__` stays data.
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toPlain(member)]));
}

/**
 * The value that `value` stands for; members whose value is undefined are left out. A number that is neither a safe integer nor
 * a fraction becomes a float.
 *
 * @throws AkcError INTERNAL for a function, a symbol, an undefined item or an object that is not plain, JSON_NOT_FINITE,
 *   or JSON_TOO_DEEP, which is also what a value that contains itself ends as.
 */
export function fromPlain(value: unknown): JsonValue {
  return converted(value, 0);
}

function converted(value: unknown, depth: number): JsonValue {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return plainNumber(value);
    case "object":
      if (value === null || value instanceof JsonFloat) return value;
      if (depth >= limits.jsonDepthMax) {
        throw new AkcError("JSON_TOO_DEEP", { details: { limit: limits.jsonDepthMax } });
      }
      return Array.isArray(value) ? plainArray(value, depth + 1) : plainObject(value, depth + 1);
    default:
      return notData(typeof value);
  }
}

function plainNumber(value: number): JsonValue {
  if (!Number.isFinite(value)) throw new AkcError("JSON_NOT_FINITE", { details: { token: String(value) } });
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return doubleValue(value);
}

function plainArray(items: readonly unknown[], depth: number): JsonValue {
  // Array.from also visits holes, which are as undefined as any other undefined item.
  return Array.from(items, (item) => converted(item, depth));
}

function plainObject(object: object, depth: number): JsonValue {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) return notData(object.constructor.name);
  const members: MutableJsonObject = {};
  for (const [key, member] of Object.entries(object)) {
    if (member !== undefined) setMember(members, key, converted(member, depth));
  }
  return members;
}

function notData(kind: string): never {
  throw new AkcError("INTERNAL", { message: `a value of kind ${kind} has no JSON form` });
}
