/** `akc service status`: whether the service is as it should be, and what is not. */
import { readlink, realpath } from "node:fs/promises";
import { choicesOf, provenanceOf, renderUnit, unitName } from "../../service/unit.ts";
import { command } from "../command.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { elapsed, instant } from "../render/time.ts";
import { managerArgs, type ServicePlace, servicePlace } from "./place.ts";
import { ServiceManager, type Shown } from "./systemd.ts";
import { unitTextAt } from "./unit-file.ts";

const asked = [
  "LoadState",
  "ActiveState",
  "SubState",
  "UnitFileState",
  "Result",
  "ExecMainStatus",
  "ExecMainPID",
  "MainPID",
  "NRestarts",
  "StatusText",
  "WatchdogUSec",
  "WatchdogTimestamp",
  "ActiveEnterTimestamp",
  "DropInPaths",
  "NeedDaemonReload",
  "Type",
] as const;

export const status = command({
  path: "service status",
  summary: "Say whether the autopilot's service is installed, enabled, running and up to date.",
  notes: [
    "Compares the unit file with what this akc would write for the same binary and configuration, and the process that runs with the file that its unit names. Exit code 1: something of it is not as it should be; each is said.",
  ],
  examples: [
    { command: "akc service status", says: "Of this machine, for root; else of yours." },
    { command: "akc service status --system -o json", says: "For a program." },
  ],
  exits: [0, 1, 2],
  environment: { AKC_SYSTEMCTL: "Absolute path of systemctl." },
  args: managerArgs,
  async run(args, session) {
    const place = servicePlace(args, session.io.env);
    const manager = new ServiceManager({
      env: session.io.env,
      kind: place.manager,
      signal: new AbortController().signal,
    });
    const look = await lookAt(place, manager);
    await session.print({ data: dataOf(look, place), text: () => textOf(look, place) });
    return look.wrong.length === 0 ? 0 : 1;
  },
});

interface Look {
  readonly shown: Shown;
  readonly unit: "absent" | "current" | "outdated" | "edited" | "foreign";
  readonly binary: "current" | "replaced" | "unknown" | "not_running";
  readonly binaryPath: string | undefined;
  /** For people, each with what to do. */
  readonly wrong: readonly string[];
}

async function lookAt(place: ServicePlace, manager: ServiceManager): Promise<Look> {
  const [shown, systemd, text] = await Promise.all([
    manager.show(...asked),
    manager.version(),
    unitTextAt(place.unitPath),
  ]);
  const choices = text === undefined ? undefined : choicesOf(text);
  const unit = unitState(text, () =>
    choices === undefined ? "" : renderUnit({ ...choices, manager: place.manager, systemd }),
  );
  const binary = await binaryState(choices?.binary, Number(shown["MainPID"] ?? 0));
  return { shown, unit, binary, binaryPath: choices?.binary, wrong: wrongWith(shown, unit, binary, place) };
}

function unitState(text: string | undefined, rendered: () => string): Look["unit"] {
  if (text === undefined) return "absent";
  const provenance = provenanceOf(text);
  if (provenance !== "written") return provenance;
  return text === rendered() ? "current" : "outdated";
}

/** Whether what runs is what lies there: after an update the old file runs on until a restart. */
async function binaryState(path: string | undefined, pid: number): Promise<Look["binary"]> {
  if (pid === 0) return "not_running";
  if (path === undefined) return "unknown";
  try {
    const [real, running] = await Promise.all([realpath(path), readlink(`/proc/${pid}/exe`)]);
    // A file that another one took the name of is called so by the kernel (proc(5)).
    if (running === `${real} (deleted)`) return "replaced";
    return running === real ? "current" : "unknown";
  } catch {
    // Another user's process, or one that has just ended.
    return "unknown";
  }
}

function wrongWith(
  shown: Shown,
  unit: Look["unit"],
  binary: Look["binary"],
  { manager }: ServicePlace,
): readonly string[] {
  const systemctl = manager === "user" ? "systemctl --user" : "systemctl";
  const units: Readonly<Record<Look["unit"], string>> = {
    absent: "it is not installed: `akc service install`",
    current: "",
    outdated: "the unit file is not what this akc would write: `akc service install`",
    edited: "the unit file was edited: put that into a drop-in, then `akc service install --force`",
    foreign: "the unit file was not written by akc",
  };
  const active = shown["ActiveState"];
  const result = shown["Result"];
  return [
    units[unit],
    unit !== "absent" && shown["UnitFileState"] !== "enabled"
      ? `it does not start at boot: \`${systemctl} enable ${unitName}\``
      : "",
    unit !== "absent" && active !== "active" && active !== "reloading"
      ? `it is ${active ?? "not known to systemd"}${result === undefined || result === "success" ? "" : ` (${result}, status ${shown["ExecMainStatus"] ?? "unknown"})`}: \`${systemctl} start ${unitName}\`, \`journalctl -u ${unitName}\``
      : "",
    shown["NeedDaemonReload"] === "yes"
      ? `systemd has not read the unit again: \`${systemctl} daemon-reload\``
      : "",
    binary === "replaced"
      ? `it runs an older binary than the one that lies there: \`${systemctl} restart ${unitName}\``
      : "",
    active === "active" && shown["WatchdogUSec"] === "0" ? "no watchdog looks after it" : "",
  ].filter((line) => line !== "");
}

function dataOf({ shown, unit, binary, binaryPath, wrong }: Look, place: ServicePlace) {
  return {
    kind: "ServiceStatus",
    unit: unitName,
    manager: place.manager,
    path: place.unitPath,
    unit_file: unit,
    type: shown["Type"] ?? null,
    enabled: shown["UnitFileState"] === "enabled",
    active_state: shown["ActiveState"] ?? null,
    sub_state: shown["SubState"] ?? null,
    result: shown["Result"] ?? null,
    exit_status: Number(shown["ExecMainStatus"] ?? 0),
    main_pid: Number(shown["MainPID"] ?? 0),
    restarts: Number(shown["NRestarts"] ?? 0),
    status_text: shown["StatusText"] ?? "",
    watchdog_ms: timeSpanMs(shown["WatchdogUSec"] ?? ""),
    watchdog_fed_at_ms: timestampMs(shown["WatchdogTimestamp"] ?? ""),
    active_since_at_ms: timestampMs(shown["ActiveEnterTimestamp"] ?? ""),
    drop_ins: (shown["DropInPaths"] ?? "").split(" ").filter((path) => path !== ""),
    binary: binaryPath ?? null,
    binary_running: binary,
    wrong: [...wrong],
  };
}

function textOf(look: Look, place: ServicePlace): string {
  const data = dataOf(look, place);
  const rows: (readonly [string, string])[] = [
    ["unit", `${place.unitPath} (${data.unit_file})`],
    ["enabled", data.enabled ? "yes" : "no"],
    [
      "active",
      `${data.active_state} (${data.sub_state})${data.main_pid === 0 ? "" : `, pid ${data.main_pid}`}`,
    ],
    ["status", printable(data.status_text)],
    ["result", `${data.result}, exit status ${data.exit_status}, ${data.restarts} restarts`],
    ["watchdog", watchdogText(data)],
    ["binary", `${data.binary ?? "unknown"} (${data.binary_running})`],
    ["drop-ins", data.drop_ins.join(" ")],
  ];
  return [
    facts(rows.filter(([, value]) => value !== "")),
    ...(look.wrong.length === 0 ? [] : ["", ...look.wrong.map((line) => `! ${line}`)]),
  ].join("\n");
}

function watchdogText(data: ReturnType<typeof dataOf>): string {
  if (data.watchdog_ms === null || data.watchdog_ms === 0) return "none";
  const fed = data.watchdog_fed_at_ms === null ? "never" : instant(data.watchdog_fed_at_ms);
  return `within ${elapsed(data.watchdog_ms)}, last fed ${fed}`;
}

const unitMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** As systemd writes a length of time (systemd.time(7)): `1min 30s`. Null for `infinity` and what is none. */
function timeSpanMs(text: string): number | null {
  if (text === "0") return 0;
  const parts = text.split(" ").map((part) => /^(\d+)(\D+)$/.exec(part));
  const ms = parts.map((part) => Number(part?.[1]) * (unitMs[part?.[2] ?? ""] ?? Number.NaN));
  const total = ms.reduce((sum, one) => sum + one, 0);
  return Number.isNaN(total) ? null : Math.round(total);
}

/** `Mon 2026-11-23 03:44:43.123456 UTC`; null for one that has not been. */
function timestampMs(text: string): number | null {
  const [, day, time] = /^\w{3} (\S+) (\d\d:\d\d:\d\d(?:\.\d{1,3})?)\d* UTC$/.exec(text) ?? [];
  return day === undefined ? null : Date.parse(`${day}T${time}Z`);
}
