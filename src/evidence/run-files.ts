/**
 * Writes the files of a run's own folder, each with its digest. Where they are written and which paths they speak of are two
 * things: to check files, they are written a second time elsewhere and must say the same.
 *
 * Source: spec kernel §3, §13; spec cli §4.5.
 */
import { rm } from "node:fs/promises";
import { prettyJson } from "../json/canonical.ts";
import { fingerprint } from "../json/fingerprint.ts";
import type { JsonObject } from "../json/value.ts";
import { unmetExpectations } from "../policy/expectations.ts";
import type { EvidenceFile, RunReader, RunRow } from "../store/contract.ts";
import { writeBeside } from "./beside.ts";
import { checkpoint } from "./checkpoint.ts";
import type { BundleFacts } from "./facts.ts";
import type { EvidencePaths } from "./layout.ts";
import { queueSnapshot } from "./queue.ts";
import { controlJson, finalStatus, profileDecisions, runRecord } from "./record.ts";
import { Seal } from "./seal.ts";
import { type StreamResult, writeStreams } from "./stream.ts";

export interface RunFilesInput {
  readonly reader: RunReader;
  readonly run: RunRow;
  readonly facts: BundleFacts;
  readonly outputsRoot: string;
  /** Time of the rows about a run that has no end yet, in milliseconds since the epoch. */
  readonly nowMs: number;
  /** The paths that the record speaks of. */
  readonly shown: EvidencePaths;
  /** Where the files are written; `folder` exists. */
  readonly paths: EvidencePaths;
  /** Whether the trace export, which all runs share, gets its lines too. */
  readonly shared: boolean;
  /** Whether fingerprints of the growing files are wanted. */
  readonly fingerprinted: boolean;
}

export interface RunFiles {
  readonly files: readonly EvidenceFile[];
  readonly streams: StreamResult;
  /** `runtime_run.json` */
  readonly record: JsonObject;
  /** Fingerprint of `developer_profile_decisions.json`. */
  readonly profileSha256: string;
  /** `operational_validity_report.json`; undefined on a run that was not judged. */
  readonly validityReport: string | undefined;
  readonly unmetExpectations: readonly string[];
  readonly final: Pick<RunRow, "status" | "outcome" | "lastError">;
}

/** Each file is whole or not there; the record comes last. @throws AkcError STORE_DAMAGED, DISK_FULL */
export async function writeFiles(input: RunFilesInput): Promise<RunFiles> {
  const { reader, run, facts, outputsRoot, nowMs, shown, paths, shared, fingerprinted } = input;
  const seal = new Seal(paths.folder);
  const streams = await writeStreams({ reader, run, facts, paths, seal, shared, nowMs, fingerprinted });
  const { progress, tally } = streams;

  const sources = { reader, run, facts };
  await seal.write(paths.queueSnapshot, queueSnapshot(progress, sources));
  await seal.write(paths.checkpoint, checkpoint(progress, sources));
  const control = controlJson(run, progress);
  if (control !== undefined) await seal.write(paths.control, prettyJson(control));
  // Of a request that a run which went on later has outlived.
  else await rm(paths.control, { force: true });
  const profile = profileDecisions(run, outputsRoot);
  await seal.write(paths.profileDecisions, prettyJson(profile));
  const profileSha256 = fingerprint(profile);
  const report = await validityReport(reader, streams);
  if (report !== undefined) await seal.write(paths.validityReport, report);
  await writeBeside({ artifacts: reader.artifacts, run, files: streams.named }, paths, seal);

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
    paths: shown,
    outputsRoot,
    progress,
    decisions: streams.decisions,
    health: streams.health,
    reconcile: streams.reconcile,
    attested: streams.attested,
    unmetExpectations: unmet,
    chainSha256: streams.chainSha256,
    profileSha256,
  });
  await seal.write(paths.record, prettyJson(record));
  return {
    files: seal.files,
    streams,
    record,
    profileSha256,
    validityReport: report,
    unmetExpectations: unmet,
    final,
  };
}

async function validityReport(
  { artifacts }: Pick<RunReader, "artifacts">,
  { attested }: StreamResult,
): Promise<string | undefined> {
  if (attested === undefined) return undefined;
  return new TextDecoder().decode(await artifacts.read(attested.report.sha256));
}
