/**
 * The validator `maestro`: walks a flow through an app and counts what its report says held and did not. Where there is no
 * report the exit code decides, and the counts say that they are made up.
 *
 * Source: spec reconcile §6.4; https://docs.maestro.dev/maestro-cli/maestro-cli-commands-and-options
 */
import type { Attached, Call, JsonMap, RunEnd, ValidateRequest, Verdict } from "akc/sdk";
import { forms, oneOf, optionalTextAt, textAt } from "./binding.ts";
import { type JunitReport, readJunit } from "./junit.ts";
import {
  endedBySignal,
  erred,
  failed,
  firstLine,
  inconclusive,
  type Judged,
  type Made,
  passed,
  readMade,
  runTool,
  unread,
  wordsOf,
} from "./tools.ts";

const platforms = ["android", "ios"] as const;

const reportName = "report.xml";
const logBytesMax = 8 * 1024 * 1024;
/** Before its time is up it is interrupted, not killed: so its log is kept. */
const graceMsMax = 5_000;

interface Journey {
  readonly platform: (typeof platforms)[number];
  /** As it is reported; the program is told of no device where it is only a word for whichever there is. */
  readonly deviceId: string;
  readonly journeyId: string;
  readonly flowPath: string;
  readonly appId?: string;
}

/** @throws BindingFault, and PluginError as `Call.run` does for what is no answer */
export async function validateFlow(request: ValidateRequest, call: Call): Promise<Verdict> {
  const journey = journeyOf(request);
  const graceMs = Math.min(graceMsMax, Math.ceil(request.timeoutMs / 10));
  const step = await runTool(call, commandLine(journey), {
    timeoutMs: request.timeoutMs,
    interruptAfterMs: Math.max(1, request.timeoutMs - graceMs),
    signal: "SIGINT",
    outputBytesMax: logBytesMax,
  });
  if (step.kind === "stopped") return answer(journey, { judged: step.judged, evidence: {}, attachments: [] });
  const made = await readMade(call, reportName);
  const found = judge(step.end, made);
  return answer(journey, {
    ...found,
    evidence: { exit_code: step.end.exitCode, log_truncated: step.end.truncated, ...found.evidence },
    attachments: [...logOf(step.end), ...reportOf(made)],
  });
}

function journeyOf({ binding, bindingId }: ValidateRequest): Journey {
  const platform = oneOf(binding, "platform", platforms);
  const appId = optionalTextAt(binding, "app_id", forms.line);
  return {
    platform,
    deviceId: optionalTextAt(binding, "device_id", forms.device) ?? anyDevice[platform],
    journeyId: optionalTextAt(binding, "journey_id", forms.line) ?? bindingId,
    flowPath: textAt(binding, "flow_path", forms.path),
    ...(appId === undefined ? {} : { appId }),
  };
}

/** The documented words for whichever device there is. Maestro knows neither. */
const anyDevice = { android: "default", ios: "booted" } as const;

function commandLine({ deviceId, flowPath, appId }: Journey): readonly [string, ...string[]] {
  const isNamed = deviceId !== anyDevice.android && deviceId !== anyDevice.ios;
  return [
    "maestro",
    ...(isNamed ? ["--device", deviceId] : []),
    "test",
    "--format",
    "junit",
    "--output",
    reportName,
    ...(appId === undefined ? [] : ["-e", `AKC_VALIDATION_APP_ID=${appId}`]),
    flowPath,
  ];
}

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly source: "report" | "synthetic";
}

interface Found {
  readonly judged: Judged;
  /** Absent where nothing was walked through. */
  readonly counts?: Counts;
  readonly evidence: JsonMap;
}

/** What a run of Maestro means. Pure. */
export function judge(end: RunEnd, made: Made): Found {
  if (end.signal === "SIGINT" || end.exitCode === 130) {
    return { judged: erred("timeout", "the flow did not end in time"), evidence: {} };
  }
  const killed = endedBySignal("maestro", end);
  if (killed !== undefined) return { judged: killed, evidence: {} };
  switch (made.kind) {
    case "read":
      return byReport(end, made.bytes);
    case "too_large":
      return byExitCode(end, "too_large");
    case "absent": {
      const trouble = end.exitCode === 0 ? undefined : troubleOf(end);
      return trouble === undefined
        ? byExitCode(end, "absent")
        : { judged: trouble, evidence: { report: "absent" } };
    }
  }
}

function byReport(end: RunEnd, bytes: Uint8Array): Found {
  const reading = readJunit(bytes);
  if (reading.kind === "unreadable") {
    if (end.exitCode !== 0) return byExitCode(end, "unreadable");
    const judged = erred("malformed", `the report cannot be read: ${reading.why}`);
    return { judged, evidence: { report: "unreadable" } };
  }
  const { report } = reading;
  const isRefuted = end.exitCode !== 0 && report.failed === 0;
  return {
    judged: judgedBy(report, end),
    counts: { passed: report.passed, failed: isRefuted ? 1 : report.failed, source: "report" },
    evidence: {
      report: "read",
      test_cases: report.passed + report.failed + report.skipped,
      skipped: report.skipped,
      time_s: report.seconds,
      ...(report.device === undefined ? {} : { device: report.device }),
      failures: report.failures.map(({ name, message }) => ({ name, message })),
    },
  };
}

function judgedBy(report: JunitReport, end: RunEnd): Judged {
  const cases = report.passed + report.failed + report.skipped;
  if (report.failed > 0) {
    const [first] = report.failures;
    const told = first === undefined || first.message === "" ? "" : `: ${firstLine(first.message)}`;
    return failed("assertions", `${report.failed} of ${cases} test cases failed${told}`);
  }
  if (end.exitCode !== 0) {
    return failed("exit", `no test case failed, and maestro ended with ${end.exitCode}`);
  }
  if (report.passed === 0)
    return inconclusive("no-data", "the report holds no test case that was carried out");
  if (report.skipped > 0) {
    return inconclusive("limited", `${report.skipped} of ${cases} test cases were not carried out`);
  }
  return passed;
}

/** The documented counts of a run without a report. */
function byExitCode(end: RunEnd, report: "absent" | "unreadable" | "too_large"): Found {
  if (end.exitCode === 0 && report !== "too_large") {
    return { judged: passed, counts: { passed: 1, failed: 0, source: "synthetic" }, evidence: { report } };
  }
  if (end.exitCode === 0) {
    return {
      judged: inconclusive("limited", "the report is larger than what is read"),
      evidence: { report },
    };
  }
  const said = firstLine(wordsOf(end));
  return {
    judged: failed("exit", `maestro ended with ${end.exitCode}${said === "" ? "" : `: ${said}`}`),
    counts: { passed: 0, failed: 1, source: "synthetic" },
    evidence: { report },
  };
}

/** What Maestro says when it did not come as far as the flow (maestro-cli: TestCommand, App; its start script). */
const troubles: readonly { readonly words: RegExp; readonly judged: (said: string) => Judged }[] = [
  {
    words:
      /^.*(?:JAVA_HOME is (?:not )?set|Unable to locate a Java Runtime|Java \d+ or higher is required).*$/m,
    judged: (said) => erred("tool_missing", said),
  },
  {
    words:
      /^.*(?:was requested, but it is not connected|Not enough devices connected|No (?:running )?devices (?:available|found|connected)|driver did not start up in time|driver not ready in time).*$/m,
    judged: (said) => erred("unreachable", said),
  },
  { words: /^.*Flow path does not exist.*$/m, judged: (said) => erred("malformed", said) },
];

/** A command line that picocli does not take. */
const usageExitCode = 2;

function troubleOf(end: RunEnd): Judged | undefined {
  const words = wordsOf(end);
  for (const { words: pattern, judged } of troubles) {
    const said = pattern.exec(words)?.[0];
    if (said !== undefined) return judged(firstLine(said));
  }
  return end.exitCode === usageExitCode ? unread("maestro", end) : undefined;
}

/** The bytes as they came where there is only one stream: akc knows them by their digest. */
function logOf({ stdout, stderr }: RunEnd): readonly Attached[] {
  const streams = [stdout, stderr].filter((stream) => stream.length > 0);
  const [only] = streams;
  if (only === undefined) return [];
  const bytes = streams.length === 1 ? only : new Uint8Array(Buffer.concat(streams));
  return [{ name: "maestro.log", mediaType: "text/plain", bytes }];
}

function reportOf(made: Made): readonly Attached[] {
  return made.kind === "read" ? [{ name: reportName, mediaType: "application/xml", bytes: made.bytes }] : [];
}

function answer(
  { platform, deviceId, journeyId }: Journey,
  { judged, counts, evidence, attachments }: Found & { readonly attachments: readonly Attached[] },
): Verdict {
  // The artifact has no number for not knowing: what did not pass counts one failure, as documented.
  const { passed, failed, source } = counts ?? { passed: 0, failed: 1, source: "synthetic" };
  return {
    ...judged,
    observed: {
      platform,
      device_id: deviceId,
      journey_id: journeyId,
      assertions_passed: passed,
      assertions_failed: failed,
      counts: source,
    },
    evidence: { tool: "maestro", counts: source, ...evidence },
    attachments,
  };
}
