/**
 * Holds everything that is kept of a run against its events: the chain, the tables, the decisions, the inbox, the rollouts,
 * the artifacts and the evidence files. It reads; it changes and mends nothing.
 *
 * Source: architecture "Events are the truth"; spec cli §11 (cli:W-15).
 */
import { recordedFact } from "../kernel/recorded.ts";
import { limits } from "../limits.ts";
import type { DeploymentReader, RunReader, RunRow } from "../store/contract.ts";
import { systemClock } from "../system/clock.ts";
import { createHeapGuard } from "../system/heap-guard.ts";
import { Artifacts } from "./artifacts.ts";
import { type Divergence, Divergences } from "./divergence.ts";
import { EvidenceCheck, type Sealing, sealingOf } from "./evidence-check.ts";
import { Ledger } from "./ledger.ts";
import type { StoredRun } from "./pass-protocol.ts";
import { PassThread } from "./pass-thread.ts";
import type { ChainPass } from "./passes.ts";
import { checkActions, checkDecisions, checkRollouts, checkRun, checkSignals } from "./tables.ts";

export interface VerifyOptions {
  /** `<outputs_root>/<tenant>/<repo>`, where the evidence lies; absent when there are no files to look at. */
  readonly scopeRoot?: string | undefined;
  /** Where the run can be opened a second time, so that half of the work is done beside the other half. */
  readonly stored?: StoredRun | undefined;
  /** Whether every evidence file is made again from the events, also those whose digest is as sealed. */
  readonly rebuild?: boolean;
  /** What is kept of the scope's deployment; absent where nothing is, as beside an archive. */
  readonly deployment?: Pick<DeploymentReader, "rollout"> | undefined;
  /** A digest of the chain that was noted somewhere else: some event must have it. */
  readonly anchorSha256?: string | undefined;
  /** How many divergences are kept whole; all are counted. */
  readonly divergencesMax?: number;
}

export interface Verification {
  readonly verdict: "verified" | "diverged";
  readonly events: number;
  readonly actions: number;
  readonly decisions: number;
  readonly artifacts: number;
  readonly evidenceFiles: number;
  readonly evidence: Sealing | "not looked at";
  /** Digest of the last event: whoever notes it elsewhere can hold the whole history against it later. */
  readonly chainSha256: string;
  /** Number of the event that the anchor is of. */
  readonly anchorSeq: number | undefined;
  readonly divergenceCount: number;
  /** The first ones, in the order of the checks. */
  readonly divergences: readonly Divergence[];
  /** Another process went on with the run meanwhile: what it did was not looked at. */
  readonly moved: boolean;
}

/** @throws AkcError STORE_DAMAGED when the database itself cannot be read */
export async function verifyRun(reader: RunReader, options: VerifyOptions = {}): Promise<Verification> {
  const run = await reader.run();
  const evidence =
    options.scopeRoot === undefined
      ? undefined
      : new EvidenceCheck({ reader, run, scopeRoot: options.scopeRoot });
  const passes = new PassThread(reader, run, options.stored);
  try {
    return await new Check(reader, run, options, evidence, passes).verify();
  } finally {
    evidence?.close();
    passes.close();
  }
}

class Check {
  readonly #reader: RunReader;
  readonly #run: RunRow;
  readonly #options: VerifyOptions;
  readonly #evidence: EvidenceCheck | undefined;
  readonly #passes: PassThread;
  readonly #ledger: Ledger;
  readonly #artifacts = new Artifacts();
  readonly #found: Divergences;
  /** What the events say that they cannot say: told after the chain, which says whether they are the ones that were written. */
  readonly #faults: Divergences;
  readonly #guardHeap = createHeapGuard(systemClock.monotonicMs);

  constructor(
    reader: RunReader,
    run: RunRow,
    options: VerifyOptions,
    evidence: EvidenceCheck | undefined,
    passes: PassThread,
  ) {
    const { divergencesMax = 1 } = options;
    this.#reader = reader;
    this.#run = run;
    this.#options = options;
    this.#evidence = evidence;
    this.#passes = passes;
    this.#ledger = new Ledger(run.context.runtimeRunId);
    this.#found = new Divergences(divergencesMax);
    this.#faults = new Divergences(divergencesMax);
  }

  async verify(): Promise<Verification> {
    const files = (await this.#evidence?.begin()) ?? 0;
    const { anchorSha256, divergencesMax = 1 } = this.#options;
    const chained = this.#passes.chain({ until: this.#run.lastSeq, anchorSha256, divergencesMax });
    await this.#fold();
    const chain = await chained;
    const digested = this.#passes.decisions(this.#ledger.covered?.decisionCount ?? 0);
    this.#found.take(chain);
    this.#checkTail(chain);
    this.#found.take(this.#faults);

    const moved = (await this.#reader.run()).lastSeq > this.#run.lastSeq;
    const parts = { reader: this.#reader, run: this.#run, ledger: this.#ledger, moved };
    const report = (divergence: Divergence) => this.#found.add(divergence);
    const actions = await checkActions(parts, report, (row) => this.#artifacts.ofRow(row));
    if (!moved) checkRun(parts, report);
    const decisions = await digested;
    checkDecisions(parts, decisions, report);
    await checkSignals(parts, report);
    const { deployment } = this.#options;
    if (deployment !== undefined && !moved) await checkRollouts(parts, deployment, report);
    this.#artifacts.ofRun(this.#run);
    const artifacts = await this.#artifacts.check(this.#reader, report);
    const rebuild = this.#options.rebuild === true || this.#found.in("decision");
    const historyWhole = !this.#found.in("chain");
    const differing = (await this.#evidence?.end({ rebuild, historyWhole })) ?? [];
    for (const divergence of differing) report(divergence);
    return {
      verdict: this.#found.count === 0 ? "verified" : "diverged",
      events: chain.events,
      actions,
      decisions: decisions.count,
      artifacts,
      evidenceFiles: files,
      evidence: this.#evidence === undefined ? "not looked at" : sealingOf(this.#run),
      chainSha256: chain.headSha256,
      anchorSeq: chain.anchorSeq,
      divergenceCount: this.#found.count,
      divergences: await this.#withTypes(),
      moved,
    };
  }

  async #withTypes(): Promise<readonly Divergence[]> {
    const typed: Divergence[] = [];
    for (const divergence of this.#found.kept) {
      const { event_seq: seq, event_type: type } = divergence;
      const event = seq === null || type !== null ? null : await this.#reader.eventAt(seq);
      typed.push(event === null ? divergence : { ...divergence, event_type: event.type });
    }
    return typed;
  }

  async #fold(): Promise<void> {
    const last = this.#run.lastSeq;
    for (let after = 0; after < last; ) {
      const page = await this.#reader.events(after, limits.replayPageRows);
      this.#guardHeap();
      if (page.length === 0) return;
      for (const event of page) {
        after = event.seq;
        if (after > last) return;
        const fact = recordedFact(event);
        if (fact === undefined) continue;
        const fault = this.#ledger.add(event, fact);
        if (fault !== undefined) {
          const { about: place, ...rest } = fault;
          this.#faults.add({ place, event_seq: event.seq, event_type: event.type, ...rest });
        }
        this.#artifacts.ofFact(fact, event.seq);
      }
    }
  }

  /** What was cut off at the end leaves no gap: the seal and the anchor remember how far the history went. */
  #checkTail(chain: ChainPass): void {
    const last = this.#run.lastSeq;
    const sealedSeq = this.#run.evidenceSeq ?? 0;
    const at = { place: "chain", event_seq: last, event_type: null } as const;
    if (sealedSeq > last) {
      this.#found.add({
        ...at,
        name: `events after ${last} removed`,
        expected: `event ${sealedSeq}, which the evidence covers`,
        found: `${last} events`,
      });
    }
    const { anchorSha256 } = this.#options;
    if (anchorSha256 !== undefined && chain.anchorSeq === undefined) {
      this.#found.add({
        ...at,
        name: "the digest noted elsewhere",
        expected: anchorSha256,
        found: `no event has it; the last one has ${chain.headSha256}`,
      });
    }
  }
}
