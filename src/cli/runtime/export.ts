/** `akc runtime export`: one run as one archive that is read anywhere, and the way back into files. */
import { AkcError } from "../../errors.ts";
import { openArchive } from "../../store/sqlite/archive.ts";
import { writeArchive } from "../../store/sqlite/archive-write.ts";
import { command, type Session } from "../command.ts";
import { byteSize } from "../render/size.ts";
import { printable } from "../render/text.ts";
import { notCopiedData, notCopiedWords } from "../state/not-copied.ts";
import { place } from "../state/scope.ts";
import { unpackEvidence } from "./archived.ts";
import { locatingEnvironment, oneRun, runArgs } from "./locate.ts";

export const exportRun = command({
  path: "runtime export",
  summary: "Write a run as one archive, or take the files out of one.",
  notes: [
    "An archive holds all that is kept of the run: events, actions, decisions, signals, artifacts and the files of evidence. `akc runtime verify --archive FILE` and the other reading commands take it on any machine. A run that goes on is written as of one moment.",
    "An archive is as secret as the run: what its actions put out is in it.",
  ],
  examples: [
    { command: "akc runtime export 0193f2c1 --to release.akcrun", says: "Give a run away." },
    {
      command: "akc runtime export --unpack release.akcrun --to evidence",
      says: "Only the files of evidence, into a folder.",
    },
  ],
  exits: [0, 1, 2],
  environment: locatingEnvironment,
  args: {
    ...runArgs,
    to: {
      type: "string",
      required: true,
      valueHint: "PATH",
      description: "The archive to write; with --unpack the folder for the files.",
    },
    unpack: {
      type: "string",
      valueHint: "FILE",
      description: "Take the files of evidence out of this archive.",
    },
    force: { type: "boolean", description: "Replace an archive that is there." },
  },
  async run(args, session) {
    const to = place("--to", args.to);
    if (args.unpack !== undefined) {
      if (args.run !== undefined || args.runtimeRunId !== undefined) {
        throw new AkcError("USAGE", { message: "--unpack takes an archive, not a run" });
      }
      return unpack(place("--unpack", args.unpack), to, session);
    }
    const { row, scopeRoot } = await oneRun(session.io, args);
    const report = await writeArchive(scopeRoot, row.context.runtimeRunId, to, {
      force: args.force === true,
    });
    await session.print({
      data: {
        kind: "Archive",
        path: report.path,
        size_bytes: report.sizeBytes,
        runtime_run_id: report.runtimeRunId,
        event_count: report.lastSeq,
        artifact_count: report.artifacts,
        evidence_file_count: report.evidenceFiles,
        not_copied: notCopiedData(report.notCopied),
      },
      text: () =>
        `archive ${printable(report.path)} written  run ${report.runtimeRunId}, ${report.lastSeq} events, ${byteSize(report.sizeBytes)}`,
    });
    session.io.words(notCopiedWords(report.notCopied));
    return report.notCopied.length === 0 ? 0 : 1;
  },
});

async function unpack(path: string, to: string, session: Session): Promise<0> {
  const archive = await openArchive(path);
  try {
    const { context } = await archive.reader.run();
    const files = await unpackEvidence(archive, to);
    await session.print({
      data: { kind: "Unpacked", runtime_run_id: context.runtimeRunId, path: to, files },
      text: () => files.map((name) => `file/${printable(name)} written`).join("\n"),
    });
    return 0;
  } finally {
    await archive.reader.close();
  }
}
