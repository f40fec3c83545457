/** `akc state salvage`: saves what can still be read of a damaged state, and says of every run what is certain. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import { verifyRun } from "../../replay/verify.ts";
import type { BackupScope } from "../../store/sqlite/backup.ts";
import { databasePath } from "../../store/sqlite/open.ts";
import { type SalvageReport, salvage as salvageState } from "../../store/sqlite/salvage.ts";
import { command } from "../command.ts";
import type { Io } from "../io.ts";
import { outputsRootOf } from "../outputs-root.ts";
import { asAkcError } from "../render/error.ts";
import type { Plain } from "../render/output.ts";
import { counted, printable } from "../render/text.ts";
import { locatingArgs, locatingEnvironment, type Where, withStore } from "../runtime/locate.ts";
import { oneScope, place } from "./scope.ts";

export const salvage = command({
  path: "state salvage",
  summary: "Save what can still be read of a damaged state into a fresh one.",
  notes: [
    "Reads the damaged files as bytes and never writes to them. The fresh state stands below --to as below any outputs root, with the artifacts and the evidence that are left, and a report beside it. End every run of the scope first.",
    "Every history is followed by its hash chain, and every run that looks whole is verified. A run is `whole`, `unproven` when it holds together but more may have stood there, or `cut`. What is not whole and had not ended stands as failed: what it did after the cut is not known, and must not be done again unasked.",
    "The exit code is 0 only when every run is whole.",
  ],
  examples: [
    {
      command: "akc state salvage --to saved --tenant-id acme --repo-id shop",
      says: "Into the folder saved/.",
    },
    { command: "akc runtime list --outputs-root saved", says: "What is left." },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    to: { type: "string", required: true, valueHint: "DIR", description: "Outputs root of the fresh state." },
    ...locatingArgs,
  },
  async run(args, session) {
    const scope = await damagedScope(session.io, args);
    const report = await salvageState(scope, place("--to", args.to));
    const runs = await judged(report);
    const allWhole =
      !report.runsMayBeMissing &&
      report.runsWithoutRow === 0 &&
      runs.every((run) => run.standing === "whole");
    await session.print({
      data: {
        kind: "Salvage",
        whole: allWhole,
        path: report.from,
        scope_root: report.scopeRoot,
        header_whole: report.headerWhole,
        log: report.log,
        damaged_pages: report.damagedPages,
        runs_without_row: report.runsWithoutRow,
        runs_may_be_missing: report.runsMayBeMissing,
        artifacts_lost: report.artifactsLost,
        evidence_files_lost: report.evidenceFilesLost,
        unplaced_events_path: report.unplacedPath,
        deployment: { ...report.deployment },
        items: runs.map(runData),
      },
      text: () => text(report, runs),
    });
    return allWhole ? 0 : 1;
  },
});

type Run = SalvageReport["runs"][number];

/**
 * Named in full, a scope is taken as it is: a database of which only the log is left is not found by looking for it.
 * @throws AkcError RUN_NOT_FOUND, RUN_AMBIGUOUS, USAGE
 */
async function damagedScope(io: Io, where: Where): Promise<BackupScope> {
  const { tenantId, repoId } = where;
  if (tenantId === undefined || repoId === undefined) return oneScope(io, where);
  if (![tenantId, repoId].every(isIdentifier))
    throw new AkcError("USAGE", { message: "no scope has such a name" });
  const scopeRoot = join(await outputsRootOf(io, where.outputsRoot), tenantId, repoId);
  return existsSync(databasePath(scopeRoot)) ? { scopeRoot, tenantId, repoId } : oneScope(io, where);
}

/** What only the meaning of the events can tell: rows that were changed without breaking anything. */
async function judged(report: SalvageReport): Promise<readonly Run[]> {
  const runs: Run[] = [];
  await withStore(report.scopeRoot, async (store) => {
    for (const run of report.runs) {
      if (run.standing !== "whole") {
        runs.push(run);
        continue;
      }
      const reader = await store.openRun(run.runtimeRunId);
      try {
        const { verdict, divergences } = await verifyRun(reader);
        const [first] = divergences;
        const why = `${first?.place ?? "a row"} ${first?.name ?? ""} is not what the events say`;
        runs.push(verdict === "verified" ? run : { ...run, standing: "cut", why: [...run.why, why] });
      } catch (cause) {
        runs.push({ ...run, standing: "cut", why: [...run.why, asAkcError(cause).message] });
      } finally {
        await reader.close();
      }
    }
  });
  return runs;
}

function runData(run: Run): { readonly [key: string]: Plain } {
  return {
    runtime_run_id: run.runtimeRunId,
    standing: run.standing,
    event_count: run.lastSeq,
    unplaced_event_count: run.eventsUnplaced,
    action_count: run.actions,
    decision_count: run.decisions,
    outcome_before: run.outcomeBefore,
    why: run.why,
  };
}

function text(report: SalvageReport, runs: readonly Run[]): string {
  const count = (standing: Run["standing"]) => runs.filter((run) => run.standing === standing).length;
  const lines = runs.map(({ runtimeRunId, standing, lastSeq, why }) => {
    const reasons = why.length === 0 ? "" : `  ${printable(why.join("; "))}`;
    return `run/${runtimeRunId}  ${standing}  ${lastSeq} events${reasons}`;
  });
  lines.push(
    `state ${printable(report.scopeRoot)} written: ${counted(count("whole"), "run")} whole, ${count("unproven")} unproven, ${count("cut")} cut`,
  );
  if (report.runsWithoutRow > 0)
    lines.push(`${report.runsWithoutRow} runs could not be put together: their own rows are lost`);
  if (report.runsMayBeMissing) lines.push("there may have been more runs, of which nothing is left");
  if (report.unplacedPath !== null) lines.push(`events without a place: ${printable(report.unplacedPath)}`);
  return lines.join("\n");
}
