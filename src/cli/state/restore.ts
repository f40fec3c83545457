/** `akc state restore`: puts a backup back as a state, never over a run that is under way. */
import { restoreBackup } from "../../store/sqlite/restore.ts";
import { systemClock } from "../../system/clock.ts";
import { command } from "../command.ts";
import { printable } from "../render/text.ts";
import { place } from "./scope.ts";

export const restore = command({
  path: "state restore",
  summary: "Put a backup back as the state of its scope.",
  notes: [
    "The scope is the one that the backup was made of. A state that is there is refused; with --force it is set aside into a folder beside the new one, unless one of its runs is under way. Nobody holds a run that came out of a backup: resume those that had not ended, but never while the original still runs somewhere.",
  ],
  examples: [
    { command: "akc state restore --from shop.akcstate --outputs-root /srv/out", says: "Onto a new host." },
  ],
  exits: [0, 1, 2, 5],
  args: {
    from: { type: "string", required: true, valueHint: "FILE", description: "The backup." },
    outputsRoot: {
      type: "string",
      required: true,
      valueHint: "DIR",
      description: "Where runs are to be kept.",
    },
    force: { type: "boolean", description: "Set aside a state that is there." },
  },
  async run(args, session) {
    const report = await restoreBackup(
      place("--from", args.from),
      place("--outputs-root", args.outputsRoot),
      {
        force: args.force === true,
        nowMs: systemClock.nowMs(),
      },
    );
    await session.print({
      data: {
        kind: "Restore",
        scope_root: report.scopeRoot,
        tenant_id: report.tenantId,
        repo_id: report.repoId,
        backup_made_at_ms: report.madeAtMs,
        run_count: report.runs,
        artifact_file_count: report.artifactFiles,
        evidence_file_count: report.evidenceFiles,
        set_aside: report.setAside,
      },
      text: () =>
        [
          `state ${printable(report.scopeRoot)} restored  ${report.runs} runs, as of ${new Date(report.madeAtMs).toISOString()}`,
          ...(report.setAside === null ? [] : [`what was there is in ${printable(report.setAside)}`]),
        ].join("\n"),
    });
    return 0;
  },
});
