/**
 * The files that grow with a run (events, evidence, decisions, spans, audit, trace export), written side by side in one pass
 * over the run's rows. What stands in memory is one page and what is under way, whatever the length of the run.
 */
import { AkcError } from "../errors.ts";
import { prettyJson } from "../json/canonical.ts";
import { limits } from "../limits.ts";
import { EventChain, genesisOf } from "../store/chain.ts";
import type { RunReader, RunRow, StoredEvent } from "../store/contract.ts";
import { systemClock } from "../system/clock.ts";
import { createHeapGuard } from "../system/heap-guard.ts";
import { AuditTrail } from "./audit.ts";
import type { NamedFile } from "./beside.ts";
import { decisionJson } from "./decisions.ts";
import type { BundleFacts } from "./facts.ts";
import { type Health, kernelHealth, worst } from "./health.ts";
import type { EvidencePaths } from "./layout.ts";
import { type OtelFile, OtelLines, openOtelFile } from "./otel.ts";
import { RunProgress } from "./progress.ts";
import { EventProjector } from "./project.ts";
import { reconcileOutcomes } from "./reconcile-outcomes.ts";
import { type ReconcileRecord, Reconciliation } from "./reconcile-rows.ts";
import { RecordedDecisions } from "./record.ts";
import { type EvidenceRow, EvidenceRows, EvidenceTally } from "./rows.ts";
import type { Seal } from "./seal.ts";
import { type Span, Spans } from "./spans.ts";
import { type ArrayFile, createArrayFile, createLineFile, type LineFile } from "./text/row-file.ts";
import { RowReader } from "./text/row-reader.ts";
import { type Attested, ValidityRows } from "./validity-rows.ts";

export interface StreamInput {
  readonly reader: RunReader;
  readonly run: RunRow;
  readonly facts: BundleFacts;
  /** Where the files are written. */
  readonly paths: EvidencePaths;
  readonly seal: Seal;
  /** Whether the trace export gets its lines too; its file is not the run's own. */
  readonly shared: boolean;
  readonly nowMs: number;
  /** Whether the fingerprints of the files are wanted; they cost about as much as the files. */
  readonly fingerprinted: boolean;
}

export interface StreamResult {
  readonly progress: RunProgress;
  readonly tally: EvidenceTally;
  readonly decisions: RecordedDecisions;
  readonly health: Health;
  readonly reconcile: ReconcileRecord;
  /** Absent where the run was not judged. */
  readonly attested: Attested | undefined;
  /** Files that events of the run name, beside those that tell of the events. */
  readonly named: readonly NamedFile[];
  /** Digest of the last event. */
  readonly chainSha256: string;
  readonly sha256: {
    readonly events: string;
    readonly evidence: string;
    readonly decisions: string;
    /** Of the file's bytes; undefined when there is nothing to audit. */
    readonly audit: string | undefined;
  };
}

interface Files {
  readonly events: ArrayFile;
  readonly evidence: ArrayFile;
  readonly decisions: ArrayFile;
  readonly spans: ArrayFile;
  readonly audit: LineFile;
  readonly otel: OtelFile | undefined;
}

/** Every file is whole or as it was before, also when it rejects. @throws AkcError STORE_DAMAGED, DISK_FULL */
export async function writeStreams(input: StreamInput): Promise<StreamResult> {
  const undo: (() => Promise<void>)[] = [];
  try {
    const files = await openFiles(input, undo);
    return await new Streams(input, files).write();
  } catch (cause) {
    for (const discard of undo) await discard();
    throw cause;
  }
}

async function openFiles(
  { paths, run, seal, shared, fingerprinted }: StreamInput,
  undo: (() => Promise<void>)[],
): Promise<Files> {
  const kept = <F extends { discard(): Promise<void> }>(file: F): F => {
    undo.push(() => file.discard());
    return file;
  };
  const otel = shared ? await openOtelFile(paths.otel, run.context.runtimeRunId) : undefined;
  if (otel !== undefined) undo.push(() => otel.undo());
  const open = (path: string) => seal.open(path);
  return {
    events: kept(await createArrayFile(paths.events, { fingerprinted, open })),
    evidence: kept(await createArrayFile(paths.evidence, { fingerprinted, open })),
    decisions: kept(await createArrayFile(paths.decisions, { fingerprinted, open })),
    spans: kept(await createArrayFile(paths.spans, { around: aroundSpans(run), open })),
    audit: kept(await createLineFile(paths.audit, fingerprinted, open)),
    otel,
  };
}

/** What `runtime_trace_spans.json` says beside the spans. */
function aroundSpans({ context, traceId }: RunRow): { readonly before: string; readonly after: string } {
  const { scope, runId, runtimeRunId } = context;
  const member = (key: string, value: string) => `  "${key}": ${prettyJson(value)}`;
  const before = [
    member("repo_id", scope.repoId),
    member("run_id", runId),
    member("runtime_run_id", runtimeRunId),
  ];
  const after = [member("tenant_id", scope.tenantId), member("trace_id", traceId)];
  return { before: `{\n${before.join(",\n")},\n  "spans": `, after: `,\n${after.join(",\n")}\n}` };
}

const eventOfEnd = "runtime.kernel.loop_finished";

class Streams {
  readonly #input: StreamInput;
  readonly #files: Files;
  readonly #rows: EvidenceRows;
  readonly #projector: EventProjector;
  readonly #trail: AuditTrail;
  readonly #spans: Spans;
  readonly #otel: OtelLines;
  readonly #progress = new RunProgress();
  readonly #tally = new EvidenceTally();
  readonly #reconciliation = new Reconciliation();
  readonly #validity = new ValidityRows();
  readonly #recorded = new RecordedDecisions();
  readonly #chain: EventChain;
  readonly #guardHeap = createHeapGuard(systemClock.monotonicMs);
  #seq = 0;
  /** Over the whole run: as its last end tells. */
  #kernelSpan: Span | undefined;

  constructor(input: StreamInput, files: Files) {
    const { run, facts } = input;
    this.#input = input;
    this.#files = files;
    this.#chain = new EventChain(genesisOf(run));
    this.#rows = new EvidenceRows(run, facts);
    this.#projector = new EventProjector(run, facts);
    this.#trail = new AuditTrail(run, (record) => files.audit.add(record));
    this.#spans = new Spans(run);
    this.#otel = new OtelLines(run, facts);
  }

  async write(): Promise<StreamResult> {
    const { run, nowMs } = this.#input;
    await this.#decisions();
    await this.#events();
    await this.#actions();
    const reconciliation = this.#reconciliation;
    const stood = { ...run, ...this.#validity.before };
    const health = worst([kernelHealth(stood, this.#progress.phases), reconciliation.health]);
    const atMs = Math.max(run.finishedAtMs ?? nowMs, reconciliation.endedAtMs);
    this.#evidence(this.#rows.providerSnapshot(atMs, reconciliation.effectiveProvider));
    await this.#outcomes(stood.status);
    for (const row of reconciliation.rows()) this.#evidence(this.#rows.reconciliation(row));
    if (!reconciliation.happened) this.#evidence(this.#rows.nothingReconciled(atMs, stood.status));
    for (const row of this.#validity.rows) this.#evidence(this.#rows.observed(row));
    this.#evidence(this.#rows.aggregate(atMs, { health, status: stood.status }, reconciliation.outcome));
    return {
      progress: this.#progress,
      tally: this.#tally,
      decisions: this.#recorded,
      health,
      reconcile: reconciliation.record,
      attested: this.#validity.attested,
      named: this.#validity.files,
      chainSha256: this.#chain.head.toHex(),
      sha256: await this.#finish(),
    };
  }

  async #decisions(): Promise<void> {
    const { reader, run } = this.#input;
    const { decisions, evidence } = this.#files;
    const contexts = new RowReader();
    for (let after = 0; ; ) {
      const page = await reader.decisions(after, limits.storePageRows);
      for (const row of page) {
        const json = decisionJson(run, row, contexts);
        decisions.add(json);
        this.#recorded.add(json);
        this.#evidence(this.#rows.decision(json));
        after = row.row;
      }
      if (page.length === 0) return;
      await this.#rest(decisions, evidence);
    }
  }

  async #events(): Promise<void> {
    const { reader } = this.#input;
    const { events, evidence, spans, audit, otel } = this.#files;
    for (;;) {
      const page = await reader.events(this.#seq, limits.storePageRows);
      for (const event of page) this.#event(event);
      if (page.length === 0) return;
      await this.#rest(events, evidence, spans, audit, ...(otel === undefined ? [] : [otel]));
    }
  }

  #event(stored: StoredEvent): void {
    this.#verify(stored);
    const event = this.#projector.project(stored);
    this.#progress.event(event);
    this.#reconciliation.event(event);
    this.#validity.event(event);
    this.#files.events.add(this.#projector.wire(event));
    const row = this.#rows.event(event);
    if (row !== undefined) this.#evidence(row);
    const { spans, otel } = this.#files;
    const span = this.#spans.span(event);
    if (span !== undefined) {
      // The file of all runs only ever grows: there, a run that went on later has a line for each of its ends.
      otel?.add(this.#otel.line("runtime.trace_span", span));
      if (event.type === eventOfEnd) this.#kernelSpan = span;
      else spans.add(span);
    }
    const record = this.#trail.record(event);
    if (record === undefined) return;
    otel?.add(this.#otel.line("runtime.coordination_audit", this.#spans.auditSpan(event, record)));
  }

  /** What is handed to others must be what was written: a gap or a changed byte ends the export. */
  #verify({ seq, type, atMs, payload, sha256 }: StoredEvent): void {
    const expected = this.#seq + 1;
    this.#seq = seq;
    const digest = this.#chain.append(seq, type, atMs, payload).toHex();
    if (seq === expected && digest === sha256) return;
    throw new AkcError("STORE_DAMAGED", {
      message: "the run's events are not the ones that were written: the hash chain is broken",
      details: { runtimeRunId: this.#input.run.context.runtimeRunId, seq, expectedSeq: expected },
    });
  }

  /** What was done to resources stands after what follows from the other events: its events are read a second time. */
  async #outcomes(runtimeStatus: string): Promise<void> {
    const { reader } = this.#input;
    const reconciliation = this.#reconciliation;
    const sources = { reader, reconciliation, untilSeq: this.#seq, runtimeStatus };
    for await (const rows of reconcileOutcomes(sources)) {
      for (const row of rows) this.#evidence(this.#rows.reconciliation(row));
      await this.#rest(this.#files.evidence);
    }
  }

  async #actions(): Promise<void> {
    for (let after = ""; ; ) {
      const page = await this.#input.reader.actionsAfter(after, limits.storePageRows);
      for (const row of page) this.#progress.action(row);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.actionId;
      await this.#rest();
    }
  }

  /** Between pages: what these files gathered is handed on, and what the page left behind is collected. */
  async #rest(...files: readonly { flush(): Promise<void> }[]): Promise<void> {
    for (const file of files) await file.flush();
    this.#guardHeap();
  }

  #evidence(row: EvidenceRow): void {
    this.#tally.count(row);
    this.#files.evidence.add(row);
  }

  async #finish(): Promise<StreamResult["sha256"]> {
    const { events, evidence, decisions, spans, audit, otel } = this.#files;
    const sha256 = {
      events: await events.finish(),
      evidence: await evidence.finish(),
      decisions: await decisions.finish(),
      audit: await audit.finish(),
    };
    if (this.#kernelSpan !== undefined) spans.add(this.#kernelSpan);
    await spans.finish();
    await otel?.close();
    return sha256;
  }
}
