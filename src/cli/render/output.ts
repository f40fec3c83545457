/**
 * Writes results to stdout as text, JSON or YAML. All three say the same facts; the shapes of the last two are a
 * contract (docs/json-output.md) that only grows.
 */
import { isJsonArray, JsonFloat, type JsonValue } from "../../json/value.ts";
import type { Io } from "../io.ts";

export const formats = ["text", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

/** What `JSON.stringify` can write; absent members are left out. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | readonly Plain[]
  | { readonly [key: string]: Plain | undefined };

export interface Report {
  /** For programs. */
  readonly data: Plain;
  /** For people; without a last newline. */
  text(): string;
}

export async function writeReport(io: Io, format: Format, report: Report): Promise<void> {
  await io.out(format === "text" ? withNewline(report.text()) : await encode(format, report.data));
}

export async function encode(format: Exclude<Format, "text">, data: Plain): Promise<string> {
  if (format === "json") return `${escapedSteering(JSON.stringify(data, null, 2))}\n`;
  const { Document, visit } = await import("yaml");
  const document = new Document(data, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_, node) {
      // An escape means itself in double quotes alone.
      if (typeof node.value === "string" && steering.test(node.value)) node.type = "QUOTE_DOUBLE";
    },
  });
  // Long strings stay on their line: a wrapped path or hash is hard to copy.
  return withNewline(escapedSteering(document.toString({ lineWidth: 0 })));
}

/**
 * What JSON and YAML may write as it is, and a terminal obeys all the same: DEL, C1 controls, direction overrides. (C0 they escape.)
 * It stands within quotes only, where its escape is the same text to every reader.
 */
const steering = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const everySteering = new RegExp(steering, "g");

function escapedSteering(text: string): string {
  return text.replaceAll(everySteering, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value of the exact model for output: digits beyond 2^53 are rounded, as every reader of JSON would. */
export function plainOf(value: JsonValue): Plain {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof JsonFloat) return value.value;
  if (isJsonArray(value)) return value.map(plainOf);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainOf(item)]));
}

/** Aligned `key  value` lines. */
export function facts(rows: readonly (readonly [string, string])[]): string {
  const wide = Math.max(0, ...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(wide)}  ${value}`.trimEnd()).join("\n");
}

function withNewline(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
