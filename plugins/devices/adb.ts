/**
 * The words of adb: which command lines there are, and what of its output means that a device is away, refuses, or has done
 * what it was told. Runs nothing.
 *
 * Source: AOSP packages/modules/adb (client/commandline.cpp, client/adb_install.cpp, transport.cpp), `pm`, `am` and
 * `screenrecord` of AOSP; what adb 29.0.6 was seen to say.
 */
import type { RunEnd } from "akc/sdk";
import {
  erred,
  failed,
  firstLine,
  inconclusive,
  type Judged,
  passed,
  textOf,
  unread,
  wordsOf,
} from "./tools.ts";

/** Seconds → milliseconds; the documented limits (spec reconcile §6.4). */
export const adbLimitsMs = {
  state: 15_000,
  install: 300_000,
  clear: 60_000,
  grant: 60_000,
  start: 60_000,
  screencap: 60_000,
  /** On top of what is recorded. */
  screenrecord: 30_000,
  pull: 120_000,
  remove: 60_000,
  logcat: 60_000,
} as const;

/** Arguments after `adb [-s DEVICE]`. A device's shell reads what follows `shell`: nothing may reach it that it would expand. */
export const adbArguments = {
  state: ["get-state"],
  install: (apkPath: string) => ["install", "-r", apkPath],
  clear: (packageName: string) => ["shell", "pm", "clear", packageName],
  grant: (packageName: string, permission: string) => ["shell", "pm", "grant", packageName, permission],
  // The class of an inner activity has a dollar sign.
  start: (activity: string) => [
    "shell",
    "am",
    "start",
    "-n",
    activity.includes("$") ? `'${activity}'` : activity,
  ],
  screencap: ["exec-out", "screencap", "-p"],
  screenrecord: (seconds: number, place: string) => [
    "shell",
    "screenrecord",
    "--time-limit",
    String(seconds),
    place,
  ],
  pull: (place: string, name: string) => ["pull", place, name],
  remove: (place: string) => ["shell", "rm", "-f", place],
  logcat: ["logcat", "-d"],
  /** The newest lines only. */
  logcatNewest: (lines: number) => ["logcat", "-d", "-t", String(lines)],
} as const;

/** How adb begins a line in which it speaks for itself, and what it then says. */
const spoken = /^(?:(?:error|adb(?:\.exe)?|failed to get feature set): )+(.+)$/;

const troubles: readonly { readonly words: RegExp; readonly judged: (said: string) => Judged }[] = [
  { words: /^more than one device/, judged: (said) => inconclusive("ambiguous", said) },
  {
    words: /^(?:device unauthorized|insufficient permissions|no permissions)/,
    judged: (said) => erred("denied", said),
  },
  {
    words:
      /^(?:no devices|device (?:'.*' )?not found|device (?:offline|still)|closed$|protocol fault|(?:cannot|failed to) (?:connect|start)|could not)/,
    judged: (said) => erred("unreachable", said),
  },
];

/** What kept adb from speaking to a device at all; undefined where it did. */
export function deviceTrouble(end: RunEnd): Judged | undefined {
  if (end.exitCode === 0) return undefined;
  for (const line of wordsOf(end).split("\n")) {
    const said = spoken.exec(line.trim())?.[1];
    const found = troubles.find(({ words }) => said !== undefined && words.test(said));
    if (found !== undefined) return found.judged(`adb: ${firstLine(said ?? "")}`);
  }
  return undefined;
}

export function readState(end: RunEnd): Judged {
  const state = textOf(end.stdout).trim();
  if (end.exitCode === 0 && state === "device") return passed;
  if (end.exitCode === 0 && /^[a-z]+$/.test(state)) return erred("unreachable", `the device is in ${state}`);
  return unread("adb", end);
}

export function readInstall(end: RunEnd): Judged {
  const words = wordsOf(end);
  const failure = installFailure(end);
  if (failure !== undefined) return failed("refused", `the device refused to install: ${failure}`);
  if (/^adb: (?:error: )?(?:failed to stat|cannot stat|filename doesn't end|can't find) /m.test(words)) {
    return erred("malformed", firstLine(words));
  }
  if (/^adb: failed to install /m.test(words)) return failed("refused", refusalIn(words) ?? firstLine(words));
  return doneWhere(end, /^Success\s*$/m);
}

/** e.g. `INSTALL_FAILED_INSUFFICIENT_STORAGE`. */
export function installFailure(end: RunEnd): string | undefined {
  return /Failure \[([A-Z][A-Z0-9_]{2,80})/.exec(wordsOf(end))?.[1];
}

export function readClear(end: RunEnd): Judged {
  if (/^Failed\b/m.test(wordsOf(end))) return failed("refused", "the device could not clear the app's data");
  return doneWhere(end, /^Success\s*$/m);
}

/** Granting says nothing when it is done. */
export function readGrant(end: RunEnd): Judged {
  const refusal = refusalIn(wordsOf(end));
  if (refusal !== undefined) return failed("refused", refusal);
  const rest = textOf(end.stdout)
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("WARNING: "));
  return end.exitCode === 0 && rest.length === 0 ? passed : unread("adb", end);
}

/** It did not start anew, and yet is what is to be seen. */
const inFront =
  /its current task has been brought to the front|delivered to currently running top-most instance/;

/** `am` ends with 0 whatever happened. */
export function readStart(end: RunEnd): Judged {
  const warning = /^Warning: Activity not started.*$/m.exec(wordsOf(end))?.[0];
  if (warning !== undefined && !inFront.test(warning)) return failed("refused", firstLine(warning));
  return doneWhere(end, /^Starting: Intent \{/m);
}

/** Whether it recorded is for the file to say; undefined where nothing speaks against it. */
export function readScreenrecord(end: RunEnd): Judged | undefined {
  if (end.exitCode === 0) return undefined;
  const said = /^(?:ERROR: |Encoder failed|Unable to |Time limit |.*outside acceptable range).*$/m.exec(
    wordsOf(end),
  )?.[0];
  return said === undefined ? unread("adb", end) : failed("refused", firstLine(said));
}

export function readPull(end: RunEnd): Judged | undefined {
  if (end.exitCode === 0) return undefined;
  if (/remote object '.*' does not exist|failed to stat remote object/.test(wordsOf(end))) {
    return erred("malformed", "the device made no recording");
  }
  return unread("adb", end);
}

/** A divider between buffers, or a line in one of logcat's own formats (threadtime, time, brief, long). */
const logLine =
  /^(?:-{5,} (?:beginning of|switch to) |\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}|\d{4}-\d{2}-\d{2} \d{2}:\d{2}:|[VDIWEF]\/|\[ \d{2}-\d{2} )/m;

export function readLog(end: RunEnd): Judged {
  if (end.exitCode !== 0) return unread("adb", end);
  if (end.stdout.length === 0) return inconclusive("no-data", "the device's log is empty");
  return logLine.test(textOf(end.stdout)) ? passed : erred("malformed", "what adb put out is no log");
}

/** How `pm` and `am` begin when they refuse; the exit code tells nothing on older devices. */
const refusals =
  /^(?:Exception occurred while executing|Security exception|java\.lang\.\w*Exception|Error type \d|Error:|Operation not allowed|Unknown package|Bad argument|Permission Denial).*$/m;

function refusalIn(words: string): string | undefined {
  const at = refusals.exec(words);
  if (at === null) return undefined;
  const rest = words.slice(at.index);
  // What it is about stands in the line after the first.
  const told = /^(?:java\.lang\.\w*Exception|Error): .*$/m.exec(rest)?.[0] ?? at[0];
  return firstLine(told);
}

function doneWhere(end: RunEnd, done: RegExp): Judged {
  const refusal = refusalIn(wordsOf(end));
  if (refusal !== undefined) return failed("refused", refusal);
  return end.exitCode === 0 && done.test(textOf(end.stdout)) ? passed : unread("adb", end);
}
