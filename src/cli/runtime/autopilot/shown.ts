/** What counts, as `akc runtime autopilot --check` shows it: every setting with its value and the place that said it. */

import { basename } from "node:path";
import type { EffectiveValue, Source } from "../../../autopilot/config/layers.ts";
import type { AutopilotReading } from "../../../autopilot/config/read.ts";
import { scopeName } from "../../../autopilot/model.ts";
import type { Discovered } from "../../../autopilot/scopes.ts";
import type { Plain, Report } from "../../render/output.ts";
import { facts, plainOf } from "../../render/output.ts";
import { table } from "../../render/table.ts";
import { counted, printable } from "../../render/text.ts";

/** The shape `AutopilotConfig` of docs/json-output.md. */
export function checkReport(
  { config, effective, notes }: AutopilotReading,
  { scopes, faults }: Discovered,
  columnsMax: number | undefined,
): Report {
  const names = scopes.map(scopeName);
  const said = [...notes, ...faults.map(({ message }) => message)];
  return {
    data: {
      kind: "AutopilotConfig",
      valid: true,
      path: config.configPath ?? null,
      scopes: names,
      notes: said,
      items: effective.map(({ key, value, source }) => ({
        key,
        value: plainOf(value),
        source: source.kind,
        from: source.name === "" ? null : source.name,
      })),
    },
    text: () => {
      const head = facts([
        ["valid", printable(config.configPath ?? "without a file")],
        ["scopes", scopesText(names)],
      ]);
      const rows = table<EffectiveValue>(
        effective,
        [
          { title: "SETTING", value: ({ key }) => printable(key) },
          { title: "VALUE", value: ({ value }) => printable(valueText(plainOf(value))), narrowest: 12 },
          { title: "FROM", value: ({ source }) => printable(sourceText(source)), narrowest: 12 },
        ],
        columnsMax,
      );
      const tail = said.length === 0 ? "" : `\n\n${said.map((note) => printable(note)).join("\n")}`;
      return `${head}\n\n${rows}${tail}`;
    },
  };
}

const scopesShownMax = 5;

function scopesText(names: readonly string[]): string {
  if (names.length === 0) return "none now";
  const rest = names.length - scopesShownMax;
  const shown = printable(names.slice(0, scopesShownMax).join(", "));
  return `${counted(names.length, "scope")}: ${shown}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** Lists of maps by their number: `-o json` has them whole. */
function valueText(value: Plain): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return JSON.stringify(value);
  if (value.length === 0) return "none";
  const words = value.filter((item) => typeof item === "string");
  return words.length === value.length ? words.join(", ") : counted(value.length, "item");
}

/** `--mode`, `autopilot.yaml:12:3`, `default`. */
function sourceText({ kind, name }: Source): string {
  switch (kind) {
    case "flag":
    case "environment":
      return name;
    case "file":
      return basename(name);
    case "project":
      return `project file, ${name}`;
    case "profile":
      return name;
    case "default":
      return name === "" ? "default" : `default, ${name}`;
  }
}
