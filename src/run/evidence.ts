/**
 * The evidence of a run that this process holds: what the bundle said is kept before anything happens, the files are
 * written however the run ends, and sealed by their digests once they stand.
 *
 * Source: bundle:W-5, kernel:W-31; spec bundle §8.7.
 */
import { AkcError } from "../errors.ts";
import { type ExportReport, exportRun } from "../evidence/export.ts";
import type { BundleFacts } from "../evidence/facts.ts";
import { factsOf, factsText } from "../evidence/facts-text.ts";
import { sha256Hex } from "../json/fingerprint.ts";
import { eventTypes } from "../kernel/wire.ts";
import type { RunRow, RunWriter, Store } from "../store/contract.ts";
import type { Clock } from "../system/clock.ts";
import { failpoint } from "../system/failpoint.ts";
import type { Place } from "./place.ts";

export interface EvidenceParts {
  readonly store: Store;
  readonly writer: RunWriter;
  readonly clock: Clock;
  readonly place: Pick<Place, "scopeRoot" | "outputsRoot">;
  readonly facts: BundleFacts;
}

/** What became of a run that went well and did not leave the evidence that it was to leave. */
export interface FailedForEvidence {
  readonly finishedAtMs: number;
  readonly lastError: string;
}

/** As a column of the run's row. */
export function factsSha256(facts: BundleFacts): string {
  return sha256Hex(factsText(facts));
}

/** Lands with the next commit. */
export async function keepFacts({ artifacts }: RunWriter, facts: BundleFacts): Promise<void> {
  await artifacts.put(new TextEncoder().encode(factsText(facts)));
}

/**
 * The facts that the evidence of this run is made with, now and whenever it is checked: those of its start. `current` are
 * those of the bundle as it was just read; for a run of before facts were kept they are all there is.
 * @throws AkcError RUN_CHANGED when none were kept yet and these are others; STORE_DAMAGED
 */
export async function factsToGoOnWith(
  store: Store,
  writer: RunWriter,
  row: RunRow,
  current: BundleFacts,
): Promise<BundleFacts> {
  if (row.factsSha256 === null) return current;
  if (row.lastSeq > 0) return keptFacts(store, row);
  const found = factsSha256(current);
  if (found !== row.factsSha256) {
    throw new AkcError("RUN_CHANGED", {
      message: "the run died before it began, and the bundle or the policy now asks for other evidence",
      hint: "Nothing of it happened: start a new run.",
      details: {
        run: row.context.runtimeRunId,
        expected_facts_sha256: row.factsSha256,
        found_facts_sha256: found,
      },
    });
  }
  await keepFacts(writer, current);
  return current;
}

export async function keptFacts(store: Store, row: RunRow): Promise<BundleFacts> {
  const reader = await store.openRun(row.context.runtimeRunId);
  try {
    return await factsOf(reader, row);
  } finally {
    await reader.close();
  }
}

export interface WrittenEvidence extends ExportReport {
  readonly run: RunRow;
  /** The last event that the files cover. */
  readonly seq: number;
}

/** Writes the evidence as it is now; it counts only when it is sealed. */
export async function writeEvidence(
  { store, writer, clock, place, facts }: EvidenceParts,
  runtimeRunId: string,
): Promise<WrittenEvidence> {
  const reader = await store.openRun(runtimeRunId);
  try {
    const run = await reader.run();
    const { scopeRoot, outputsRoot } = place;
    const seq = writer.lastSeq;
    const report = await exportRun({ reader, scopeRoot, outputsRoot, facts, nowMs: clock.nowMs() });
    return { ...report, run, seq };
  } finally {
    await reader.close();
  }
}

export async function sealEvidence(
  { writer }: EvidenceParts,
  { run, seq, files }: WrittenEvidence,
): Promise<void> {
  // What was made with facts that nobody keeps could never be checked against them.
  if (run.factsSha256 === null) return;
  failpoint("evidence.before_seal");
  await writer.commit({ events: [], actions: [], decisions: [], evidence: { seq, files } });
  failpoint("evidence.sealed");
}

/** A run that succeeded without the evidence that it was to leave has failed; then that is recorded and returned. */
export async function failForMissing(
  { writer, clock }: EvidenceParts,
  { unmetExpectations: missing, run }: WrittenEvidence,
): Promise<FailedForEvidence | undefined> {
  if (missing.length === 0 || run.outcome !== "succeeded") return undefined;
  const lastError = `runtime evidence expectations not met: ${missing.join(", ")}`;
  const atMs = clock.nowMs();
  await writer.commit({
    events: [
      {
        seq: writer.lastSeq + 1,
        type: eventTypes.evidenceMissing,
        atMs,
        payload: JSON.stringify({ missing }),
      },
    ],
    actions: [],
    decisions: [],
    run: { status: "failed", outcome: "failed", finishedAtMs: atMs, lastError },
  });
  return { finishedAtMs: atMs, lastError };
}
