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
import { prettyJson } from "../json/canonical.ts";
import { fingerprint } from "../json/fingerprint.ts";
import { unmetExpectations } from "../policy/expectations.ts";
import type { RunReader, RunRow } from "../store/contract.ts";
import { resolveConfined, writeFileAtomic } from "../system/files.ts";
import { checkpoint } from "./checkpoint.ts";
import type { BundleFacts } from "./facts.ts";
import type { Health } from "./health.ts";
import { type EvidencePaths, evidencePaths } from "./layout.ts";
import { hasManifest, linkManifest } from "./manifest.ts";
import { queueSnapshot } from "./queue.ts";
import { controlJson, finalStatus, profileDecisions, runRecord } from "./record.ts";
import { writeStreams } from "./stream.ts";

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
  readonly manifestLinked: boolean;
}

/** @throws AkcError STORE_DAMAGED when the events are not the ones that were written, PATH_UNSAFE, DISK_FULL */
export async function exportRun(input: ExportInput): Promise<ExportReport> {
  const { reader, facts, outputsRoot, nowMs } = input;
  const run = await reader.run();
  const scopeRoot = await realpath(input.scopeRoot);
  const paths = await confinedPaths(scopeRoot, run);
  const linkable = await hasManifest(paths);
  const streams = await writeStreams({ reader, run, facts, paths, nowMs, fingerprinted: linkable });
  const { progress, health, tally, sha256 } = streams;

  const sources = { reader, run, facts };
  await writeFileAtomic(paths.queueSnapshot, queueSnapshot(progress, sources));
  await writeFileAtomic(paths.checkpoint, checkpoint(progress, sources));
  const control = controlJson(run, progress);
  if (control !== undefined) await writeFileAtomic(paths.control, prettyJson(control));
  const profile = profileDecisions(run, outputsRoot);
  await writeFileAtomic(paths.profileDecisions, prettyJson(profile));

  const unmet = unmetExpectations({
    required: facts.expectations,
    present: tally.present,
    reconciledResources: tally.reconciledResources,
    desiredResources: facts.desiredResources,
  });
  const final = finalStatus(run, unmet);
  const record = runRecord({
    run: { ...run, ...final },
    facts,
    paths,
    outputsRoot,
    progress,
    decisions: streams.decisions,
    health,
    allConverged: streams.allConverged,
    unmetExpectations: unmet,
    chainSha256: streams.chainSha256,
    profileSha256: fingerprint(profile),
  });
  await writeFileAtomic(paths.record, prettyJson(record));
  const manifestLinked =
    linkable &&
    (await linkManifest({
      run,
      paths,
      scopeRoot,
      health,
      record,
      sha256: { ...sha256, profileDecisions: fingerprint(profile) },
    }));
  return {
    paths,
    health,
    eventCount: progress.eventCount,
    evidenceTypes: tally.present,
    unmetExpectations: unmet,
    ...final,
    manifestLinked,
  };
}

/** No folder on the way may be a link that leads out of the scope. */
async function confinedPaths(scopeRoot: string, run: RunRow): Promise<EvidencePaths> {
  const { runId, runtimeRunId } = run.context;
  await resolveConfined(scopeRoot, `.akc/runtime/${runId}/${runtimeRunId}/evidence`);
  await resolveConfined(scopeRoot, ".akc/run");
  const paths = evidencePaths(scopeRoot, run.context);
  await mkdir(paths.folder, { recursive: true });
  return paths;
}
