/**
 * The small language in which the shape of a JSON document is written down: a rule looks at one value and reports
 * what is wrong with it. It never stops at the first fault, never changes a value and never looks at a file.
 */

import type { Issue } from "../../errors.ts";
import { compareCodePoints } from "../../json/order.ts";
import { asDouble, isJsonArray, isJsonObject, JsonFloat, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { member } from "../member.ts";

export type Rule = (value: JsonValue, report: Report) => void;

/** Collects issues with the place at which they were met. */
export interface Report {
  readonly issues: Issue[];
  /** Keys and indexes from the root to the value under the rule; a stack, so that a sound value costs nothing. */
  readonly at: (string | number)[];
}

/** Every fault that `rule` finds in `value`, sorted by path and then by message. `base` is a JSON pointer. */
export function issuesOf(value: JsonValue, rule: Rule, base = ""): Issue[] {
  const report: Report = { issues: [], at: [] };
  rule(value, report);
  const issues = base === "" ? report.issues : report.issues.map((issue) => placedAt(base, issue));
  return sortIssues(issues);
}

/** The same issue with its place seen from further out. */
export function placedAt(base: string, issue: Issue): Issue {
  return { ...issue, path: base + issue.path };
}

export function sortIssues(issues: Issue[]): Issue[] {
  return issues.sort((a, b) => compareCodePoints(a.path, b.path) || compareCodePoints(a.message, b.message));
}

/** Adds a fault at the present place. A hostile document may hold millions: past the bound they are not kept. */
export function fault(report: Report, message: string): void {
  if (report.issues.length < limits.issuesCollectedMax) {
    report.issues.push({ path: pointer(report.at), message });
  }
}

/** RFC 6901. */
export function pointer(at: readonly (string | number)[]): string {
  return at.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Applies `rule` to a part of the present value. */
export function inside(report: Report, key: string | number, value: JsonValue, rule: Rule): void {
  report.at.push(key);
  rule(value, report);
  report.at.pop();
}

export const anything: Rule = () => {};

export const flag: Rule = (value, report) => {
  if (typeof value !== "boolean") fault(report, "must be true or false");
};

export interface TextShape {
  /** Least number of characters; white space counts. */
  readonly min?: number;
  /** Must hold something other than white space. */
  readonly filled?: boolean;
  readonly pattern?: RegExp;
  /** Says what `pattern` wants. */
  readonly wants?: string;
}

export function text({ min = 0, filled = false, pattern, wants }: TextShape = {}): Rule {
  return (value, report) => {
    if (typeof value !== "string") return fault(report, "must be a string");
    if (value.length < min || (filled && value.trim() === "")) return fault(report, "must not be empty");
    if (pattern !== undefined && !pattern.test(value)) fault(report, wants ?? `must match ${pattern.source}`);
  };
}

export const filledText: Rule = text({ filled: true });
export const sha256Text: Rule = text({
  pattern: /^[0-9a-f]{64}$/,
  wants: "must be 64 lower-case hexadecimal digits",
});

export function oneOf(words: readonly string[]): Rule {
  return (value, report) => {
    if (typeof value !== "string" || !words.includes(value)) {
      fault(report, `must be one of ${words.map((word) => `"${word}"`).join(", ")}`);
    }
  };
}

/** A whole number; `1.0` counts, `true` does not. */
export function integer({ min, max }: { readonly min?: number; readonly max?: number } = {}): Rule {
  const wants =
    min === undefined
      ? "must be a whole number"
      : max === undefined
        ? `must be a whole number of at least ${min}`
        : `must be a whole number from ${min} to ${max}`;
  return (value, report) => {
    const whole =
      typeof value === "bigint" || value instanceof JsonFloat
        ? true
        : typeof value === "number" && Number.isInteger(value);
    const double = asDouble(value);
    if (!whole || double === undefined) return fault(report, wants);
    if ((min !== undefined && double < min) || (max !== undefined && double > max)) fault(report, wants);
  };
}

export function decimal({
  min,
  above,
  max,
}: {
  readonly min?: number;
  readonly above?: number;
  readonly max?: number;
} = {}): Rule {
  return (value, report) => {
    const double = asDouble(value);
    if (double === undefined) return fault(report, "must be a number");
    if (min !== undefined && double < min) fault(report, `must be at least ${min}`);
    if (above !== undefined && double <= above) fault(report, `must be more than ${above}`);
    if (max !== undefined && double > max) fault(report, `must be at most ${max}`);
  };
}

export function orNull(rule: Rule): Rule {
  return (value, report) => {
    if (value !== null) rule(value, report);
  };
}

export function listOf(item: Rule, { min = 0 }: { readonly min?: number } = {}): Rule {
  return (value, report) => {
    if (!isJsonArray(value)) return fault(report, "must be an array");
    if (value.length < min) fault(report, `must have at least ${min === 1 ? "one item" : `${min} items`}`);
    for (let index = 0; index < value.length; index++) {
      const element = value[index];
      if (element !== undefined) inside(report, index, element, item);
    }
  };
}

export function mapOf(item: Rule): Rule {
  return (value, report) => {
    if (!isJsonObject(value)) return fault(report, "must be an object");
    for (const [key, element] of Object.entries(value)) inside(report, key, element, item);
  };
}

export const anyObject: Rule = mapOf(anything);
export const texts: Rule = listOf(text());
export const filledTexts: Rule = listOf(filledText);

export type Members = Readonly<Record<string, Rule>>;

/** An object with these members; others are kept and never an issue unless the record is `closed`. */
export function record(required: Members, optional: Members = {}, { closed = false } = {}): Rule {
  const must = Object.entries(required);
  const may = Object.entries(optional);
  const known = new Set([...must, ...may].map(([key]) => key));
  return (value, report) => {
    if (!isJsonObject(value)) return fault(report, "must be an object");
    for (const [key, rule] of must) {
      const element = member(value, key);
      inside(report, key, element ?? null, element === undefined ? absent : rule);
    }
    for (const [key, rule] of may) {
      const element = member(value, key);
      if (element !== undefined) inside(report, key, element, rule);
    }
    if (!closed) return;
    for (const key of Object.keys(value)) if (!known.has(key)) inside(report, key, null, unknownKey);
  };
}

/** All of them look at the same value. */
export function all(...rules: readonly Rule[]): Rule {
  return (value, report) => {
    for (const rule of rules) rule(value, report);
  };
}

/** No two objects of a list may have the same text at `key`. */
export function distinct(key: string): Rule {
  return (value, report) => {
    if (!isJsonArray(value)) return;
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const id = isJsonObject(item) ? member(item, key) : undefined;
      if (typeof id !== "string") continue;
      const name = id.trim();
      if (seen.has(name)) {
        report.at.push(index, key);
        fault(report, `"${name}" stands here for the second time`);
        report.at.length -= 2;
      }
      seen.add(name);
    }
  };
}

/** Names a member of an object in a fault without judging its value. */
export function faultAt(report: Report, keys: readonly (string | number)[], message: string): void {
  report.at.push(...keys);
  fault(report, message);
  report.at.length -= keys.length;
}

const absent: Rule = (_value, report) => fault(report, "is required");
const unknownKey: Rule = (_value, report) => fault(report, "is not a key that may stand here");
