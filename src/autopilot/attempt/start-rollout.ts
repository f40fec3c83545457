/**
 * Starts the run of a rollout under the id that was chosen for it, and says how it ended from that very run. It starts it once: a run of
 * that id that is there already is looked at and not begun again.
 *
 * Source: spec cli §14.7, §14.9; cli:W-01, W-19b, W-28.
 */
import { join } from "node:path";
import { AkcError } from "../../errors.ts";
import type { RunHost } from "../../run/ready.ts";
import { startRun } from "../../run/start.ts";
import type { ScopeConfig } from "../config/model.ts";
import type { Attempt, RunOutcome } from "../model.ts";
import { withRun } from "./found-run.ts";
import { outcomeOfReport, outcomeOfRow } from "./outcome.ts";
import { signsOf } from "./signs.ts";

/** @throws AkcError when no run was begun; the signal's reason, when it was cut off and may be gone on with */
export async function startRollout(
  scope: ScopeConfig,
  { bundlePath, bundleSha256, runtimeRunId }: Attempt,
  signal: AbortSignal,
  host: RunHost,
): Promise<RunOutcome> {
  const { scopeRoot, policyPath, pluginsDirs, bindingsPath, rollout } = scope;
  signal.throwIfAborted();
  try {
    const report = await startRun(
      {
        bundlePath,
        expectedSha256: bundleSha256,
        mode: "enforce",
        adapter: "auto",
        outputsRoot: join(scopeRoot, "../.."),
        runtimeRunId,
        ...(policyPath === undefined ? {} : { policyPath }),
        ...(pluginsDirs.length === 0 ? {} : { pluginsDirs }),
        ...(bindingsPath === undefined ? {} : { validatorBindings: bindingsPath }),
        ...(rollout.deadlineMs === undefined ? {} : { deadlineMs: rollout.deadlineMs }),
        signal,
      },
      host,
    );
    if (report.outcome === "stopped") signal.throwIfAborted();
    const signs = await withRun(scopeRoot, runtimeRunId, ({ reader }) => signsOf(reader));
    if (signs === undefined) throw new AkcError("RUN_NOT_FOUND", { details: { run: runtimeRunId } });
    return outcomeOfReport(report, signs);
  } catch (cause) {
    signal.throwIfAborted();
    const outcome = await brokenOutcome(scopeRoot, runtimeRunId, cause, host);
    if (outcome === undefined) throw cause;
    return outcome;
  }
}

/** What became of a run that threw; undefined where none exists: then nothing was begun. */
export async function brokenOutcome(
  scopeRoot: string,
  runtimeRunId: string,
  cause: unknown,
  { clock }: Pick<RunHost, "clock">,
): Promise<RunOutcome | undefined> {
  const { code, message } = cause instanceof AkcError ? cause : new AkcError("INTERNAL", { cause });
  return withRun(scopeRoot, runtimeRunId, async ({ reader, row }) => {
    const signs = await signsOf(reader);
    // It came to its end before, and this process was only refused to begin it again.
    if (code === "RUN_EXISTS") return outcomeOfRow(row, signs, clock.nowMs());
    return outcomeOfRow(row, signs, clock.nowMs(), { errorCode: code, message });
  });
}
