/**
 * What systemd says of units: which properties are asked for, and its answer as data.
 * Pure; an answer that is not understood is no answer, never an absent unit.
 *
 * Source: org.freedesktop.systemd1(5); systemctl(1) "show"
 */
export const shownProperties = [
  "Id",
  "LoadState",
  "ActiveState",
  "SubState",
  "Result",
  "UnitFileState",
  "FragmentPath",
  "DropInPaths",
  "NeedDaemonReload",
  "Job",
  "StatusText",
  "NRestarts",
  "ExecMainCode",
  "ExecMainStatus",
  "ConditionResult",
  "ConditionTimestamp",
  "InactiveExitTimestamp",
  "ActiveEnterTimestamp",
  "StateChangeTimestamp",
] as const;

export interface UnitState {
  /** `loaded`, `not-found`, `masked`, `bad-setting`, `error`, … */
  readonly load: string;
  /** `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`. */
  readonly active: string;
  readonly sub: string;
  /** `success`, or why it failed. */
  readonly result: string;
  /** `enabled`, `disabled`, `static`, `masked`, …; empty without a file. */
  readonly unitFile: string;
  /** Where the file is that was loaded. */
  readonly fragment: string;
  readonly dropIns: readonly string[];
  /** The files are not those that were loaded. */
  readonly stale: boolean;
  /** What is queued for it; undefined: nothing. */
  readonly job?: "start" | "stop";
  readonly statusText: string;
  /** By itself, since somebody last started it. */
  readonly restarts: number;
  /** How its main process ended last: 0 not yet, 1 exited, 2 killed, 3 dumped. */
  readonly mainCode: number;
  /** Exit status or signal. */
  readonly mainStatus: number;
  readonly conditionsMet: boolean;
  /** Milliseconds since the epoch, with fractions; undefined: never. */
  readonly startedMs?: number;
  readonly activeSinceMs?: number;
  readonly changedMs?: number;
}

export interface ShownUnit {
  readonly state: UnitState;
  /** Something is queued for it; `list-jobs` says what. */
  readonly hasJob: boolean;
}

/** One unit a block, in the order asked; undefined unless all of them were answered. */
export function readShow(output: string, units: number): readonly ShownUnit[] | undefined {
  const blocks = output.split(/\n\n+/).filter((block) => block.trim() !== "");
  if (blocks.length !== units) return undefined;
  const shown = blocks.map(readBlock).filter((one) => one !== undefined);
  return shown.length === units ? shown : undefined;
}

function readBlock(block: string): ShownUnit | undefined {
  const properties = new Map(
    block.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at <= 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
  const text = (name: (typeof shownProperties)[number]) => properties.get(name) ?? "";
  const number = (name: (typeof shownProperties)[number]) => {
    const value = Number(text(name));
    return Number.isSafeInteger(value) ? value : 0;
  };
  if (text("LoadState") === "" || text("ActiveState") === "") return undefined;
  const startedMs = timestampMs(text("InactiveExitTimestamp"));
  const activeSinceMs = timestampMs(text("ActiveEnterTimestamp"));
  const changedMs = timestampMs(text("StateChangeTimestamp"));
  return {
    state: {
      load: text("LoadState"),
      active: text("ActiveState"),
      sub: text("SubState"),
      result: text("Result"),
      unitFile: text("UnitFileState"),
      fragment: text("FragmentPath"),
      dropIns: text("DropInPaths")
        .split(" ")
        .filter((path) => path !== ""),
      stale: text("NeedDaemonReload") === "yes",
      statusText: text("StatusText"),
      restarts: number("NRestarts"),
      mainCode: number("ExecMainCode"),
      mainStatus: number("ExecMainStatus"),
      // Before they were ever looked at they are not met either.
      conditionsMet:
        text("ConditionResult") !== "no" || timestampMs(text("ConditionTimestamp")) === undefined,
      ...(startedMs === undefined ? {} : { startedMs }),
      ...(activeSinceMs === undefined ? {} : { activeSinceMs }),
      ...(changedMs === undefined ? {} : { changedMs }),
    },
    hasJob: number("Job") !== 0,
  };
}

/** `Sun 2026-11-22 20:55:22.618809 UTC`, as `--timestamp=us+utc` writes it. */
function timestampMs(text: string): number | undefined {
  const {
    day,
    time,
    fraction = "0",
  } = /^\w+ (?<day>\d{4}-\d\d-\d\d) (?<time>\d\d:\d\d:\d\d)(\.(?<fraction>\d+))? UTC$/.exec(text)?.groups ??
  {};
  if (day === undefined || time === undefined) return undefined;
  return Date.parse(`${day}T${time}Z`) + Number(`0.${fraction}`) * 1_000;
}

/** What is queued, by unit: a `restart` is a start. Lines of `list-jobs --plain --no-legend`. */
export function readJobs(output: string): ReadonlyMap<string, "start" | "stop"> {
  return new Map(
    output.split("\n").flatMap((line) => {
      const [, unit, type] = line.trim().split(/\s+/);
      if (unit === undefined || type === undefined) return [];
      return [[unit, type === "stop" ? "stop" : "start"] as const];
    }),
  );
}

/** Whether it runs, or is on its way to. A unit that failed does not. */
export function isUp({ active, job }: UnitState): boolean {
  if (job !== undefined) return job === "start";
  return active === "active" || active === "reloading" || active === "refreshing" || active === "activating";
}

export function isEnabled({ unitFile }: UnitState): boolean {
  return unitFile === "enabled" || unitFile === "enabled-runtime";
}
