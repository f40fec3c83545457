/**
 * The text of a unit file: read into its assignments as systemd reads it, and words written so that systemd reads them back.
 * Pure. It knows no key's meaning, and never runs or stores anything.
 *
 * Source: systemd.syntax(7), systemd.service(5) "Command lines"; `config_parse` of systemd 252.
 */
import { type MutableJsonObject, setMember } from "../../json/member.ts";
import type { JsonObject, JsonValue } from "../../json/value.ts";

export interface Assignment {
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

export interface UnitText {
  /** In the order of the text; comments and blank lines are gone, continued lines are one. */
  readonly assignments: readonly Assignment[];
  /** What systemd would skip with a warning, by line from 1. */
  readonly faults: readonly { readonly line: number; readonly why: string }[];
}

export function readUnitText(text: string): UnitText {
  const assignments: Assignment[] = [];
  const faults: { line: number; why: string }[] = [];
  let section: string | undefined;
  const take = (line: number, whole: string) => {
    const stripped = trimmed(whole);
    if (stripped === "") return;
    if (stripped.startsWith("[")) {
      section = stripped.endsWith("]") ? stripped.slice(1, -1) : undefined;
      if (section === undefined) faults.push({ line, why: "the section's name has no end" });
      return;
    }
    const at = stripped.indexOf("=");
    if (at <= 0) faults.push({ line, why: "it is neither a section nor KEY=VALUE" });
    else if (section === undefined) faults.push({ line, why: "it stands in no section" });
    else
      assignments.push({
        section,
        key: trimmed(stripped.slice(0, at)),
        value: trimmed(stripped.slice(at + 1)),
      });
  };
  let open: { readonly line: number; readonly text: string } | undefined;
  for (const [index, raw] of text.split(/\r\n|[\n\r\0]/).entries()) {
    if (/^[ \t]*[#;]/.test(raw)) continue;
    const whole = (open?.text ?? "") + raw;
    const line = open?.line ?? index + 1;
    // An odd number of backslashes: the last one escapes the line's end.
    if (/(?<!\\)(?:\\\\)*\\$/.test(whole)) open = { line, text: `${whole.slice(0, -1)} ` };
    else {
      open = undefined;
      take(line, whole);
    }
  }
  if (open !== undefined) {
    faults.push({ line: open.line, why: "it ends in a backslash, and so goes on where nothing follows" });
    take(open.line, open.text);
  }
  return { assignments, faults };
}

/** `{Section: {Key: "value"}}`, a list where a key is assigned more than once; without the sections named. */
export function unitFields({ assignments }: UnitText, without: readonly string[] = []): JsonObject {
  const sections = new Map<string, Map<string, string[]>>();
  for (const { section, key, value } of assignments) {
    if (without.includes(section)) continue;
    const keys = sections.get(section) ?? new Map<string, string[]>();
    sections.set(section, keys);
    const values = keys.get(key);
    if (values === undefined) keys.set(key, [value]);
    else values.push(value);
  }
  return objectOf([...sections].map(([name, keys]) => [name, objectOf([...keys].map(oneOrList))]));
}

/** The last value counts; undefined without one. */
export function lastValue(unit: UnitText, section: string, key: string): string | undefined {
  return unit.assignments.findLast((one) => one.section === section && one.key === key)?.value;
}

/** One word of a line that systemd splits into words, with its specifiers and escapes as plain text. No NUL. */
export function quotedWord(word: string): string {
  const escaped = word
    .replaceAll(/[\\"]/g, "\\$&")
    .replaceAll("\n", "\\n")
    .replaceAll("\t", "\\t")
    .replaceAll(controls, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)
    .replaceAll("%", "%%");
  return `"${escaped}"`;
}

/** A command's arguments, none of which systemd expands: neither specifiers nor variables. */
export function commandLine([program = "", ...args]: readonly string[]): string {
  return [quotedWord(program), ...args.map((arg) => quotedWord(arg).replaceAll("$", () => "$$"))].join(" ");
}

/** A value that systemd takes whole: only specifiers mean something there. Without line breaks and backslashes. */
export function plainValue(value: string): string {
  return value.replaceAll("%", "%%");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const controls = /[\x00-\x1f\x7f]/g;

function trimmed(text: string): string {
  return text.replaceAll(/^[ \t]+|[ \t]+$/g, "");
}

function oneOrList([key, values]: readonly [string, readonly string[]]): readonly [string, JsonValue] {
  const [only = "", ...more] = values;
  return [key, more.length === 0 ? only : values];
}

/** Also of keys like `__proto__`. */
function objectOf(members: Iterable<readonly [string, JsonValue]>): JsonObject {
  const object: MutableJsonObject = {};
  for (const [key, value] of members) setMember(object, key, value);
  return object;
}
