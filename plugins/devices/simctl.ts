/**
 * The words of simctl: which command lines there are, and what of its output means that no simulator could be asked, that the
 * simulator refused, or that it has done what it was told. Runs nothing.
 *
 * Source: `xcrun simctl help` of Xcode 15 and 26; messages as they stand in public reports.
 */
import type { RunEnd } from "akc/sdk";
import { erred, failed, firstLine, type Judged, passed, textOf, unread, wordsOf } from "./tools.ts";

/** The documented limits (spec reconcile §6.4). */
export const simctlLimitsMs = {
  boot: 120_000,
  erase: 120_000,
  install: 300_000,
  launch: 120_000,
  screenshot: 120_000,
  /** On top of what is recorded: the film is written when the recorder is interrupted. */
  record: 30_000,
} as const;

export const simctlArguments = {
  boot: (device: string) => ["boot", device],
  erase: (device: string) => ["erase", device],
  install: (device: string, appPath: string) => ["install", device, appPath],
  launch: (device: string, bundleId: string) => ["launch", device, bundleId],
  screenshot: (device: string, name: string) => ["io", device, "screenshot", name],
  record: (device: string, name: string) => ["io", device, "recordVideo", "--force", name],
} as const;

const troubles: readonly { readonly words: RegExp; readonly judged: (said: string) => Judged }[] = [
  {
    words:
      /^xcrun: error: .*(?:unable to find utility|invalid active developer path|requires Xcode|missing xcrun).*$/m,
    judged: (said) => erred("tool_missing", said),
  },
  {
    words:
      /^(?:Invalid device(?: or device pair)?: |No devices are booted|CoreSimulatorService connection|Unable to locate device set|Failed to initialize simulator device set|.*in current state: (?:Shutdown|Shutting Down|Creating|Booting)).*$/m,
    judged: (said) => erred("unreachable", said),
  },
  { words: /^.*Operation not permitted.*$/m, judged: (said) => erred("denied", said) },
];

/** What kept simctl from asking a simulator at all; undefined where it did. */
export function simulatorTrouble(end: RunEnd): Judged | undefined {
  if (end.exitCode === 0) return undefined;
  const words = wordsOf(end);
  for (const { words: pattern, judged } of troubles) {
    const said = pattern.exec(words)?.[0];
    if (said !== undefined) return judged(firstLine(said));
  }
  return undefined;
}

export interface SimulatorError {
  readonly domain: string;
  readonly code: number;
  /** What stands below it. */
  readonly said: string;
}

/** How simctl tells of every failure of a simulator. */
const encountered =
  /^An error was encountered processing the command \(domain=([^,()\n]{1,200}), code=(-?\d{1,9})\):?(.*)$/m;

export function simulatorError(end: RunEnd): SimulatorError | undefined {
  const words = wordsOf(end);
  const found = encountered.exec(words);
  if (found === null) return undefined;
  const [whole, domain = "", code = "", rest = ""] = found;
  const below = words.slice(found.index + whole.length);
  return { domain, code: Number(code), said: firstLine(`${rest}\n${below}`) };
}

/** Booted already is booted. */
export function readBoot(end: RunEnd): Judged {
  return isBootedAlready(end) ? passed : doneInSilence(end);
}

export function isBootedAlready(end: RunEnd): boolean {
  return end.exitCode !== 0 && /Unable to boot device in current state: Booted/.test(wordsOf(end));
}

/** Where a command says nothing on standard output when it is done; noise of the system's frameworks goes to the other. */
export function doneInSilence(end: RunEnd): Judged {
  const refusal = refused(end);
  if (refusal !== undefined) return refusal;
  return end.exitCode === 0 && textOf(end.stdout).trim() === "" ? passed : unread("simctl", end);
}

/** The path of the binding is wrong, and no simulator has refused anything. */
export function readInstallApp(end: RunEnd): Judged {
  if (end.exitCode !== 0 && /application bundle was not found at the provided path/.test(wordsOf(end))) {
    return erred("malformed", "there is no app bundle at the path of the binding");
  }
  return doneInSilence(end);
}

/** `com.acme.pay: 4711` */
export function launchedPid(end: RunEnd, bundleId: string): number | undefined {
  const line = textOf(end.stdout)
    .split("\n")
    .find((one) => one.startsWith(`${bundleId}: `));
  const pid = /^\d{1,9}$/.exec(line?.slice(bundleId.length + 2).trim() ?? "")?.[0];
  return pid === undefined ? undefined : Number(pid);
}

export function readLaunch(end: RunEnd, bundleId: string): Judged {
  const refusal = refused(end);
  if (refusal !== undefined) return refusal;
  return end.exitCode === 0 && launchedPid(end, bundleId) !== undefined ? passed : unread("simctl", end);
}

/** For what leaves a file, which has the last word; undefined where nothing speaks against it. */
export function againstCapture(end: RunEnd): Judged | undefined {
  const refusal = refused(end);
  if (refusal !== undefined) return refusal;
  return end.exitCode === 0 || isInterrupted(end) ? undefined : unread("simctl", end);
}

/** A recorder that was told to stop may end by the signal, or with what shells make of it. */
export function isInterrupted({ exitCode, signal }: RunEnd): boolean {
  return signal === "SIGINT" || exitCode === 130;
}

function refused(end: RunEnd): Judged | undefined {
  const error = simulatorError(end);
  if (error === undefined) return undefined;
  const { domain, code, said } = error;
  return failed("refused", `the simulator refused (${domain} ${code})${said === "" ? "" : `: ${said}`}`);
}
