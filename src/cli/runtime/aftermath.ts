/**
 * What is to be said about a run that has just ended otherwise than well: what was refused, what failed and with which
 * words, and what to type next. Words for people; the same facts stand in the report's data.
 *
 * Source: spec cli §3.2, §3.6.
 */
import { join } from "node:path";
import { AkcError, errorCodes } from "../../errors.ts";
import type { RunReport } from "../../run/start.ts";
import { followUp, followUpOnRun, seenFromHere } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { facts } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { type Denied, lastDenial } from "./denial.ts";
import { type Failure, failureLines, failuresOf } from "./failure.ts";
import { withStore } from "./locate.ts";

export interface Aftermath {
  readonly denied?: Denied;
  readonly failures: readonly Failure[];
}

/** What a denial was asked under, so that asking again gives the same answer. */
export interface Asked {
  readonly policyPath?: string | undefined;
}

/** Failures shown as text; the data has more. */
const failuresShownMax = 3;

/** Reads the run that has just ended in this process. */
export async function aftermathOf(report: RunReport): Promise<Aftermath> {
  const { outcome, counts, runtimeRunId } = report;
  const refused = counts.denied > 0 || outcome === "blocked";
  if (!refused && counts.failed === 0) return { failures: [] };
  return withStore(scopeRootOf(report), async (store) => {
    const reader = await store.openRun(runtimeRunId);
    try {
      const denied = refused ? await lastDenial(reader) : undefined;
      const failures = counts.failed === 0 ? [] : await failuresOf(reader, runtimeRunId);
      return denied === undefined ? { failures } : { denied, failures };
    } finally {
      await reader.close();
    }
  });
}

/** The command that shows every rule of a denial. */
export function explainCommand(io: Io, { action }: Denied, report: RunReport, { policyPath }: Asked): string {
  return followUp(io, [
    "policy",
    "explain",
    "--bundle",
    seenFromHere(report.bundlePath),
    "--action",
    action,
    // `enforce` is what `explain` assumes.
    ...(report.mode === "enforce" ? [] : ["--mode", report.mode]),
    ...(policyPath === undefined ? [] : ["--policy", policyPath]),
  ]);
}

/** The words on stderr for a run that did not succeed; in text as in JSON. Empty when it did. */
export async function complaint(
  report: RunReport,
  { denied, failures }: Aftermath,
  asked: Asked,
  io: Io,
): Promise<string> {
  const { outcome, lastError, lastErrorCode: code, runtimeRunId } = report;
  if (outcome === "succeeded") {
    const differs = report.converged === false ? await divergence(report, io) : "";
    return differs + (report.unjudged === true ? await unjudged(report, io) : await undecided(report, io));
  }
  const why = lastError === undefined ? "" : `: ${printable(lastError)}`;
  const lines = [`the run ended ${outcome}${why}${code === undefined ? "" : ` [${code}]`}`];
  const shown = failures.slice(0, failuresShownMax);
  const said = failureLines(shown, lastError);
  lines.push(...said);
  const more = report.counts.failed - shown.length;
  if (more > 0) lines.push(`  … and ${more} more failed`);
  if (denied !== undefined) {
    const { action, reason, rule, row } = denied;
    lines.push(
      facts([
        ["  denied", printable(action)],
        ["  reason", printable(reason)],
        ["  rule", printable(rule)],
        ["  policy_decision_id", String(row)],
      ]),
      `hint: \`${explainCommand(io, denied, report, asked)}\` shows every rule.`,
    );
  } else {
    // Where the action's own words are shown, there is no need to say where they are.
    if (code === "VALIDITY_FAILED") {
      lines.push(`hint: \`${await verifyCommand(report, io)}\` shows what was expected and what was seen.`);
    } else if (code !== undefined && !(code === "SUBPROCESS_EXIT" && said.length > 0)) {
      lines.push(`hint: ${errorCodes[code].hint}`);
    }
    const outputsRoot = join(scopeRootOf(report), "../..");
    const events = await followUpOnRun(io, ["runtime", "events", runtimeRunId], { outputsRoot });
    lines.push(`hint: \`${events}\` tells what happened.`);
    if (outcome === "stopped" || outcome === "exhausted") {
      const resume = await followUpOnRun(io, ["runtime", "resume", runtimeRunId], { outputsRoot });
      lines.push(`hint: \`${resume}\` goes on with it.`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Whoever stopped it did so while outside systems were asked. */
async function unjudged(report: RunReport, io: Io): Promise<string> {
  const outputsRoot = join(scopeRootOf(report), "../..");
  const resume = await followUpOnRun(io, ["runtime", "resume", report.runtimeRunId], { outputsRoot });
  return `the run was stopped before it was judged\nhint: \`${resume}\` asks for what is missing, and judges it.\n`;
}

/** The actions went well, and nobody can tell whether what they led to is good: the report says what is missing. */
async function undecided(report: RunReport, io: Io): Promise<string> {
  if (report.validity?.verdict !== "inconclusive") return "";
  const again = await verifyCommand(report, io, "--execute-validators");
  return `the run cannot be judged by its operational criteria [VALIDITY_INCONCLUSIVE]\nhint: \`${again}\` asks again, once there is something to measure.\n`;
}

function verifyCommand(report: RunReport, io: Io, ...more: readonly string[]): Promise<string> {
  const { tenantId, repoId } = report.scope;
  const words = ["verify", "--tenant-id", tenantId, "--repo-id", repoId];
  const outputsRoot = join(scopeRootOf(report), "../..");
  return followUpOnRun(io, [...words, "--runtime-run-id", report.runtimeRunId, ...more], { outputsRoot });
}

/** The actions went well, and yet the world is not as it should be. */
async function divergence(report: RunReport, io: Io): Promise<string> {
  const { runtimeRunId, mode, startedAtMs } = report;
  const outputsRoot = join(scopeRootOf(report), "../..");
  const words = ["runtime", "reconcile", runtimeRunId, "--dry-run", "--diff"];
  const differs = await followUpOnRun(io, words, { outputsRoot });
  const rolloutId = await withStore(scopeRootOf(report), async ({ deployment }) => {
    const [last] = await deployment.rollouts(1);
    // One of before has nothing to say of this run, one that has completed nothing of what it never touched.
    if (last === undefined || last.updatedAtMs < startedAtMs || last.phase === "completed") return undefined;
    return last.rolloutId;
  });
  const more = mode === "simulate" ? ", and a simulation changes nothing" : "";
  if (rolloutId === undefined) {
    return `not everything stands as it should${more}\nhint: \`${differs}\` shows what differs and what was left alone.\n`;
  }
  const why = await followUpOnRun(io, ["rollout", "status", rolloutId], { outputsRoot });
  return `not everything stands as it should\nhint: \`${why}\` says why, \`${differs}\` what differs.\n`;
}

/**
 * The same error with the command that stops the run which is in the way; any other error unchanged.
 * @param outputsRoot where the run would have been kept
 */
export async function withStopCommand(thrown: unknown, io: Io, outputsRoot: () => string): Promise<unknown> {
  if (!(thrown instanceof AkcError) || thrown.code !== "LEASE_HELD") return thrown;
  const stop = ["runtime", "stop", String(thrown.details["runtimeRunId"])];
  const { code, message, details, issues, cause } = thrown;
  const command = await followUpOnRun(io, stop, { outputsRoot: outputsRoot() });
  return new AkcError(code, {
    message,
    details,
    issues,
    cause,
    hint: `Wait for it to end, or stop it with \`${command}\`.`,
  });
}

/** From `<scope_root>/.akc/runtime/<run_id>/<runtime_run_id>`. */
function scopeRootOf({ scopeDir }: RunReport): string {
  return join(scopeDir, "../../../..");
}
