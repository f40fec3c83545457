/**
 * Writes all files of one run from the store, for whoever asks afterwards what happened. It works from any prefix of a
 * run's events, so it serves every way a run can end; writing again gives the same bytes. It never changes the store.
 *
 * Each file is whole or not there, and the record comes last: where it is, the others are. Call it with a reader of the run,
 * the scope's folder and what the bundle says (`bundleFacts`, or `noBundleFacts` when the bundle is not at hand).
 *
 * Source: spec kernel §3, §13; spec cli §7; architecture "State"; bundle:W-5, kernel:W-19.
 */
import { mkdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fingerprint } from "../json/fingerprint.ts";
import { parseJson } from "../json/read.ts";
import type { EvidenceFile, RunReader, RunRow } from "../store/contract.ts";
import { resolveConfined, writeFileAtomic } from "../system/files.ts";
import { besideFolders, shareAnswers, sharedFolders } from "./beside.ts";
import type { BundleFacts } from "./facts.ts";
import { removeHalfDone } from "./half-done.ts";
import type { Health } from "./health.ts";
import { type EvidencePaths, evidencePaths } from "./layout.ts";
import { hasManifest, linkManifest } from "./manifest.ts";
import { writeFiles } from "./run-files.ts";

export interface ExportInput {
  readonly reader: RunReader;
  /** `<outputs_root>/<tenant>/<repo>`, absolute; it exists. */
  readonly scopeRoot: string;
  /** As shown in the record. */
  readonly outputsRoot: string;
  readonly facts: BundleFacts;
  /** Time of the rows about a run that has no end yet, in milliseconds since the epoch. */
  readonly nowMs: number;
}

export interface ExportReport {
  readonly paths: EvidencePaths;
  readonly health: Health;
  readonly eventCount: number;
  readonly evidenceTypes: ReadonlySet<string>;
  /** Evidence that the run was to leave and did not; a succeeded run is then recorded as failed. */
  readonly unmetExpectations: readonly string[];
  /** As the record says. */
  readonly status: string;
  readonly outcome: RunRow["outcome"];
  readonly lastError: string | null;
  /** Every file of the run's own folder, as written. */
  readonly files: readonly EvidenceFile[];
  readonly manifestLinked: boolean;
}

/** @throws AkcError STORE_DAMAGED when the events are not the ones that were written, PATH_UNSAFE, DISK_FULL */
export async function exportRun(input: ExportInput): Promise<ExportReport> {
  const { reader, facts, outputsRoot, nowMs } = input;
  const run = await reader.run();
  const scopeRoot = await realpath(input.scopeRoot);
  const paths = await confinedPaths(scopeRoot, run);
  // Of the folders that runs share, too: what was half written there has died with its process.
  const { folder, audit, manifest, latestValidityReport } = paths;
  await removeHalfDone([
    folder,
    ...besideFolders.map((name) => join(folder, name)),
    ...sharedFolders(scopeRoot, run.context),
    ...[audit, manifest, latestValidityReport].map((path) => dirname(path)),
  ]);
  const linkable = await hasManifest(paths);
  const written = await writeFiles({
    reader,
    run,
    facts,
    outputsRoot,
    nowMs,
    shown: paths,
    paths,
    shared: true,
    fingerprinted: linkable,
  });
  if (written.validityReport !== undefined) {
    await mkdir(dirname(paths.latestValidityReport), { recursive: true });
    await writeFileAtomic(paths.latestValidityReport, written.validityReport);
    // Only once they are judged: the files are written before that, too.
    await shareAnswers({ artifacts: reader.artifacts, run, files: written.streams.named }, scopeRoot);
  }
  const { progress, health, tally, sha256 } = written.streams;
  const manifestLinked =
    linkable &&
    (await linkManifest({
      run,
      paths,
      scopeRoot,
      health,
      record: written.record,
      attested: written.streams.attested,
      validityReportSha256:
        written.validityReport === undefined ? undefined : fingerprint(parseJson(written.validityReport)),
      sha256: { ...sha256, profileDecisions: written.profileSha256 },
    }));
  return {
    paths,
    health,
    eventCount: progress.eventCount,
    evidenceTypes: tally.present,
    unmetExpectations: written.unmetExpectations,
    ...written.final,
    files: written.files,
    manifestLinked,
  };
}

/** No folder on the way may be a link that leads out of the scope. */
async function confinedPaths(scopeRoot: string, run: RunRow): Promise<EvidencePaths> {
  const { runId, runtimeRunId } = run.context;
  await resolveConfined(scopeRoot, `.akc/runtime/${runId}/${runtimeRunId}/evidence`);
  await resolveConfined(scopeRoot, ".akc/run");
  await resolveConfined(scopeRoot, ".akc/verification");
  const paths = evidencePaths(scopeRoot, run.context);
  await mkdir(paths.folder, { recursive: true });
  return paths;
}
