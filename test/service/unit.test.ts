/** The unit as a text: what is shipped is what is written, and nothing that somebody changed is taken for it. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { parse } from "yaml";
import { AutopilotFileSchema } from "../../src/autopilot/config/schema.ts";
import { limits } from "../../src/limits.ts";
import { lastValue, readUnitText } from "../../src/providers/systemd/unit-text.ts";
import { exampleConfig, examplePlaces } from "../../src/service/example-config.ts";
import { choicesOf, defaultUnit, provenanceOf, renderUnit, unitName } from "../../src/service/unit.ts";

const folder = join(import.meta.dir, "../../deploy/systemd");
const shipped = (name: string) => readFileSync(join(folder, name), "utf8");
const unit = renderUnit(defaultUnit);
const settingOf = (text: string, section: string, key: string) => lastValue(readUnitText(text), section, key);

test("the shipped files are what install writes by default; otherwise: bun scripts/autopilot-unit.ts", () => {
  expect(shipped(unitName)).toBe(unit);
  expect(shipped("autopilot.example.yaml")).toBe(exampleConfig(examplePlaces("system", "/root", 0)));
});

test("start limits stand in [Unit], where systemd looks for them, and a starved service never runs into them", () => {
  expect(unit.slice(0, unit.indexOf("[Service]"))).toContain("\nStartLimitIntervalSec=");
  const [burst, intervalSec, watchdogSec] = [
    settingOf(unit, "Unit", "StartLimitBurst"),
    settingOf(unit, "Unit", "StartLimitIntervalSec"),
    settingOf(unit, "Service", "WatchdogSec"),
  ].map(Number);
  // The manager ends it by the watchdog this often at most.
  expect(Number(intervalSec) / Number(watchdogSec)).toBeLessThan(Number(burst));
});

test("a stop may take longer than what the controller takes for it, and than cutting it off", () => {
  const stopMs = Number(settingOf(unit, "Service", "TimeoutStopSec")) * 1_000;
  expect(stopMs).toBeGreaterThan(limits.autopilotDrainMsDefault + limits.serviceAbortMs);
});

test("nothing of the environment can steer the runtime, and its compiler stays on", () => {
  const unset = settingOf(unit, "Service", "UnsetEnvironment")?.split(" ");
  for (const name of ["BUN_BE_BUN", "BUN_OPTIONS", "BUN_INSPECT", "NODE_OPTIONS"])
    expect(unset).toContain(name);
  expect(settingOf(unit, "Service", "MemoryDenyWriteExecute")).toBeUndefined();
});

test("an older systemd gets what it knows", () => {
  const [old, newer, newest] = [252, 253, 254].map((systemd) => renderUnit({ ...defaultUnit, systemd }));
  expect([old, newer, newest].map((text = "") => settingOf(text, "Service", "Type"))).toEqual([
    "notify",
    "notify-reload",
    "notify-reload",
  ]);
  expect(settingOf(old ?? "", "Service", "ExecReload")).toBe("/bin/kill -HUP $MAINPID");
  expect([old, newer, newest].map((text = "") => settingOf(text, "Service", "RestartSteps"))).toEqual([
    undefined,
    undefined,
    "5",
  ]);
});

describe("what stands in the unit's place", () => {
  test("is known by what akc wrote, in every form", () => {
    for (const manager of ["system", "user"] as const)
      for (const systemd of [252, 254]) {
        const text = renderUnit({ manager, systemd, binary: "/opt/a/akc", config: "/srv/c.yaml" });
        expect(provenanceOf(text)).toBe("written");
        expect(choicesOf(text)).toEqual({ binary: "/opt/a/akc", config: "/srv/c.yaml" });
      }
  });

  test.each([
    ["a line changed", (text: string) => text.replace("WatchdogSec=60", "WatchdogSec=61"), "edited"],
    ["a line added at the end", (text: string) => `${text}[X-More]\n`, "edited"],
    ["the mark taken away", (text: string) => text.replace(/^# akc:unit.*\n/m, ""), "foreign"],
    ["somebody else's", () => "[Service]\nExecStart=/bin/true\n", "foreign"],
    ["empty", () => "", "foreign"],
  ] as const)("%s: it is %p", (_, change, provenance) => {
    expect(provenanceOf(change(unit))).toBe(provenance);
  });

  test.each([
    "relative",
    "/with blank",
    "/with%n",
    '/with"quote',
    "/up/../up",
    "/$HOME",
    "/a\nExecStart=/bin/sh",
  ])("never holds the path %p", (path) => {
    expect(() => renderUnit({ ...defaultUnit, binary: path })).toThrow("cannot stand in a unit file");
    expect(() => renderUnit({ ...defaultUnit, config: path })).toThrow("cannot stand in a unit file");
  });
});

test("every drop-in holds assignments that systemd reads", () => {
  const names = readdirSync(join(folder, "drop-ins"));
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) {
    const { assignments, faults } = readUnitText(shipped(`drop-ins/${name}`));
    expect([name, faults, assignments.length > 0]).toEqual([name, [], true]);
  }
});

test.each(["systemd/autopilot.example.yaml", "compose/autopilot.yaml", "kubernetes/autopilot.yaml"])(
  "the configuration %s is one that the autopilot takes",
  (path) => {
    const read = v.safeParse(AutopilotFileSchema, parse(readFileSync(join(folder, "..", path), "utf8")));
    expect(read.issues).toBeUndefined();
    expect(read.output).toMatchObject({ version: 1, mode: "observe", drain: limits.autopilotDrainMsDefault });
  },
);
