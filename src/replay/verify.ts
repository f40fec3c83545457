/**
 * Holds everything that is kept of a run against its events: the chain, the tables, the decisions, the inbox, the artifacts
 * and the evidence files. It reads; it changes and mends nothing.
 *
 * Source: architecture "Events are the truth"; spec cli §11 (cli:W-15).
 */
import { type RecordedFact, recordedFact } from "../kernel/recorded.ts";
import { limits } from "../limits.ts";
import type { RunReader, RunRow } from "../store/contract.ts";
import { Artifacts } from "./artifacts.ts";
import { ChainCheck } from "./chain-check.ts";
import { type Divergence, Divergences } from "./divergence.ts";
import { EvidenceCheck, type Sealing, sealingOf } from "./evidence-check.ts";
import { Ledger } from "./ledger.ts";
import { checkActions, checkDecisions, checkRun, checkSignals } from "./tables.ts";

export interface VerifyOptions {
  /** `<outputs_root>/<tenant>/<repo>`, where the evidence lies; absent when there are no files to look at. */
  readonly scopeRoot?: string | undefined;
  /** Whether every evidence file is made again from the events, also those whose digest is as sealed. */
  readonly rebuild?: boolean;
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
  try {
    return await new Check(reader, run, options, evidence).verify();
  } finally {
    evidence?.close();
  }
}

class Check {
  readonly #reader: RunReader;
  readonly #run: RunRow;
  readonly #options: VerifyOptions;
  readonly #evidence: EvidenceCheck | undefined;
  readonly #chain: ChainCheck;
  readonly #ledger: Ledger;
  readonly #artifacts = new Artifacts();
  readonly #found: Divergences;
  #events = 0;
  #anchorSeq: number | undefined;

  constructor(reader: RunReader, run: RunRow, options: VerifyOptions, evidence: EvidenceCheck | undefined) {
    this.#reader = reader;
    this.#run = run;
    this.#options = options;
    this.#evidence = evidence;
    this.#chain = new ChainCheck(run);
    this.#ledger = new Ledger(run.context.runtimeRunId);
    this.#found = new Divergences(options.divergencesMax ?? 1);
  }

  async verify(): Promise<Verification> {
    const files = (await this.#evidence?.begin()) ?? 0;
    await this.#history();
    const moved = (await this.#reader.run()).lastSeq > this.#run.lastSeq;
    const parts = { reader: this.#reader, run: this.#run, ledger: this.#ledger, moved };
    const report = (divergence: Divergence) => this.#found.add(divergence);
    const actions = await checkActions(parts, report, (row) => this.#artifacts.ofRow(row));
    if (!moved) checkRun(parts, report);
    const decisions = await checkDecisions(parts, report);
    await checkSignals(parts, report);
    this.#artifacts.ofRun(this.#run);
    const artifacts = await this.#artifacts.check(this.#reader, report);
    const rebuild = this.#options.rebuild === true || this.#found.in("decision");
    const historyWhole = !this.#found.in("chain");
    const differing = (await this.#evidence?.end({ rebuild, historyWhole })) ?? [];
    for (const divergence of differing) report(divergence);
    return {
      verdict: this.#found.count === 0 ? "verified" : "diverged",
      events: this.#events,
      actions,
      decisions,
      artifacts,
      evidenceFiles: files,
      evidence: this.#evidence === undefined ? "not looked at" : sealingOf(this.#run),
      chainSha256: this.#chain.headSha256,
      anchorSeq: this.#anchorSeq,
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

  async #history(): Promise<void> {
    const { anchorSha256 } = this.#options;
    const last = this.#run.lastSeq;
    for (let done = false; !done; ) {
      const page = await this.#reader.events(this.#chain.seq, limits.replayPageRows);
      for (const event of page) {
        if (event.seq > last) {
          done = true;
          break;
        }
        this.#events += 1;
        const broken = this.#chain.next(event);
        if (broken !== undefined) this.#found.add(broken);
        const fact = recordedFact(event);
        this.#follow(event, fact);
        if (event.sha256 === anchorSha256) this.#anchorSeq = event.seq;
      }
      if (page.length === 0) break;
    }
    this.#end(last);
  }

  #follow(
    event: { readonly seq: number; readonly type: string; readonly atMs: number },
    fact: RecordedFact | undefined,
  ): void {
    if (fact === undefined) return;
    const fault = this.#ledger.add(event, fact);
    if (fault !== undefined) {
      const { about: place, ...rest } = fault;
      this.#found.add({ place, event_seq: event.seq, event_type: event.type, ...rest });
    }
    this.#artifacts.ofFact(fact, event.seq);
  }

  /** What was cut off at the end leaves no gap: the seal and the anchor remember how far the history went. */
  #end(last: number): void {
    const sealedSeq = this.#run.evidenceSeq ?? 0;
    if (sealedSeq > last) {
      this.#found.add({
        place: "chain",
        event_seq: last,
        event_type: null,
        name: `events after ${last} removed`,
        expected: `event ${sealedSeq}, which the evidence covers`,
        found: `${last} events`,
      });
    }
    const { anchorSha256 } = this.#options;
    if (anchorSha256 !== undefined && this.#anchorSeq === undefined) {
      this.#found.add({
        place: "chain",
        event_seq: last,
        event_type: null,
        name: "the digest noted elsewhere",
        expected: anchorSha256,
        found: `no event has it; the last one has ${this.#chain.headSha256}`,
      });
    }
  }
}
