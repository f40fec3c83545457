/** `akc state check`: whether the states below an outputs root are whole. */
import { type CheckReport, checkState } from "../../store/sqlite/check.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { followUp } from "../follow-up.ts";
import type { Plain } from "../render/output.ts";
import { byteSize } from "../render/size.ts";
import { type Column, table } from "../render/table.ts";
import { counted, printable } from "../render/text.ts";
import { locatingArgs, locatingEnvironment } from "../runtime/locate.ts";
import { scopesOf } from "./scope.ts";

export const check = command({
  path: "state check",
  summary: "Look whether states are whole, and how large their runs are.",
  notes: [
    "Looks at the pages of the database, at the numbers of events, at what rows name, and at the files beside the database. With --deep every hash chain is followed and every artifact and evidence file is read. Runs may go on meanwhile.",
    "Files of the artifacts' folder that no row names are listed, but are no fault: an output has its file before its turn is recorded.",
  ],
  examples: [
    { command: "akc state check", says: "All states below the outputs root, quickly." },
    { command: "akc state check --deep -o json | jq '.items[].faults'", says: "Everything; for a program." },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...locatingArgs,
    deep: { type: "boolean", description: "Follow every hash chain and read every file." },
  },
  async run(args, session) {
    const options = { deep: args.deep === true, nowMs: systemClock.nowMs() };
    const checked: Checked[] = [];
    for (const scope of await scopesOf(session.io, args)) {
      const { tenantId, repoId, scopeRoot } = scope;
      checked.push({ tenantId, repoId, report: await checkState(scopeRoot, options) });
    }
    const whole = checked.every(({ report }) => report.faultCount === 0);
    await session.print({
      data: { kind: "StateCheck", whole, deep: options.deep, items: checked.map(checkedData) },
      text: () => checked.map(checkedText).join("\n\n"),
    });
    if (checked.some(({ report }) => report.faults.some(({ kind }) => kind === "database"))) {
      const salvage = followUp(session.io, ["state", "salvage", "--to", "DIR"]);
      session.io.words(`hint: keep the damaged file; \`${salvage}\` saves what can still be read\n`);
    }
    return whole ? 0 : 1;
  },
});

interface Checked {
  readonly tenantId: string;
  readonly repoId: string;
  readonly report: CheckReport;
}

function checkedData({ tenantId, repoId, report }: Checked): { readonly [key: string]: Plain } {
  return {
    tenant_id: tenantId,
    repo_id: repoId,
    path: report.path,
    whole: report.faultCount === 0,
    database_bytes: report.databaseBytes,
    log_bytes: report.logBytes,
    free_bytes: report.freeBytes,
    fault_count: report.faultCount,
    faults: report.faults.map(({ kind, runtimeRunId, message }) => ({
      kind,
      runtime_run_id: runtimeRunId,
      message,
    })),
    orphan_files: report.orphans.map(({ path, sizeBytes }) => ({ path, size_bytes: sizeBytes })),
    runs: report.runs.map((run) => ({
      runtime_run_id: run.runtimeRunId,
      event_count: run.events,
      decision_count: run.decisions,
      action_count: run.actions,
      artifact_count: run.artifacts,
      event_bytes: run.eventBytes,
      artifact_bytes: run.artifactBytes,
    })),
  };
}

type Size = CheckReport["runs"][number];

const columns: readonly Column<Size>[] = [
  { title: "RUN", value: ({ runtimeRunId }) => runtimeRunId },
  { title: "EVENTS", value: ({ events }) => String(events), align: "end" },
  { title: "ACTIONS", value: ({ actions }) => String(actions), align: "end" },
  { title: "EVENT DATA", value: ({ eventBytes }) => byteSize(eventBytes), align: "end" },
  { title: "ARTIFACTS", value: ({ artifactBytes }) => byteSize(artifactBytes), align: "end" },
];

function checkedText({ tenantId, repoId, report }: Checked): string {
  const { faults, faultCount, orphans } = report;
  const verdict = faultCount === 0 ? "whole" : counted(faultCount, "fault");
  const lines = [
    `${printable(`${tenantId}/${repoId}`)}  ${verdict}  ${byteSize(report.databaseBytes + report.logBytes)}, of which ${byteSize(report.freeBytes)} free`,
  ];
  for (const { kind, runtimeRunId, message } of faults) {
    lines.push(`  ✗ ${kind}  ${runtimeRunId === null ? "" : `${runtimeRunId}  `}${printable(message)}`);
  }
  if (faultCount > faults.length) lines.push(`  … and ${faultCount - faults.length} more`);
  if (orphans.length > 0) {
    const bytes = orphans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    lines.push(`  ${orphans.length} files that no row names, ${byteSize(bytes)}`);
  }
  if (report.runs.length > 0) lines.push(table(report.runs, columns, undefined));
  return lines.join("\n");
}
