/** `akc state backup`: a scope's state in one file, also while runs go on. */
import { backUp } from "../../store/sqlite/backup.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { byteSize } from "../render/size.ts";
import { printable } from "../render/text.ts";
import { locatingArgs, locatingEnvironment } from "../runtime/locate.ts";
import { notCopiedData, notCopiedWords } from "./not-copied.ts";
import { oneScope, place } from "./scope.ts";

export const backup = command({
  path: "state backup",
  summary: "Copy the state of a scope into one file, also while runs go on.",
  notes: [
    "The copy is as of one moment, holds artifacts and sealed evidence too, and takes its name only after it was checked. Runs neither wait for it nor notice it.",
    "What the state names and what could not be copied as it says, such as a file that somebody removed, is listed; then the exit code is 1 and the backup holds the rest.",
  ],
  examples: [
    { command: "akc state backup --to /backup/shop.akcstate", says: "The one scope below the outputs root." },
    {
      command:
        "akc state backup --to shop.akcstate --force --outputs-root out --tenant-id acme --repo-id shop",
      says: "Replace the backup of yesterday.",
    },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    to: { type: "string", required: true, valueHint: "FILE", description: "The file to write." },
    force: { type: "boolean", description: "Replace a file that is there." },
    ...locatingArgs,
  },
  async run(args, session) {
    const to = place("--to", args.to);
    const scope = await oneScope(session.io, args);
    const report = await backUp(scope, to, { force: args.force === true, nowMs: systemClock.nowMs() });
    await session.print({
      data: {
        kind: "Backup",
        path: report.path,
        size_bytes: report.sizeBytes,
        tenant_id: scope.tenantId,
        repo_id: scope.repoId,
        run_count: report.runs,
        event_count: report.events,
        artifact_file_count: report.artifactFiles,
        evidence_file_count: report.evidenceFiles,
        not_copied: notCopiedData(report.notCopied),
      },
      text: () =>
        `backup ${printable(report.path)} written  ${report.runs} runs, ${report.events} events, ${byteSize(report.sizeBytes)}`,
    });
    session.io.words(notCopiedWords(report.notCopied));
    return report.notCopied.length === 0 ? 0 : 1;
  },
});
