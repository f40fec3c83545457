/**
 * The validator `ios-simulator`: one documented operation on an iOS simulator, by simctl. It passes where the simulator did it,
 * fails where the simulator refused, and is an error where none could be asked.
 *
 * Source: spec reconcile §6.2, §6.4; W-31.
 */
import type { Call, JsonMap, RunEnd, RunOptions, ValidateRequest, Verdict } from "akc/sdk";
import { forms, oneOf, optionalTextAt, textAt, wholeNumberAt } from "./binding.ts";
import { captureVerdict, firstAgainst, movieOf, type Outcome, pictureOf, type ReadEnd } from "./capture.ts";
import {
  againstCapture,
  doneInSilence,
  isBootedAlready,
  isInterrupted,
  launchedPid,
  readBoot,
  readInstallApp,
  readLaunch,
  simctlArguments,
  simctlLimitsMs,
  simulatorError,
  simulatorTrouble,
} from "./simctl.ts";
import { endedBySignal, erred, inconclusive, readMade, runTool, type Step, saidOf } from "./tools.ts";

const operations = ["boot", "erase", "install_app", "launch_app", "screenshot", "record_video"] as const;
export type SimulatorOperation = (typeof operations)[number];

/** Characters of what simctl said (spec reconcile §6.4). */
const saidCharactersMax = 4_096;
const recordSeconds = { least: 1, most: 1_800, otherwise: 15 } as const;

/** @throws BindingFault, and PluginError as `Call.run` does for what is no answer */
export async function validateSimulator(request: ValidateRequest, call: Call): Promise<Verdict> {
  const { binding } = request;
  const operation = oneOf(binding, "operation", operations);
  const deviceId = optionalTextAt(binding, "device_id", forms.device) ?? "booted";
  const journeyId = optionalTextAt(binding, "journey_id", forms.line);
  const simctl = simctlFor(call, request.timeoutMs);
  const outcome = await carryOut(operation, { simctl, call, binding, device: deviceId });
  return captureVerdict(
    { platform: "ios", operation, deviceId, ...(journeyId === undefined ? {} : { journeyId }) },
    outcome,
  );
}

type Simctl = (
  args: readonly string[],
  timeoutMs: number,
  options?: Pick<RunOptions, "interruptAfterMs" | "signal">,
) => Promise<Step>;

function simctlFor(call: Call, timeoutMsMax: number): Simctl {
  return async (args, timeoutMs, options = {}) => {
    const argv = ["xcrun", "simctl", ...args] as const;
    const step = await runTool(call, argv, { timeoutMs: Math.min(timeoutMs, timeoutMsMax), ...options });
    if (step.kind === "stopped") return step;
    const isExpected = options.interruptAfterMs !== undefined && isInterrupted(step.end);
    const judged = isExpected ? undefined : (endedBySignal("simctl", step.end) ?? simulatorTrouble(step.end));
    return judged === undefined ? step : { kind: "stopped", judged, end: step.end };
  };
}

interface Work {
  readonly simctl: Simctl;
  readonly call: Call;
  readonly binding: JsonMap;
  readonly device: string;
}

function carryOut(operation: SimulatorOperation, work: Work): Promise<Outcome> {
  const { binding, device } = work;
  switch (operation) {
    case "boot":
      return once(work, simctlArguments.boot(device), simctlLimitsMs.boot, readBoot, (end) =>
        isBootedAlready(end) ? { already_booted: true } : {},
      );
    case "erase":
      return once(work, simctlArguments.erase(device), simctlLimitsMs.erase, doneInSilence);
    case "install_app": {
      const appPath = textAt(binding, "app_path", forms.path);
      const args = simctlArguments.install(device, appPath);
      return once(work, args, simctlLimitsMs.install, readInstallApp, () => ({ app_path: appPath }));
    }
    case "launch_app": {
      const bundleId = textAt(binding, "bundle_id", forms.bundleId);
      const args = simctlArguments.launch(device, bundleId);
      const read = (end: RunEnd) => readLaunch(end, bundleId);
      return once(work, args, simctlLimitsMs.launch, read, (end) => {
        const pid = launchedPid(end, bundleId);
        return { bundle_id: bundleId, ...(pid === undefined ? {} : { pid }) };
      });
    }
    case "screenshot":
      return screenshot(work, artifactName(binding, operation));
    case "record_video":
      return record(work, artifactName(binding, operation));
  }
}

function artifactName(binding: JsonMap, operation: SimulatorOperation): string {
  return optionalTextAt(binding, "artifact_name", forms.fileName) ?? operation;
}

async function once(
  { simctl }: Work,
  args: readonly string[],
  timeoutMs: number,
  read: ReadEnd,
  about: (end: RunEnd) => JsonMap = () => ({}),
): Promise<Outcome> {
  const step = await simctl(args, timeoutMs);
  if (step.kind === "stopped") return { judged: step.judged, metadata: metadataOf(step) };
  return { judged: read(step.end), metadata: { ...metadataOf(step), ...about(step.end) } };
}

const pictureName = "screenshot.png";

async function screenshot({ simctl, call, device }: Work, name: string): Promise<Outcome> {
  const step = await simctl(simctlArguments.screenshot(device, pictureName), simctlLimitsMs.screenshot);
  const metadata = metadataOf(step);
  if (step.kind === "stopped") return { judged: step.judged, metadata };
  const against = againstCapture(step.end);
  if (against !== undefined) return { judged: against, metadata };
  const made = await readMade(call, pictureName);
  if (made.kind !== "read") {
    const judged =
      made.kind === "absent"
        ? erred("malformed", "simctl left no picture")
        : inconclusive("limited", "the picture is larger than what is kept");
    return { judged, metadata };
  }
  const captured = pictureOf(made.bytes, name, false);
  return { ...captured, metadata: { ...metadata, ...captured.metadata } };
}

const recordingName = "recording.mp4";

/** The recorder writes its film when it is interrupted; ended in another way it leaves none. */
async function record({ simctl, call, binding, device }: Work, name: string): Promise<Outcome> {
  const seconds = wholeNumberAt(binding, "duration_s", recordSeconds);
  const durationMs = seconds * 1_000;
  const step = await simctl(
    simctlArguments.record(device, recordingName),
    durationMs + simctlLimitsMs.record,
    {
      interruptAfterMs: durationMs,
      signal: "SIGINT",
    },
  );
  const metadata = { duration_s: seconds, ...metadataOf(step) };
  if (step.kind === "stopped") return { judged: step.judged, metadata };
  const against = againstCapture(step.end);
  if (against !== undefined) return { judged: against, metadata };
  const captured = movieOf(await readMade(call, recordingName), name);
  const judged = firstAgainst(captured.judged);
  return { ...captured, judged, metadata };
}

function metadataOf({ end }: Step): JsonMap {
  if (end === undefined) return {};
  const error = simulatorError(end);
  return {
    ...saidOf(end, saidCharactersMax),
    ...(error === undefined ? {} : { error_domain: error.domain, error_code: error.code }),
  };
}
