/**
 * Finishes the evidence of a run whose holder died after it had made its last change for it and before the files were sealed. It changes
 * nothing that stands and runs nothing.
 *
 * Source: docs/recovery.md; kernel:W-31.
 */
import { AkcError } from "../../errors.ts";
import { isUnsealed } from "../../run/continuation/leftover.ts";
import type { RunHost } from "../../run/ready.ts";
import { resumeRun } from "../../run/resume.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt } from "../model.ts";
import { withRun } from "./found-run.ts";
import { passes } from "./recover.ts";

/**
 * Undefined where the evidence is whole now; else why it could not be made so, for people: no reason to change what stands.
 * @throws AkcError what passes by itself: LEASE_HELD, STORE_BUSY, DISK_FULL; the signal's reason
 */
export async function finishEvidence(
  { scopeRoot }: ScopeConfig,
  { runtimeRunId, bundlePath }: Attempt,
  signal: AbortSignal,
  host: RunHost,
): Promise<string | undefined> {
  const unsealed = await withRun(scopeRoot, runtimeRunId, async ({ row }) => isUnsealed(row));
  if (unsealed !== true) return undefined;
  try {
    await resumeRun({ scopeRoot, runtimeRunId, onlyUnfinished: true, bundlePath, signal }, host);
    signal.throwIfAborted();
    return undefined;
  } catch (cause) {
    signal.throwIfAborted();
    if (!(cause instanceof AkcError) || passes(cause)) throw cause;
    return `its evidence is not whole: ${cause.message} [${cause.code}]`;
  }
}
