/**
 * The validator `android`: one documented operation on an Android device, by adb. It passes where the device did it, fails
 * where the device refused, and is an error where no device could be asked.
 *
 * Source: spec reconcile §6.2, §6.4.
 */
import type { Call, JsonMap, RunEnd, RunOptions, ValidateRequest, Verdict } from "akc/sdk";
import {
  adbArguments,
  adbLimitsMs,
  deviceTrouble,
  installFailure,
  readClear,
  readGrant,
  readInstall,
  readLog,
  readPull,
  readScreenrecord,
  readStart,
  readState,
} from "./adb.ts";
import { forms, oneOf, optionalTextAt, slugOf, textAt, textsAt, wholeNumberAt } from "./binding.ts";
import { captureVerdict, firstAgainst, movieOf, type Outcome, pictureOf, type ReadEnd } from "./capture.ts";
import { endedBySignal, inconclusive, readMade, runTool, type Step, saidOf } from "./tools.ts";

const operations = [
  "install",
  "clear_data",
  "grant_permissions",
  "start_activity",
  "screenshot",
  "screenrecord",
  "logcat_export",
] as const;
export type AndroidOperation = (typeof operations)[number];

/** Characters of what a program said (spec reconcile §6.4). */
const saidMax = { setup: 8_192, capture: 4_096, small: 1_024 } as const;

const recordSeconds = { least: 1, most: 1_800, otherwise: 15 } as const;
const logBytesMax = 8 * 1024 * 1024;
/** Of a log that is larger: about half of the bytes, as lines go. */
const newestLogLines = 20_000;

/** @throws BindingFault, and PluginError as `Call.run` does for what is no answer */
export async function validateAndroid(request: ValidateRequest, call: Call): Promise<Verdict> {
  const { binding } = request;
  const operation = oneOf(binding, "operation", operations);
  const deviceId = optionalTextAt(binding, "device_id", forms.device) ?? null;
  const journeyId = optionalTextAt(binding, "journey_id", forms.line);
  const adb = adbFor(call, deviceId, request.timeoutMs);
  const outcome = await carryOut(operation, { adb, call, request });
  return captureVerdict(
    { platform: "android", operation, deviceId, ...(journeyId === undefined ? {} : { journeyId }) },
    outcome,
  );
}

/** One command line; stopped where it told nothing of a device that could be asked. */
type Adb = (
  args: readonly string[],
  timeoutMs: number,
  options?: Pick<RunOptions, "outputBytesMax">,
) => Promise<Step>;

function adbFor(call: Call, deviceId: string | null, timeoutMsMax: number): Adb {
  const prefix = deviceId === null ? [] : ["-s", deviceId];
  return async (args, timeoutMs, options = {}) => {
    const argv = ["adb", ...prefix, ...args] as const;
    const step = await runTool(call, argv, { timeoutMs: Math.min(timeoutMs, timeoutMsMax), ...options });
    if (step.kind === "stopped") return step;
    const judged = endedBySignal("adb", step.end) ?? deviceTrouble(step.end);
    return judged === undefined ? step : { kind: "stopped", judged, end: step.end };
  };
}

interface Work {
  readonly adb: Adb;
  readonly call: Call;
  readonly request: ValidateRequest;
}

function carryOut(operation: AndroidOperation, work: Work): Promise<Outcome> {
  const { binding } = work.request;
  switch (operation) {
    case "install":
      return install(work, textAt(binding, "apk_path", forms.path));
    case "clear_data":
      return once(
        work,
        adbArguments.clear(textAt(binding, "package_name", forms.packageName)),
        adbLimitsMs.clear,
        readClear,
      );
    case "grant_permissions":
      return grant(
        work,
        textAt(binding, "package_name", forms.packageName),
        textsAt(binding, "permissions", forms.permission),
      );
    case "start_activity":
      return once(
        work,
        adbArguments.start(textAt(binding, "activity", forms.activity)),
        adbLimitsMs.start,
        readStart,
      );
    case "screenshot":
      return screenshot(work, artifactName(binding, operation));
    case "screenrecord":
      return screenrecord(work, artifactName(binding, operation));
    case "logcat_export":
      return logcat(work, artifactName(binding, operation));
  }
}

function artifactName(binding: JsonMap, operation: AndroidOperation): string {
  return optionalTextAt(binding, "artifact_name", forms.fileName) ?? operation;
}

async function once(
  { adb }: Work,
  args: readonly string[],
  timeoutMs: number,
  read: ReadEnd,
): Promise<Outcome> {
  const step = await adb(args, timeoutMs);
  return { judged: judgedOf(step, read), metadata: metadataOf(step, saidMax.setup) };
}

async function install({ adb }: Work, apkPath: string): Promise<Outcome> {
  const step = await adb(adbArguments.install(apkPath), adbLimitsMs.install);
  const failure = step.end === undefined ? undefined : installFailure(step.end);
  return {
    judged: judgedOf(step, readInstall),
    metadata: {
      ...metadataOf(step, saidMax.setup),
      apk_path: apkPath,
      ...(failure === undefined ? {} : { failure }),
    },
  };
}

/** One after the other; the first that is not granted ends it. */
async function grant({ adb }: Work, packageName: string, permissions: readonly string[]): Promise<Outcome> {
  const done: JsonMap[] = [];
  for (const permission of permissions) {
    const step = await adb(adbArguments.grant(packageName, permission), adbLimitsMs.grant);
    const judged = judgedOf(step, readGrant);
    const isGranted = judged.verdict === "pass";
    // Granting is silent: there are words only of what was not granted.
    done.push({ permission, granted: isGranted, ...(isGranted ? {} : metadataOf(step, saidMax.small)) });
    if (!isGranted) return { judged, metadata: { package_name: packageName, permissions: done } };
  }
  return { judged: firstAgainst(), metadata: { package_name: packageName, permissions: done } };
}

async function screenshot({ adb }: Work, name: string): Promise<Outcome> {
  const step = await adb(adbArguments.screencap, adbLimitsMs.screencap);
  if (step.kind === "stopped") return stopped(step, saidMax.capture);
  const { stderr } = saidOf(step.end, saidMax.capture);
  // What the picture is not is for the picture to say: exec-out has no exit code of the device's.
  const captured = pictureOf(step.end.stdout, name, step.end.truncated);
  const metadata = { exit_code: step.end.exitCode, stderr: stderr ?? "", ...captured.metadata };
  if (step.end.exitCode !== 0 && captured.judged.verdict === "pass") {
    return { judged: judgedOf(step, (end) => readScreenrecord(end) ?? captured.judged), metadata };
  }
  return { ...captured, metadata };
}

const recordingName = "recording.mp4";

async function screenrecord(work: Work, name: string): Promise<Outcome> {
  const { adb, call, request } = work;
  const seconds = wholeNumberAt(request.binding, "duration_s", recordSeconds);
  const place = `/sdcard/${slugOf(request.bindingId)}.${slugOf(name)}.mp4`;
  const recorded = await adb(
    adbArguments.screenrecord(seconds, place),
    seconds * 1_000 + adbLimitsMs.screenrecord,
  );
  const metadata = { duration_s: seconds, ...metadataOf(recorded, saidMax.capture) };
  if (recorded.kind === "stopped" && recorded.judged.reason !== "timeout") {
    return { judged: recorded.judged, metadata };
  }
  const against = judgedOf(recorded, (end) => readScreenrecord(end) ?? firstAgainst());
  const pulled = against.verdict === "pass" ? await pull(work, place, name) : undefined;
  const removed = await adb(adbArguments.remove(place), adbLimitsMs.remove);
  return {
    judged: firstAgainst(against, pulled?.judged),
    metadata: {
      ...metadata,
      ...pulled?.metadata,
      removed_from_device: removed.kind === "ended" && removed.end.exitCode === 0,
    },
    ...(pulled?.file === undefined || call.signal.aborted ? {} : { file: pulled.file }),
  };
}

async function pull({ adb, call }: Work, place: string, name: string): Promise<Outcome> {
  const step = await adb(adbArguments.pull(place, recordingName), adbLimitsMs.pull);
  const metadata = { pull: metadataOf(step, saidMax.small) };
  const against = judgedOf(step, (end) => readPull(end) ?? firstAgainst());
  if (against.verdict !== "pass") return { judged: against, metadata };
  return { ...movieOf(await readMade(call, recordingName), name), metadata };
}

/** Without a device `adb logcat` waits for one for ever: so it is asked for first. */
async function logcat({ adb }: Work, name: string): Promise<Outcome> {
  const state = await adb(adbArguments.state, adbLimitsMs.state);
  const against = judgedOf(state, readState);
  if (against.verdict !== "pass") return { judged: against, metadata: metadataOf(state, saidMax.capture) };

  const options = { outputBytesMax: logBytesMax };
  const whole = await adb(adbArguments.logcat, adbLimitsMs.logcat, options);
  const isTooLarge = whole.kind === "ended" && whole.end.truncated;
  const step = isTooLarge
    ? await adb(adbArguments.logcatNewest(newestLogLines), adbLimitsMs.logcat, options)
    : whole;
  if (step.kind === "stopped") return stopped(step, saidMax.capture);
  const { end } = step;
  const judged = firstAgainst(
    readLog(end),
    end.truncated
      ? inconclusive("limited", "even the newest lines of the log are too many to keep")
      : undefined,
  );
  const { stderr } = saidOf(end, saidMax.capture);
  const metadata = {
    exit_code: end.exitCode,
    stderr: stderr ?? "",
    log_bytes: end.stdout.length,
    kept: isTooLarge ? "newest" : "all",
  };
  const isLog = judged.verdict === "pass" || judged.reason === "limited";
  const file = { name: `${name}.log`, mediaType: "text/plain", bytes: end.stdout };
  return { judged, metadata, ...(isLog ? { file } : {}) };
}

function stopped({ judged, end }: Extract<Step, { kind: "stopped" }>, charactersMax: number): Outcome {
  return { judged, metadata: end === undefined ? {} : saidOf(end, charactersMax) };
}

function judgedOf(step: Step, read: (end: RunEnd) => Outcome["judged"]): Outcome["judged"] {
  return step.kind === "stopped" ? step.judged : read(step.end);
}

function metadataOf({ end }: Step, charactersMax: number): JsonMap {
  return end === undefined ? {} : saidOf(end, charactersMax);
}
