/**
 * The one printer of errors: a line that says what happened, details, every issue, and what to do next.
 * A stack is shown only when asked for; minified source is never shown.
 */
import { AkcError, type Issue } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { errnoOf } from "../../system/files.ts";
import type { Io } from "../io.ts";
import { encode, type Format, type Plain } from "./output.ts";
import { placedLines } from "./placed.ts";
import { styleOf } from "./style.ts";
import { printable } from "./text.ts";

export interface ErrorPrinting {
  readonly format: Format;
  /** Adds causes and stacks. */
  readonly verbose: boolean;
}

/** In JSON and YAML one object goes to stdout, and the first line to stderr as well, so that a log still says why. */
export async function printError(io: Io, thrown: unknown, printing: ErrorPrinting): Promise<void> {
  const error = asAkcError(thrown);
  const { color } = io.stderr;
  const columns = io.stderr.isTerminal ? io.stderr.columns() : undefined;
  io.words(printing.format === "text" ? errorText(error, color, columns) : `${firstLine(error)}\n`);
  if (printing.verbose) io.words(stackText(error));
  if (printing.format !== "text") await io.out(await encode(printing.format, errorData(error)));
}

/** Every throw as an AkcError: a refusal of the operating system gets its own code, all else is a fault of ours. */
export function asAkcError(thrown: unknown): AkcError {
  if (thrown instanceof AkcError) return thrown;
  const errno = errnoOf(thrown);
  if (errno !== undefined && /^E[A-Z0-9]+$/.test(errno) && thrown instanceof Error) {
    if (errno === "ENOSPC" || errno === "EDQUOT") return new AkcError("DISK_FULL", { cause: thrown });
    if ("syscall" in thrown && thrown.syscall === "uv_cwd") return noWorkingDirectory(thrown);
    const call = "syscall" in thrown ? String(thrown.syscall) : undefined;
    const path = "path" in thrown ? String(thrown.path) : undefined;
    return new AkcError("SYSTEM_REFUSED", {
      cause: thrown,
      ...notPermitted(errno),
      details: { errno, ...(call === undefined ? {} : { call }), ...(path === undefined ? {} : { path }) },
    });
  }
  return new AkcError("INTERNAL", { cause: thrown, details: { what: wordsOf(thrown).slice(0, 2_000) } });
}

/** Anything may be thrown, also what refuses to become text. */
function wordsOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  } catch {
    return `a thrown ${typeof thrown} without words`;
  }
}

/** What people meet in a folder of somebody else's, or on a disk that is mounted to be read. */
function notPermitted(errno: string): { readonly message?: string; readonly hint?: string } {
  const hint = "Do it as a user who may, or name a place that may be written.";
  if (errno === "EROFS") return { message: "the file system may only be read", hint };
  return errno === "EACCES" || errno === "EPERM" ? { message: "this user may not do that there", hint } : {};
}

/** The shell stands in a folder that somebody removed: nothing relative has a meaning there. */
function noWorkingDirectory(cause: Error): AkcError {
  return new AkcError("SYSTEM_REFUSED", {
    message: "the working directory does not exist any more",
    hint: "Change to a folder that is there, and start again.",
    cause,
  });
}

/** @param columns what the lines of a faulty text must fit into; absent where there is no terminal */
export function errorText(error: AkcError, color: boolean, columns?: number): string {
  const style = styleOf(color);
  // Where the text itself is shown, its path stands before every fault.
  const told = error.source === undefined ? Object.entries(error.details) : [];
  const details = told.filter(([, value]) => value !== undefined);
  const keyWidth = Math.max(0, ...details.map(([key]) => key.length));
  const { source, issues } = error;
  const lines = [
    ...(source === undefined ? [] : placedLines(issues, source, { style, columns })),
    `${style.bad("error:")} ${printable(error.message)} ${style.faint(`[${error.code}]`)}`,
    ...details.map(([key, value]) => `  ${style.faint(key.padEnd(keyWidth))}  ${detailText(value)}`),
    ...(source === undefined ? issueLines(issues) : []),
    `${style.strong("hint:")} ${printable(error.hint)}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** The shape `Error` of docs/json-output.md. */
export function errorData(error: AkcError): Plain {
  return {
    kind: "Error",
    error: error.message,
    code: error.code,
    class: error.class,
    exit_code: error.exitCode,
    hint: error.hint,
    details: plainDetails(error.details),
    issues: error.issues.slice(0, limits.issuesShownMax).map((issue) => ({ ...issue })),
    issue_count: error.issues.length,
  };
}

function firstLine(error: AkcError): string {
  return `error: ${printable(error.message)} [${error.code}]`;
}

function issueLines(issues: readonly Issue[]): string[] {
  const shown = issues.slice(0, limits.issuesShownMax);
  const lines = shown.map((issue) => {
    const place = issue.line === undefined ? "" : ` (line ${issue.line}, column ${issue.column ?? 1})`;
    // A whole document is `manifest:`, the pointer behind it being empty.
    const path = issue.path === "" ? "/" : issue.path.replace(/:$/, "");
    return `  ${printable(path)}${place}: ${printable(issue.message)}`;
  });
  const hidden = issues.length - shown.length;
  return hidden > 0 ? [...lines, `  … and ${hidden} more`] : lines;
}

function detailText(value: unknown): string {
  if (typeof value === "string") return printable(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
    return printable(value.join(", "));
  }
  return printable(JSON.stringify(plainDetails(value)) ?? String(value));
}

/** Details are written by every room and may hold anything; what JSON cannot say becomes text. */
function plainDetails(value: unknown, depth = 0): Plain {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (depth > 8 || typeof value !== "object") return String(value);
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return value.map((item) => plainDetails(item, depth + 1));
  if (value instanceof Set) return [...value].map((item) => plainDetails(item, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [String(key), plainDetails(item, depth + 1)]));
}

function stackText(error: AkcError): string {
  const parts: string[] = [];
  let current: unknown = error;
  for (let depth = 0; current !== undefined && depth < 8; depth++) {
    const stack = current instanceof Error ? (current.stack ?? current.message) : String(current);
    parts.push(`${depth === 0 ? "at:" : "caused by:"} ${stack}`);
    current = current instanceof Error ? current.cause : undefined;
  }
  return `${parts.join("\n")}\n`;
}
