/**
 * Finds the run that is to be verified: by the manifest of its compile run, or in the state of the scope. Reads only.
 *
 * Source: spec reconcile §9.
 */
import { existsSync } from "node:fs";
import { isIdentifier } from "../../bundle/identifier.ts";
import { AkcError } from "../../errors.ts";
import type { JsonObject } from "../../json/value.ts";
import { keptOptions } from "../../run/continuation/kept-options.ts";
import { databasePath } from "../../store/sqlite/open.ts";
import { type Finding, finding } from "../../validation/assurance/finding.ts";
import { newestManifest } from "../../validation/assurance/manifests.ts";
import {
  type KeptRun,
  readManifest,
  runOfManifest,
  type Subject,
  subjectOfManifest,
  subjectOfRun,
  type Where,
} from "../../validation/assurance/subject.ts";
import type { Io } from "../io.ts";
import { asAkcError } from "../render/error.ts";
import { printable } from "../render/text.ts";
import { oneRun, withStore } from "../runtime/locate.ts";

export interface TargetFlags {
  readonly runId?: string | undefined;
  readonly runtimeRunId?: string | undefined;
  readonly noOperationalCoupling: boolean;
}

export interface Target {
  readonly subject: Subject;
  /** What was wrong with the state on the way. */
  readonly found: readonly Finding[];
  /** Absolute: the registry of bindings that the run was started with, where there was one. */
  readonly validatorBindings?: string | undefined;
}

/** Undefined where there is none, or none is wanted. @throws AkcError USAGE, MANIFEST_…, RUN_NOT_FOUND, RUN_AMBIGUOUS */
export async function verifyTarget(io: Io, where: Where, flags: TargetFlags): Promise<Target | undefined> {
  const { runId, runtimeRunId } = flags;
  if (runId !== undefined && !isIdentifier(runId)) {
    throw new AkcError("USAGE", { message: `--run-id cannot be "${printable(runId)}"` });
  }
  if (runtimeRunId !== undefined) return targetOfRun(io, where, runtimeRunId, runId);
  if (runId === undefined && flags.noOperationalCoupling) return undefined;
  const chosen = runId ?? (await newestManifest(where.scopeRoot));
  return chosen === undefined ? undefined : targetOfManifest(where, chosen);
}

async function targetOfManifest(where: Where, runId: string): Promise<Target> {
  const manifest = await readManifest(where, runId);
  const runtimeRunId = runOfManifest(manifest);
  const { kept, ...known } =
    runtimeRunId === undefined ? nothingKept : await keptRun(where.scopeRoot, runId, runtimeRunId);
  return { subject: subjectOfManifest(where, runId, manifest, kept), ...known };
}

async function targetOfRun(
  io: Io,
  where: Where,
  named: string,
  wantedRunId: string | undefined,
): Promise<Target> {
  const { outputsRoot, scope } = where;
  const { row } = await oneRun(io, { runtimeRunId: named, outputsRoot, ...scope });
  const { runId, runtimeRunId } = row.context;
  if (wantedRunId !== undefined && wantedRunId !== runId) {
    throw new AkcError("USAGE", {
      message: "--run-id and --runtime-run-id name two different runs",
      details: { run_id: wantedRunId, runtime_run_id: runtimeRunId, runs: runId },
    });
  }
  const { kept, ...known } = await keptRun(where.scopeRoot, runId, runtimeRunId);
  if (kept === undefined) throw new AkcError("RUN_NOT_FOUND", { details: { run: runtimeRunId } });
  const manifest = await manifestIfPresent(where, runId);
  // A manifest is about the latest run of its compile run, which may be another one.
  const isAbout = manifest !== undefined && runOfManifest(manifest) === runtimeRunId;
  const subject = isAbout
    ? subjectOfManifest(where, runId, manifest, kept)
    : subjectOfRun(where, runId, kept);
  return { subject, ...known };
}

async function manifestIfPresent(where: Where, runId: string): Promise<JsonObject | undefined> {
  try {
    return await readManifest(where, runId);
  } catch (cause) {
    if (cause instanceof AkcError && cause.code === "MANIFEST_NOT_FOUND") return undefined;
    throw cause;
  }
}

interface Kept extends Omit<Target, "subject"> {
  readonly kept: KeptRun | undefined;
}

const nothingKept: Kept = { kept: undefined, found: [] };

/** What the state keeps of the run; a run of another runtime is not in it, and a state that cannot be read is an error. */
async function keptRun(scopeRoot: string, runId: string, runtimeRunId: string): Promise<Kept> {
  if (!existsSync(databasePath(scopeRoot))) return nothingKept;
  try {
    const known = await withStore(scopeRoot, async (store) => {
      const reader = await store.openRun(runtimeRunId);
      try {
        const row = await reader.run();
        if (row.context.runId !== runId) return undefined;
        // Sealed once, and gone on with: the files are of two minds until they are sealed again.
        const settled = row.evidenceSeq !== null && row.evidenceSeq === row.lastSeq;
        const files = settled ? await reader.evidenceFiles() : [];
        const kept = {
          runtimeRunId,
          bundlePath: row.bundlePath,
          bundleSha256: row.bundleSha256,
          sealed: settled ? new Map(files.map(({ name, sha256 }) => [name, sha256])) : undefined,
        };
        const found =
          row.outcome === null ? [finding("operational.run_not_ended", "the run has not ended")] : [];
        return { kept, found, validatorBindings: keptOptions(row).validatorBindings };
      } finally {
        await reader.close();
      }
    });
    return known ?? nothingKept;
  } catch (cause) {
    const error = asAkcError(cause);
    if (error.code === "RUN_NOT_FOUND") return nothingKept;
    const message = `the state of the scope cannot be read: ${error.message}`;
    return {
      kept: undefined,
      found: [finding("operational.state_unreadable", message, { evidence: { code: error.code } })],
    };
  }
}
