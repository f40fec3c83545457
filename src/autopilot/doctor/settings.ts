/**
 * What the controller would really go by: whether its configuration is valid, where each value comes from that somebody gave, and which
 * of them have no effect.
 *
 * Source: spec cli §17.3 ("flags actually used"); cli:W-22, W-23.
 */
import type { AkcError } from "../../errors.ts";
import type { AutopilotReading } from "../config/read.ts";
import { type Finding, fail, ok, warn } from "./finding.ts";

const check = "configuration";
const issuesShownMax = 20;

export function settingsFindings(reading: AutopilotReading): readonly Finding[] {
  const { config, effective, notes } = reading;
  const given = effective.filter(({ source }) => source.kind !== "default" && source.kind !== "profile");
  const sources = new Map<string, number>();
  for (const { source } of given) sources.set(source.kind, (sources.get(source.kind) ?? 0) + 1);
  const counts = [...sources]
    .map(([kind, count]) => `${count} from the ${sourceWords[kind] ?? kind}`)
    .join(", ");
  return [
    ok(
      check,
      `${config.configPath ?? "no file"} is valid; of ${effective.length} settings ${counts === "" ? "all are defaults" : counts}`,
    ),
    ...notes.map((note) =>
      warn(check, note, "`akc runtime autopilot --check` shows every value and its source."),
    ),
  ];
}

const sourceWords: Readonly<Record<string, string>> = {
  flag: "command line",
  environment: "environment",
  file: "file",
  project: "project file",
};

/** A configuration that is not valid: every fault of it, with its place. */
export function invalidSettings(error: AkcError): readonly Finding[] {
  if (error.issues.length === 0) return [fail(check, `${error.message} [${error.code}]`, error.hint)];
  const shown = error.issues.slice(0, issuesShownMax).map(({ path, message, line, column }) => {
    const place = line === undefined ? path : `${path} (line ${line}, column ${column ?? 1})`;
    return fail(check, place === "" ? message : `${place}: ${message}`, error.hint);
  });
  const hidden = error.issues.length - shown.length;
  return hidden > 0 ? [...shown, fail(check, `and ${hidden} faults more`, error.hint)] : shown;
}
