/**
 * `akc runtime status`: how one run stands, from the store. The lines of old come first and in their old order; what
 * they kept silent about follows.
 *
 * Source: spec cli §5.3; cli:W-49, cli:W-53 (what cannot be read is said, not thrown).
 */
import { join } from "node:path";
import { objectAt, textAt } from "../../bundle/member.ts";
import { type Health, healthOf, kernelHealth, worst } from "../../evidence/health.ts";
import { type EvidencePaths, evidencePaths } from "../../evidence/layout.ts";
import { type Wait, waitsOf } from "../../evidence/waits.ts";
import { parseJson } from "../../json/read.ts";
import { isJsonObject, type JsonValue } from "../../json/value.ts";
import { limits } from "../../limits.ts";
import { isUnsealed } from "../../run/continuation/leftover.ts";
import type { PhaseCounts, RunReader, Signal, StoredEvent } from "../../store/contract.ts";
import { countPhases, standing } from "../../store/sqlite/standing.ts";
import { systemClock } from "../../system/clock.ts";
import { readFileBounded } from "../../system/files.ts";
import { command } from "../command.ts";
import { followUpOnRun } from "../follow-up.ts";
import type { Io } from "../io.ts";
import { livenessText } from "../lease/liveness.ts";
import type { Plain } from "../render/output.ts";
import { printable } from "../render/text.ts";
import { elapsed } from "../render/time.ts";
import { type Denied, lastDenial } from "./denial.ts";
import { type Failure, failureData, failureLines, failuresOf } from "./failure.ts";
import { type JudgedInFull, judgementData, judgementLines, lastJudgement } from "./judged.ts";
import { type FoundRun, locatingEnvironment } from "./locate.ts";
import { shownRunArgs, withShownRun } from "./read-run.ts";
import { lastResumption, type Resumption } from "./resumption.ts";
import { durationMs, runData } from "./run-view.ts";
import { waitData, waitLine } from "./waits.ts";

export const status = command({
  path: "runtime status",
  summary: "Show how a run stands.",
  examples: [
    { command: "akc runtime status 0193f2c1", says: "A beginning of the id is enough." },
    { command: "akc runtime status 0193f2c1 -o json | jq .counts", says: "For a program." },
  ],
  exits: [0, 2],
  environment: locatingEnvironment,
  args: shownRunArgs,
  async run(args, session) {
    await withShownRun(session.io, args, async ({ reader, row, scopeRoot }) => {
      const found = { row: { ...row, lease: await reader.lease() }, scopeRoot };
      const facts = await statusFacts(found, reader);
      const nowMs = systemClock.nowMs();
      await session.print({
        data: statusData(found, facts, nowMs),
        text: () => statusText(found, facts, nowMs),
      });
      const open = standing(found.row, nowMs) === "abandoned" || isUnsealed(found.row);
      if (open && args.archive === undefined) {
        const { runtimeRunId } = found.row.context;
        const outputsRoot = join(found.scopeRoot, "../..");
        const resume = await followUpOnRun(session.io, ["runtime", "resume", runtimeRunId], { outputsRoot });
        session.io.words(`hint: \`${resume}\` goes on with it.\n`);
      }
      if (facts.judged !== undefined && facts.judged.verdict !== "pass" && args.archive === undefined) {
        session.io.words(`hint: \`${await verifyCommand(session.io, found)}\` shows what was seen.\n`);
      }
    });
    return 0;
  },
});

function verifyCommand(io: Io, { row, scopeRoot }: FoundRun): Promise<string> {
  const { scope, runtimeRunId } = row.context;
  const words = ["verify", "--tenant-id", scope.tenantId, "--repo-id", scope.repoId];
  const outputsRoot = join(scopeRoot, "../..");
  return followUpOnRun(io, [...words, "--runtime-run-id", runtimeRunId], { outputsRoot });
}

interface StatusFacts {
  readonly counts: PhaseCounts;
  readonly waits: readonly Wait[];
  /** Signals that no step took yet. */
  readonly openSignals: readonly Signal[];
  /** When another process last went on with it; undefined when none did. */
  readonly resumption: Resumption | undefined;
  readonly health: Health;
  readonly checkpointPresent: boolean;
  readonly queueSnapshotPresent: boolean;
  /** null while there is no evidence file, or when it cannot be read. */
  readonly evidenceCount: number | null;
  readonly lastEvent: StoredEvent | undefined;
  readonly lastDenial: Denied | undefined;
  readonly failures: readonly Failure[];
  /** By outside evidence; undefined where it was not. */
  readonly judged: JudgedInFull | undefined;
}

async function statusFacts({ row, scopeRoot }: FoundRun, reader: RunReader): Promise<StatusFacts> {
  const paths = evidencePaths(scopeRoot, row.context);
  const actions = await reader.actions();
  const counts = countPhases(actions);
  const run = await reader.run();
  const signals = await reader.signals();
  const evidence = await readEvidence(paths);
  const [lastEvent] = await reader.events(Math.max(0, run.lastSeq - 1), 1);
  return {
    counts,
    waits: run.outcome === null ? await waitsOf(reader, actions) : [],
    openSignals: signals.filter(({ takenSeq }) => takenSeq === null),
    resumption: await lastResumption(reader, run.lastSeq, await reader.lease()),
    health: worst([kernelHealth(run, counts), ...evidence.health]),
    checkpointPresent: await Bun.file(paths.checkpoint).exists(),
    queueSnapshotPresent: await Bun.file(paths.queueSnapshot).exists(),
    evidenceCount: evidence.count,
    lastEvent,
    lastDenial: await lastDenial(reader),
    failures: counts.failed === 0 ? [] : await failuresOf(reader, row.context.runtimeRunId),
    judged: await lastJudgement(reader, run, scopeRoot),
  };
}

async function readEvidence({ evidence }: EvidencePaths): Promise<EvidenceFound> {
  try {
    const rows = parseJson(await readFileBounded(evidence, limits.jsonTextBytesMax));
    return Array.isArray(rows) ? { count: rows.length, health: healthIn(rows) } : noEvidence;
  } catch {
    return noEvidence;
  }
}

interface EvidenceFound {
  /** null while there is no evidence file, or when it cannot be read. */
  readonly count: number | null;
  /** Of what the run has deployed; empty where it deployed nothing. */
  readonly health: readonly Health[];
}

const noEvidence: EvidenceFound = { count: null, health: [] };

/** The actions may all have done well: what they were for need not stand. */
function healthIn(rows: readonly JsonValue[]): readonly Health[] {
  const told = rows.filter(isJsonObject);
  if (!told.some((row) => row["evidence_type"] === "reconcile_resource_status")) return [];
  const aggregate = told.findLast((row) => row["evidence_type"] === "terminal_health");
  return [healthOf(textAt(objectAt(aggregate ?? {}, "payload"), "health_status") ?? "")];
}

function statusData(found: FoundRun, facts: StatusFacts, nowMs: number): { readonly [key: string]: Plain } {
  const { lastEvent, lastDenial: denied } = facts;
  return {
    ...runData(found, nowMs, facts.counts),
    counts: { ...facts.counts },
    waits: facts.waits.map(waitData),
    open_signals: facts.openSignals.map(({ id, name, sentAtMs, sender }) => ({
      id,
      name,
      sent_at_ms: sentAtMs,
      sender,
    })),
    generation: facts.resumption?.generation ?? 0,
    resumed_at_ms: facts.resumption?.atMs ?? null,
    evidence_sealed: found.row.evidenceSeq !== null && found.row.evidenceSeq === found.row.lastSeq,
    health: facts.health,
    checkpoint_present: facts.checkpointPresent,
    queue_snapshot_present: facts.queueSnapshotPresent,
    runtime_evidence_count: facts.evidenceCount,
    last_event_type: lastEvent?.type ?? null,
    last_event_timestamp: lastEvent?.atMs ?? null,
    last_denied:
      denied === undefined
        ? null
        : { policy_decision_id: String(denied.row), action: denied.action, reason: denied.reason },
    duration_ms: durationMs(found.row, nowMs),
    failures: facts.failures.map(failureData),
    validity: facts.judged === undefined ? null : judgementData(facts.judged),
  };
}

function statusText(found: FoundRun, facts: StatusFacts, nowMs: number): string {
  const { row } = found;
  const { context } = row;
  const { counts, lastEvent, lastDenial: denied } = facts;
  const { tenantId, repoId } = context.scope;
  const lines = [
    `runtime_run_id: ${context.runtimeRunId}`,
    `scope: tenant_id=${tenantId} repo_id=${repoId} runtime_run_id=${context.runtimeRunId}`,
    `status: ${row.status}`,
    `mode: ${context.mode}`,
    `bundle_path: ${printable(row.bundlePath)}`,
    `event_count: ${row.lastSeq}`,
    `checkpoint_present: ${facts.checkpointPresent ? "yes" : "no"}`,
    `queue_snapshot_present: ${facts.queueSnapshotPresent ? "yes" : "no"}`,
    `runtime_evidence_count: ${facts.evidenceCount ?? "unknown"}`,
  ];
  if (lastEvent !== undefined) {
    lines.push(`last_event_type: ${lastEvent.type}`, `last_event_timestamp: ${lastEvent.atMs}`);
  }
  if (denied !== undefined) {
    lines.push(
      `last_denied_policy_decision_id: ${denied.row}`,
      `last_denied_reason: ${printable(denied.reason)}`,
    );
  }
  const phases = Object.entries(counts).filter(([, count]) => count > 0);
  lines.push(
    `standing: ${standing(row, nowMs, counts)}`,
    `health: ${facts.health}`,
    `adapter_id: ${context.adapterId}`,
    `actions: ${phases.length === 0 ? "none" : phases.map(([phase, count]) => `${count} ${phase}`).join(", ")}`,
    `took: ${elapsed(durationMs(row, nowMs))}`,
  );
  if (facts.judged !== undefined) lines.push(...judgementLines(facts.judged));
  if (row.lease !== null && row.outcome === null)
    lines.push(`holder: ${printable(row.lease.holder.name)} (${livenessText(row.lease, nowMs)})`);
  lines.push(...facts.waits.map((wait) => waitLine(wait, nowMs)));
  for (const { name, sender, sentAtMs } of facts.openSignals.slice(0, limits.failuresShownMax)) {
    lines.push(`open_signal: ${printable(name)} from ${printable(sender)}, ${elapsed(nowMs - sentAtMs)} ago`);
  }
  if (facts.resumption !== undefined) {
    const { atMs, generation } = facts.resumption;
    lines.push(
      `resumed: ${elapsed(nowMs - atMs)} ago${generation === 0 ? "" : `, parts run again: ${generation}`}`,
    );
  }
  if (isUnsealed(row)) lines.push("evidence: not written to the end");
  if (row.lastError !== null) lines.push(`last_error: ${printable(row.lastError)}`);
  lines.push(...failureLines(facts.failures, row.lastError));
  return lines.join("\n");
}
