/**
 * Reads what a route needs to be carried out: the argv of a process, the request of an HTTP call. What is malformed is
 * said to be malformed; nothing is left out silently except where the old runtime documented that it is.
 *
 * Source: spec bundle §13.6; bundle:W-22, bundle:W-24, bundle:W-25.
 */
import { canonicalJson } from "../json/canonical.ts";
import { asDouble, isJsonArray, isJsonObject, type JsonValue } from "../json/value.ts";
import { limits } from "../limits.ts";
import { member } from "./member.ts";
import type { HttpRoute, Route, SubprocessRoute } from "./model.ts";

export type MalformedRoute = Extract<Route, { readonly kind: "malformed" }>;
type Malformed = MalformedRoute;

/** Thrown and caught in this file only: the first thing that is wrong with a specification. */
class Fault extends Error {}

export function readSubprocess(value: JsonValue | undefined): SubprocessRoute | Malformed {
  return orMalformed("subprocess", () => {
    if (value === undefined || value === null) throw new Fault("there is no subprocess specification");
    if (!isJsonObject(value)) throw new Fault("the subprocess specification must be an object");
    const stdin = readStdin(member(value, "stdin"));
    const env = readEnvironment(member(value, "env"));
    return {
      kind: "subprocess",
      argv: readArgv(member(value, "argv")),
      timeoutMs: readTimeoutMs(member(value, "timeout_ms")),
      ...(stdin === undefined ? {} : { stdin }),
      ...(env === undefined ? {} : { env }),
    };
  });
}

export function readHttp(value: JsonValue | undefined): HttpRoute | Malformed {
  return orMalformed("http", () => {
    if (value === undefined || value === null) throw new Fault("there is no http specification");
    if (!isJsonObject(value)) throw new Fault("the http specification must be an object");
    const written = readHeaders(member(value, "headers"));
    const { body, isJson } = readBody(member(value, "body"));
    const typed = written.some(([name]) => name.toLowerCase() === "content-type");
    return {
      kind: "http",
      url: readUrl(member(value, "url")),
      method: readMethod(member(value, "method")),
      headers: isJson && !typed ? [...written, ["Content-Type", "application/json"]] : written,
      ...(body === undefined ? {} : { body }),
      timeoutMs: readTimeoutMs(member(value, "timeout_ms")),
    };
  });
}

/** Whole milliseconds from 1 to the limit; what is no number at all is the default. */
function readTimeoutMs(value: JsonValue | undefined): number {
  const digits =
    typeof value === "string" && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : asDouble(value);
  if (digits === undefined || Number.isNaN(digits)) return limits.routeTimeoutMsDefault;
  return Math.min(Math.max(Math.trunc(digits), 1), limits.routeTimeoutMsMax);
}

function orMalformed<T>(wanted: Malformed["wanted"], read: () => T): T | Malformed {
  try {
    return read();
  } catch (fault) {
    if (fault instanceof Fault) return { kind: "malformed", wanted, why: fault.message };
    throw fault;
  }
}

function readArgv(value: JsonValue | undefined): readonly string[] {
  if (!isJsonArray(value)) throw new Fault("argv must be an array");
  const argv = value.map(argument).filter((item) => item.trim() !== "");
  if (argv.length === 0) throw new Fault("argv has no item that is not blank");
  if (argv.length > limits.argvItemsMax) throw new Fault(`argv has more than ${limits.argvItemsMax} items`);
  const bytes = argv.reduce((sum, item) => sum + Buffer.byteLength(item) + 1, 0);
  if (bytes > limits.argvBytesMax) throw new Fault(`argv is longer than ${limits.argvBytesMax} bytes`);
  return argv;
}

function argument(value: JsonValue): string {
  const text =
    typeof value === "string" ? value : asDouble(value) === undefined ? undefined : canonicalJson(value);
  if (text === undefined) throw new Fault("argv may only hold strings and numbers");
  if (text.includes("\0")) throw new Fault("argv must not hold a NUL character");
  return text;
}

function readStdin(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new Fault("stdin must be a string");
  if (Buffer.byteLength(value) > limits.subprocessStdinBytesMax) {
    throw new Fault(`stdin is longer than ${limits.subprocessStdinBytesMax} bytes`);
  }
  return value;
}

/** Variables that decide which code runs, or that akc speaks through itself. */
const steering = /^(BUN_|LD_|DYLD_|AKC_)|^(NODE_OPTIONS|PATH)$/;

/** Variables that a bundle may set and no program is given: each attempt gets folders of its own by these names. */
export const replacedVariables: ReadonlySet<string> = new Set(["HOME", "TMPDIR"]);

/** Why a bundle must not set the variable; undefined when it may. */
export function variableFault(name: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `env has a name that no variable can have: "${name}"`;
  return steering.test(name) ? `env must not set ${name}` : undefined;
}

function readEnvironment(value: JsonValue | undefined): Readonly<Record<string, string>> | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw new Fault("env must be an object");
  const variables: [string, string][] = [];
  for (const [name, text] of Object.entries(value)) {
    const fault = variableFault(name);
    if (fault !== undefined) throw new Fault(fault);
    if (typeof text !== "string" || text.includes("\0"))
      throw new Fault(`env.${name} must be a string without NUL`);
    variables.push([name, text]);
  }
  return Object.fromEntries(variables);
}

function readUrl(value: JsonValue | undefined): string {
  const url = typeof value === "string" ? value.trim() : "";
  if (url === "") throw new Fault("url must be a string that is not blank");
  if (!URL.canParse(url)) throw new Fault("url is not an absolute URL");
  return url;
}

function readMethod(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "GET";
  if (typeof value !== "string") throw new Fault("method must be a string");
  const method = value.trim().toUpperCase();
  if (method === "") return "GET";
  if (!/^[A-Z]+$/.test(method)) throw new Fault("method is not an HTTP method");
  return method;
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Whether a header can have this value; trimmed by whoever sends it. */
export function isHeaderValue(text: string): boolean {
  return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}

/** A header that could not be sent (a name with a blank in it, a value with a line break) is left out, as documented. */
function readHeaders(value: JsonValue | undefined): readonly (readonly [string, string])[] {
  if (value === undefined || value === null) return [];
  if (!isJsonObject(value)) throw new Fault("headers must be an object");
  const headers: [string, string][] = [];
  for (const [key, item] of Object.entries(value)) {
    const name = key.trim();
    const text = headerText(item)?.trim();
    if (text === undefined) throw new Fault(`the header "${name}" must be a string, a number or a boolean`);
    if (name === "" || /[\r\n ]/.test(name) || /[\r\n]/.test(text)) continue;
    if (!token.test(name)) throw new Fault(`"${name}" is no name of a header`);
    if (!isHeaderValue(text)) throw new Fault(`the header "${name}" holds a character that cannot be sent`);
    headers.push([name, text]);
  }
  return headers;
}

function headerText(value: JsonValue): string | undefined {
  if (typeof value === "string") return value;
  const plain = typeof value === "boolean" || asDouble(value) !== undefined;
  return plain ? canonicalJson(value) : undefined;
}

/** Text is sent as it stands; anything else as JSON, which is then also said in the Content-Type. */
function readBody(value: JsonValue | undefined): {
  readonly body: string | undefined;
  readonly isJson: boolean;
} {
  if (value === undefined || value === null) return { body: undefined, isJson: false };
  if (typeof value === "string") return { body: value, isJson: false };
  return { body: canonicalJson(value), isJson: true };
}
