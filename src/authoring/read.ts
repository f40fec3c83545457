/**
 * Reads the text of a plan: strictly, every fault at once, and with a way to find the place of anything in it. It judges the
 * form of single members; how they fit together is judged in `check/`.
 */
import * as v from "valibot";
import type { Issue } from "../errors.ts";
import { pointer } from "../json/pointer.ts";
import { readYamlAs } from "../json/yaml-text.ts";
import { limits } from "../limits.ts";
import { type Fault, Faults, type Path } from "./form/faults.ts";
import type { PlacedIssue } from "./model.ts";
import { type PlanForm, plan } from "./tables/plan.ts";

export interface PlanReading {
  /** Absent where a member without which nothing can be said is missing or faulty. */
  readonly plan: PlanForm | undefined;
  /** Those of the form; the checks add theirs. */
  readonly faults: Faults;
  /** As written: names count here though what they name is faulty. */
  readonly raw: unknown;
  placed(fault: Fault): PlacedIssue;
  /** As `Compiled.lineOf`. */
  lineOf(path: Path): number | undefined;
}

/** What of a text cannot be read at all ends here: then nothing else can be said about it. */
export type TextReading =
  | { readonly kind: "read"; readonly reading: PlanReading }
  | { readonly kind: "unreadable"; readonly issues: readonly PlacedIssue[] };

/** The tables judge the values; the library only has to find out that the text is a map. */
const AnyMap = v.record(v.string(), v.unknown());

export function readPlan(text: string): TextReading {
  const yaml = readYamlAs(text, {
    schema: AnyMap,
    shape: {
      keysAt: () => undefined,
      isMapAt: (path) => path.length === 0,
      keyNoun: () => "a member of a plan",
    },
    bytesMax: limits.planBytesMax,
    leastText: "version: 1",
    messageFor: (issue) => issue.message,
  });
  if (yaml.kind === "faulty") return { kind: "unreadable", issues: yaml.issues.map(misread) };
  const faults = new Faults();
  const lines = text.split(/\r?\n/);
  const placeOf = (path: Path, at: Fault["at"]) => {
    const { line = 1, column = 1 } = yaml.placeAt(path, at);
    return { line, column };
  };
  const written = (path: Path) => {
    const { line, column } = placeOf(path, "value");
    return /^[^\s,\]}#]*/.exec(lines[line - 1]?.slice(column - 1) ?? "")?.[0] ?? "";
  };
  return {
    kind: "read",
    reading: {
      plan: plan.read(yaml.raw, [], { faults, written }),
      faults,
      raw: yaml.raw,
      placed: ({ path, rule, message, at }) => ({
        path: pointer(...path),
        message,
        rule,
        ...placeOf(path, at),
      }),
      lineOf: (path) => (path.length === 0 ? yaml.placeAt(path).line : yaml.keyPlaceAt(path)?.line),
    },
  };
}

function misread({ path, message, line = 1, column = 1 }: Issue): PlacedIssue {
  return { path, message, line, column, rule: "yaml" };
}

/** In the order of the text, each said once: the steps of a matrix share their places. */
export function inOrder(issues: readonly PlacedIssue[]): readonly PlacedIssue[] {
  const seen = new Set<string>();
  return issues
    .filter(({ line, column, rule, message }) => {
      const key = `${line}:${column} ${rule} ${message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => a.line - b.line || a.column - b.column);
}
