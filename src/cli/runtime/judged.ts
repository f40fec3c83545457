/**
 * How a run was judged by outside evidence, out of its last judgement: one look at the end of its history. Reads only, and believes
 * what was recorded; whether that is true is asked of `akc verify`.
 *
 * Source: spec reconcile §8.
 */
import * as v from "valibot";
import { evidencePaths } from "../../evidence/layout.ts";
import { eventTypes } from "../../kernel/wire.ts";
import { limits } from "../../limits.ts";
import type { RunReader, RunRow } from "../../store/contract.ts";
import { type Verdict, verdicts } from "../../validators/contract.ts";
import type { Plain } from "../render/output.ts";
import type { Style } from "../render/style.ts";
import { printable } from "../render/text.ts";

export interface Judged {
  readonly verdict: Verdict;
  /** Whether all criteria pass, those too that only advise. */
  readonly passed: boolean;
  readonly atMs: number;
}

export interface JudgedInFull extends Judged {
  /** The lines of what did not pass; undefined where the report is not there any more. */
  readonly failures: readonly string[] | undefined;
  /** Absolute. */
  readonly reportPath: string;
}

const Attested = v.object({
  verdict: v.picklist(verdicts),
  passed: v.boolean(),
  report: v.optional(v.nullable(v.object({ sha256: v.string() })), null),
});
const Report = v.object({
  criterion_results: v.array(
    v.object({ failures: v.optional(v.array(v.string()), []), advisory: v.optional(v.boolean(), false) }),
  ),
});

type Found = Judged & { readonly reportSha256: string | undefined };

/** The verdict alone, where it is the last word of a run that has ended: what a list can afford to ask of many. */
export async function lastVerdict(
  reader: Pick<RunReader, "eventAt">,
  { outcome, lastSeq }: Pick<RunRow, "outcome" | "lastSeq">,
): Promise<Judged | undefined> {
  if (outcome === null) return undefined;
  const event = await reader.eventAt(lastSeq);
  return event === null ? undefined : attested(event);
}

/** The last judgement since the run ended; undefined where there was none, and while the run goes on. */
export async function lastJudgement(
  reader: Pick<RunReader, "events" | "artifacts">,
  run: Pick<RunRow, "outcome" | "lastSeq" | "context">,
  scopeRoot: string,
): Promise<JudgedInFull | undefined> {
  if (run.outcome === null) return undefined;
  const found = await lastAttested(reader, run.lastSeq);
  if (found === undefined) return undefined;
  const { reportSha256, ...judged } = found;
  return {
    ...judged,
    failures: reportSha256 === undefined ? undefined : await failuresIn(reader, reportSha256),
    reportPath: evidencePaths(scopeRoot, run.context).validityReport,
  };
}

async function lastAttested(reader: Pick<RunReader, "events">, lastSeq: number): Promise<Found | undefined> {
  for (let end = lastSeq; end > 0; end -= limits.eventsPageMax) {
    const after = Math.max(0, end - limits.eventsPageMax);
    for (const event of (await reader.events(after, end - after)).toReversed()) {
      // What was judged before the kernel went on with the run says nothing of how it is now.
      if (event.type === eventTypes.loopFinished) return undefined;
      const found = attested(event);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function attested({ type, payload, atMs }: { type: string; payload: string; atMs: number }) {
  if (type !== eventTypes.validityAttested) return undefined;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Attested), payload);
  if (!parsed.success) return undefined;
  const { verdict, passed, report } = parsed.output;
  return { verdict, passed, atMs, reportSha256: report?.sha256 };
}

/** An archive may lack it, and a disk lose it: the verdict stands in the history all the same. */
async function failuresIn(
  { artifacts }: Pick<RunReader, "artifacts">,
  sha256: string,
): Promise<readonly string[] | undefined> {
  try {
    const text = new TextDecoder().decode(await artifacts.read(sha256));
    const report = v.parse(v.pipe(v.string(), v.parseJson(), Report), text);
    return report.criterion_results.flatMap(({ failures, advisory }) =>
      advisory ? failures.map((line) => `${line} (only advises)`) : failures,
    );
  } catch {
    return undefined;
  }
}

export function verdictData({ verdict, passed }: Judged): { readonly [key: string]: Plain } {
  return { verdict, passed };
}

export function judgementData(judged: JudgedInFull): Plain {
  const { failures, reportPath, atMs } = judged;
  return {
    ...verdictData(judged),
    failures: failures ?? null,
    report_path: reportPath,
    judged_at_ms: atMs,
  };
}

/** What did not pass is said here: the report holds it among all that did. */
export function judgementLines({
  verdict,
  failures = [],
  reportPath,
}: Pick<JudgedInFull, "verdict" | "failures" | "reportPath">): readonly string[] {
  const shown = failures.slice(0, limits.failuresShownMax).map((failure) => `  ${printable(failure)}`);
  const left = failures.length - shown.length;
  return [
    `validity: ${verdict}`,
    ...shown,
    ...(left > 0 ? [`  and ${left} more`] : []),
    `validity_report_path: ${printable(reportPath)}`,
  ];
}

export function paintVerdict(style: Style, verdict: Verdict, text: string): string {
  if (verdict === "pass") return style.good(text);
  return verdict === "inconclusive" ? style.warn(text) : style.bad(text);
}
