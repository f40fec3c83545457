/**
 * One line of the daemon's log from what happened: a constant event, a constant message, and keys. Pure.
 * No value can break a line, steer a terminal or take a common field's place, and none that looks like a secret gets through.
 *
 * Source: spec cli §16.5 (logging schema); sd-daemon(3) for the priority prefix.
 */
import { redacted, redactText } from "../evidence/redact.ts";
import { toPlain } from "../json/plain.ts";
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from "../json/value.ts";

export const logLevels = ["error", "warn", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogRecord {
  readonly level: LogLevel;
  /** Snake case, one of few: what programs look for. */
  readonly event: string;
  /** For people; the event with blanks where absent. Constant too: what differs is in the keys. */
  readonly message?: string | undefined;
  readonly atMs: number;
  readonly tenantId?: string | undefined;
  readonly repoId?: string | undefined;
  readonly runId?: string | undefined;
  readonly keys: JsonObject;
}

export interface LineStyle {
  readonly format: "text" | "json";
  /** `journal`: with a priority in front and without a time, which the journal has itself. `terminal`: the time of the day alone. */
  readonly place: "journal" | "terminal" | "stream";
  readonly color: boolean;
  readonly pid: number;
}

/** @param secrets known values, looked for in every text; what stands where secrets stand is found without them */
export function logLine(record: LogRecord, style: LineStyle, secrets: readonly string[]): string {
  const clean: LogRecord = {
    ...record,
    ...(record.message === undefined ? {} : { message: redactText(record.message, secrets) }),
    keys: redactJson(record.keys, secrets),
  };
  const prefix = style.place === "journal" ? `<${priorities[record.level]}>` : "";
  return `${prefix}${style.format === "json" ? jsonLine(clean, style) : textLine(clean, style)}\n`;
}

/** Severities of syslog(3). */
const priorities: Readonly<Record<LogLevel, number>> = { error: 3, warn: 4, info: 6, debug: 7 };

const commonFields = ["ts_unix_ms", "level", "event", "pid", "tenant_id", "run_id", "repo_id", "message"];

function jsonLine(record: LogRecord, { pid }: LineStyle): string {
  const keys = Object.entries(record.keys).map(([key, value]): readonly [string, unknown] => [
    commonFields.includes(key) ? `${key}_` : key,
    toPlain(value),
  ]);
  return escaped(
    JSON.stringify({
      ts_unix_ms: Math.floor(record.atMs),
      level: record.level,
      event: record.event,
      pid,
      tenant_id: record.tenantId ?? null,
      run_id: record.runId ?? null,
      ...(record.repoId === undefined ? {} : { repo_id: record.repoId }),
      message: messageOf(record),
      ...Object.fromEntries(keys),
    }),
  );
}

function textLine(record: LogRecord, { place, color }: LineStyle): string {
  const { tenantId, repoId, runId } = record;
  const instant = new Date(record.atMs).toISOString();
  const time = { journal: "", terminal: instant.slice(11, 19), stream: instant }[place];
  // The colours are our own and come after what is escaped.
  const [open, close] = color ? paints[record.level] : ["", ""];
  const level = place === "journal" ? "" : `${open}${record.level.padEnd(5)}${close}`;
  const keys = [
    ...(tenantId === undefined ? [] : [["scope", repoId === undefined ? tenantId : `${tenantId}/${repoId}`]]),
    ...(runId === undefined ? [] : [["run_id", runId]]),
    ...Object.entries(record.keys).map(([key, value]) => [key, wordOf(value)]),
  ].map(([key = "", value = ""]) => `${key}=${quoted(value)}`);
  const words = escaped([messageOf(record), ...keys].join(" "));
  return [time, level, words].filter((part) => part !== "").join(" ");
}

const paints: Readonly<Record<LogLevel, readonly [string, string]>> = {
  error: ["\u001b[31m", "\u001b[39m"],
  warn: ["\u001b[33m", "\u001b[39m"],
  info: ["", ""],
  debug: ["\u001b[2m", "\u001b[22m"],
};

function messageOf({ message, event }: LogRecord): string {
  return message ?? event.replaceAll("_", " ");
}

function wordOf(value: JsonValue): string {
  return typeof value === "string" ? value : JSON.stringify(toPlain(value));
}

function quoted(value: string): string {
  return /^[^\s"=\\]+$/.test(value) ? value : JSON.stringify(value);
}

/** The same value with every text in it redacted, and whole values under keys that name secrets. */
export function redactJson(value: JsonObject, secrets: readonly string[]): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [redactText(key, secrets), redactValue(key, item, secrets)]),
  );
}

function redactValue(key: string, value: JsonValue, secrets: readonly string[]): JsonValue {
  if (typeof value === "string") return namesSecret(key) ? redacted : redactText(value, secrets);
  if (isJsonArray(value)) return value.map((item) => redactValue(key, item, secrets));
  return isJsonObject(value) ? redactJson(value, secrets) : value;
}

/** Whether redaction of text would take away what stands behind this key. */
function namesSecret(key: string): boolean {
  return redactText(`${key}: value`, []).includes(redacted);
}

/** What could move a cursor or hide text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose.
const steering = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escaped(line: string): string {
  return line.replaceAll(steering, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
