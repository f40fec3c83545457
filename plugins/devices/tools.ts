/**
 * Programs of this plugin: how one is run to its end, what that end means whatever it said, and its words in bounded pieces.
 * Knows no program by name, and never takes a program that could not be run for an answer.
 */
import { type Call, isPluginError, type JsonMap, type RunEnd, type RunOptions, type Verdict } from "akc/sdk";

export type Judged = Pick<Verdict, "verdict" | "reason" | "message">;

export const passed: Judged = { verdict: "pass" };

/** The device did not do it, or the app did not hold. */
export function failed(reason: "refused" | "assertions" | "exit", message: string): Judged {
  return { verdict: "fail", reason, message };
}

export function inconclusive(reason: "no-data" | "ambiguous" | "limited", message: string): Judged {
  return { verdict: "inconclusive", reason, message };
}

export function erred(
  reason: "unreachable" | "denied" | "malformed" | "tool_missing" | "timeout",
  message: string,
): Judged {
  return { verdict: "error", reason, message };
}

/** A command that was run to its end, or why there is nothing of it to read. */
export type Step =
  | { readonly kind: "ended"; readonly end: RunEnd }
  | { readonly kind: "stopped"; readonly judged: Judged; readonly end?: RunEnd };

type Argv = readonly [string, ...string[]];

/** @throws PluginError `cancelled`, and what akc itself broke */
export async function runTool(call: Call, argv: Argv, options: RunOptions): Promise<Step> {
  const [program] = argv;
  try {
    return { kind: "ended", end: await call.run(argv, options) };
  } catch (cause) {
    if (!isPluginError(cause)) throw cause;
    if (cause.kind === "denied") {
      return { kind: "stopped", judged: erred("denied", `${program} may not be started here`) };
    }
    switch (cause.code) {
      case "TOOL_MISSING":
        return { kind: "stopped", judged: erred("tool_missing", `there is no ${program} on this host`) };
      case "SUBPROCESS_SPAWN_FAILED":
        return { kind: "stopped", judged: erred("tool_missing", `${program} could not be started`) };
      case "TOOL_TIMEOUT":
        return {
          kind: "stopped",
          judged: erred("timeout", `${program} did not end within ${options.timeoutMs} ms`),
        };
      default:
        throw cause;
    }
  }
}

/** Undefined where it ended by itself. */
export function endedBySignal(program: string, { exitCode, signal }: RunEnd): Judged | undefined {
  if (exitCode !== null) return undefined;
  return erred("malformed", `${program} was ended by ${signal ?? "a signal"}`);
}

/** It ended, and nobody can tell what it meant. */
export function unread(program: string, end: RunEnd): Judged {
  const said = firstLine(wordsOf(end));
  const words = said === "" ? "said nothing" : `said: ${said}`;
  return erred("malformed", `${program} ended with ${end.exitCode ?? end.signal} and ${words}`);
}

export type Made =
  | { readonly kind: "read"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "too_large" };

/** A file that a program was told to make. @throws PluginError `cancelled`, and what akc itself broke */
export async function readMade(call: Call, name: string): Promise<Made> {
  try {
    return { kind: "read", bytes: await call.readMade(name) };
  } catch (cause) {
    if (!isPluginError(cause)) throw cause;
    switch (cause.code) {
      case "FILE_NOT_FOUND":
      // A link, a pipe, a folder: nothing that the program wrote itself.
      case "FILE_UNREADABLE":
        return { kind: "absent" };
      case "FILE_TOO_LARGE":
        return { kind: "too_large" };
      default:
        throw cause;
    }
  }
}

/** What programs have to say for themselves stands at the beginning or at the end. */
const wordsBytesMax = 64 * 1024;

/** Text without colours: all of it where it is short, else both ends. */
export function textOf(bytes: Uint8Array): string {
  const decode = (part: Uint8Array) => new TextDecoder().decode(part);
  const half = wordsBytesMax / 2;
  const whole =
    bytes.length <= wordsBytesMax
      ? decode(bytes)
      : `${decode(bytes.subarray(0, half))}\n${decode(bytes.subarray(-half))}`;
  return whole.replaceAll(ansi, "").replaceAll("\r\n", "\n");
}

/** CSI sequences (ECMA-48 §5.4). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what they begin with
const ansi = /\u001b\[[0-?]*[ -/]*[@-~]/g;

/** Standard error first: there programs say what went wrong. */
export function wordsOf({ stdout, stderr }: RunEnd): string {
  return `${textOf(stderr)}\n${textOf(stdout)}`;
}

/** At most so many characters, never half of one. */
export function bounded(text: string, charactersMax: number): string {
  const cut = text.slice(0, charactersMax);
  return cut.isWellFormed() ? cut : cut.slice(0, -1).toWellFormed();
}

/** The first line that says something, for people: one that no terminal obeys. */
export function firstLine(text: string): string {
  const line = text.split("\n").find((one) => one.trim() !== "" && !one.startsWith("* daemon "));
  return bounded((line ?? "").replaceAll(/\p{Cc}+/gu, " ").trim(), 200);
}

/** The documented bounds of what is kept of a program's words (spec reconcile §6.4). */
export function saidOf({ exitCode, signal, stdout, stderr }: RunEnd, charactersMax: number): JsonMap {
  return {
    exit_code: exitCode,
    ...(signal === null ? {} : { signal }),
    stdout: bounded(textOf(stdout), charactersMax),
    stderr: bounded(textOf(stderr), charactersMax),
  };
}
