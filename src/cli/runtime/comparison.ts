/**
 * How two runs that were compared are shown: a line a step that differs, and the same for programs with all of its values.
 */
import type { Came, Comparison, Difference } from "../../replay/compare.ts";
import type { RunRow } from "../../store/contract.ts";
import type { Place } from "../io.ts";
import type { Plain, Report } from "../render/output.ts";
import { table } from "../render/table.ts";
import { printable } from "../render/text.ts";

export function comparisonReport(here: RunRow, there: RunRow, comparison: Comparison, stdout: Place): Report {
  return {
    data: {
      kind: "RunComparison",
      runtime_run_id: here.context.runtimeRunId,
      against_run_id: there.context.runtimeRunId,
      same: comparison.same,
      differing: comparison.differences.length,
      items: comparison.differences.map(({ step, differs, here: one, there: other }) => ({
        step,
        differs,
        here: cameData(one),
        there: cameData(other),
      })),
    },
    text: () => comparisonText(comparison, stdout),
  };
}

function cameData(came: Came | null): Plain {
  return came === null ? null : { ...came };
}

interface Row {
  readonly step: string;
  readonly what: string;
  readonly here: string;
  readonly there: string;
}

function comparisonText({ same, differences }: Comparison, stdout: Place): string {
  const alike = same === 1 ? "1 step is the same" : `${same} steps are the same`;
  if (differences.length === 0) return `${alike} in both runs.`;
  const rows = table(
    differences.flatMap(rowsOf),
    [
      { title: "STEP", value: (row) => row.step, narrowest: 12 },
      { title: "DIFFERS IN", value: (row) => row.what },
      { title: "HERE", value: (row) => row.here, narrowest: 10 },
      { title: "THERE", value: (row) => row.there, narrowest: 10 },
    ],
    stdout.isTerminal ? stdout.columns() : undefined,
  );
  return `${rows}\n\n${differences.length} differ, ${alike}.`;
}

function rowsOf({ step, differs, here, there }: Difference): readonly Row[] {
  const name = printable(step);
  if (here === null) return [{ step: name, what: "only there", here: "", there: there?.phase ?? "" }];
  if (there === null) return [{ step: name, what: "only here", here: here.phase, there: "" }];
  return differs.map((key) => ({
    step: name,
    what: key.replaceAll("_", " "),
    here: shown(here[key]),
    there: shown(there[key]),
  }));
}

function shown(value: string | number | null): string {
  const text = value === null ? "–" : printable(String(value));
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
